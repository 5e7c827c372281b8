"""`/sign-in` where names are asserted: who of the demo's people do you want to be."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web import templating
from web.refusals import Refusal
from web.session import DEMO_PEOPLE, Asserted

router = APIRouter()
DOES = {
    "ann": "submits and evaluates, and can't approve",
    "ben": "approves and cancels",
    "cleo": "reads the record, verifies and exports it",
    "dora": "has all of these roles; four eyes still hold",
    "vic": "only reads",
}


@router.get("/sign-in")
def show(request: Request, then: str = "/") -> Response:
    """The people to choose from."""
    console = request.app.state.console
    frame = templating.frame(request, console, console.clock.now())
    people = [(name, sorted(roles), DOES[name]) for name, roles in DEMO_PEOPLE.items()]
    made = templating.environment().get_template("sign_in.html")
    told = {"title": "Who are you?", "status": "", "said": "", "people": people, "then": _inside(then)}
    return HTMLResponse(made.render(frame | told))


@router.post("/sign-in")
def choose(request: Request, name: Annotated[str, Form()], then: Annotated[str, Form()] = "/") -> Response:
    """From now on this browser is that person's."""
    console = request.app.state.console
    sessions = console.sessions
    if not isinstance(sessions, Asserted) or name not in DEMO_PEOPLE:
        raise Refusal(403, "Nobody of that name", "Choose one of the people listed.", (("/sign-in", "Choose"),))
    answer = RedirectResponse(_inside(then), 303)
    sessions.begin(answer, name, console.settings.is_secure)
    return answer


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """Nobody's any more."""
    answer = RedirectResponse("/sign-in", 303)
    sessions = request.app.state.console.sessions
    if isinstance(sessions, Asserted):
        sessions.end(answer)
    return answer


def _inside(then: str) -> str:
    """A path of this console, and nothing that leads elsewhere."""
    return then if then.startswith("/") and not then.startswith(("//", "/\\")) else "/"
