"""`/sign-in`: by password, passkey or provider; where names are asserted, a choice of the demo's people."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from acting import signing_in
from acting.signing_in import NotSignedIn, TooOften
from identity.passkeys import Site
from identity.person import Person
from web import templating
from web.console import Console
from web.oidc import Flow, NotVouchedFor
from web.refusals import Refusal
from web.session import DEMO_PEOPLE, Asserted, SignedIn

router = APIRouter()
DOES = {
    "ann": "submits and evaluates, and can't approve",
    "ben": "approves and cancels",
    "cleo": "reads the record, verifies and exports it",
    "dora": "has all of these roles; four eyes still hold",
    "ada": "adds people and gives roles; never approves",
    "vic": "only reads",
}
FLOW_LASTS = 600  # seconds
Text = Annotated[str, Form(max_length=500)]
Then = Annotated[str, Form(max_length=2000)]


@router.get("/sign-in")
def show(request: Request, then: str = "/") -> Response:
    """The ways in."""
    console: Console = request.app.state.console
    if isinstance(console.sessions, Asserted):
        people = [(name, sorted(roles), DOES[name]) for name, roles in DEMO_PEOPLE.items()]
        return _page(request, "sign_in.html", "Who are you?", people=people, then=_inside(then))
    return _ways(request, then)


@router.post("/sign-in")
def enter(request: Request, name: Text, password: Text = "", then: Then = "/") -> Response:
    """By name and password; where names are asserted, from now on this browser is that person's."""
    console: Console = request.app.state.console
    if isinstance(console.sessions, Asserted):
        if name not in DEMO_PEOPLE:
            raise Refusal(403, "Nobody of that name", "Choose one of the people listed.", (("/sign-in", "Choose"),))
        entered = RedirectResponse(_inside(then), 303)
        console.sessions.begin(entered, name, console.settings.is_secure)
        return entered
    try:
        person = signing_in.by_password(console.books, name, password, _address(request), console.clock.now())
    except NotSignedIn as flaw:
        answer = _ways(request, then, str(flaw), name)
        if isinstance(flaw, TooOften):
            answer.status_code = 429
            answer.headers["Retry-After"] = str(flaw.seconds)
        return answer
    return _begun(request, person, then)


@router.post("/sign-in/passkey/options")
def ask_passkey(request: Request) -> Response:
    """What the browser is asked for."""
    console = _signed(request)
    return JSONResponse(signing_in.asked(console.books, site(console), console.clock.now()))


@router.post("/sign-in/passkey")
def enter_by_passkey(request: Request, answer: Annotated[str, Form(max_length=20_000)], then: Then = "/") -> Response:
    """By what a device answered."""
    console = _signed(request)
    try:
        person = signing_in.by_passkey(console.books, answer, console.clock.now())
    except NotSignedIn as flaw:
        return _ways(request, then, str(flaw))
    return _begun(request, person, then)


@router.get("/sign-in/oidc")
def to_provider(request: Request, then: str = "/") -> Response:
    """Off to the provider."""
    console = _signed(request)
    if console.oidc is None:
        raise Refusal(404, "There is no provider", "Sign in by name and password.", (("/sign-in", "Sign in"),))
    flow = Flow(secrets.token_urlsafe(32))
    try:
        answer = RedirectResponse(console.oidc.begin(flow), 303)
    except NotVouchedFor as flaw:
        return _ways(request, then, f"{flaw}.")
    value = f"{flow.secret}.{_inside(then)[:500]}"
    secure = console.settings.is_secure  # Lax: the browser comes back from another site
    answer.set_cookie(_flow(console), value, max_age=FLOW_LASTS, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


@router.get("/sign-in/oidc/back")
def from_provider(request: Request) -> Response:
    """Back from the provider: who it is, with the roles of their groups as they are today."""
    console = _signed(request)
    secret, _, then = request.cookies.get(_flow(console), "").partition(".")
    if console.oidc is None or not secret:
        return _ways(request, "/", "This sign-in took too long, or was begun elsewhere. Try again.")
    try:
        vouched = console.oidc.end(Flow(secret), dict(request.query_params))
        now = console.clock.now()
        person = signing_in.vouched_for(console.books, vouched.subject, vouched.name, vouched.roles, now)
    except (NotVouchedFor, LookupError) as flaw:
        return _ways(request, then, f"You are not signed in: {flaw}.")
    answer: Response
    if not person.roles:
        groups = ", ".join(vouched.groups) or "none"
        why = f"{person.name}, your provider names these groups: {groups}. None of them has a role here, so there is "
        why += "nothing that you may see. Ask whoever administers the console."
        answer = _ways(request, then, why)
    else:
        # A page that leads on, not a redirect: a browser that comes from another site would not show its new cookie.
        answer = _page(request, "signed_in.html", "Signed in", name=person.name, to=_inside(then))
        assert isinstance(console.sessions, SignedIn)
        console.sessions.begin(request, answer, person)
    answer.delete_cookie(_flow(console), path="/", secure=console.settings.is_secure, httponly=True, samesite="lax")
    return answer


@router.get("/set-up")
def choose_password(request: Request, link: str = "") -> Response:
    """Where a set-up link leads: to a password of one's own, once."""
    console = _signed(request)
    person = signing_in.of_link(console.books, link, console.clock.now())
    if person is None:
        why = "It was used, or is too old. Ask whoever administers people for another one."
        raise Refusal(410, "This link leads nowhere any more", why, (("/sign-in", "Sign in"),))
    return _page(request, "set_up.html", "Set your password", name=person.name, secret=link, wrong="")


@router.post("/set-up")
def keep_password(request: Request, link: Text, password: Text) -> Response:
    """Keeps the password, and signs in."""
    console = _signed(request)
    try:
        person = signing_in.set_password(console.books, link, password, console.clock.now())
    except NotSignedIn as flaw:
        return _page(request, "set_up.html", "Set your password", 422, name="", secret=link, wrong=str(flaw))
    return _begun(request, person, "/")


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """Nobody's any more."""
    answer = RedirectResponse("/sign-in", 303)
    sessions = request.app.state.console.sessions
    if isinstance(sessions, Asserted):
        sessions.end(answer)
    elif isinstance(sessions, SignedIn):
        sessions.end(request, answer)
    return answer


def site(console: Console) -> Site:
    """Where people sign in, as passkeys know it."""
    from urllib.parse import urlsplit

    return Site(urlsplit(console.settings.origin).hostname or "localhost", console.settings.origin)


def _signed(request: Request) -> Console:
    console: Console = request.app.state.console
    if not isinstance(console.sessions, SignedIn):
        why = "Names are asserted here: choose one of the people listed."
        raise Refusal(404, "Nobody signs in here", why, (("/sign-in", "Choose"),))
    return console


def _flow(console: Console) -> str:
    """The cookie of a sign-in that is under way at a provider; behind TLS of this host alone: nobody plants one."""
    return "__Host-rebalancer-oidc" if console.settings.is_secure else "rebalancer-oidc"


def _begun(request: Request, person: Person, then: str) -> Response:
    answer = RedirectResponse(_inside(then), 303)
    sessions = request.app.state.console.sessions
    assert isinstance(sessions, SignedIn)
    sessions.begin(request, answer, person)
    return answer


def _ways(request: Request, then: str, wrong: str = "", name: str = "") -> Response:
    oidc = request.app.state.console.oidc is not None
    code = 401 if wrong else 200
    return _page(request, "ways_in.html", "Sign in", code, then=_inside(then), wrong=wrong, name=name, oidc=oidc)


def _page(request: Request, template: str, title: str, code: int = 200, **told: Any) -> Response:
    console: Console = request.app.state.console
    frame = templating.frame(request, console, console.clock.now())
    made = templating.environment().get_template(template)
    content = made.render(frame | {"title": title, "status": "", "said": ""} | told)
    return HTMLResponse(content, code, {"Cache-Control": "no-store"})


def _address(request: Request) -> str:
    return request.client.host if request.client else "nowhere"


def _inside(then: str) -> str:
    """A path of this console, and nothing that leads elsewhere: browsers leave tabs out, and take \\ for /."""
    return then if then.startswith("/") and not then.startswith("//") and _is_plain(then) else "/"


def _is_plain(path: str) -> bool:
    return path.isprintable() and "\\" not in path
