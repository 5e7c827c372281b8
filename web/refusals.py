"""A refusal is a page: what was refused, why, and what to do now. Nobody sees a traceback."""

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg.errors import NumericValueOutOfRange
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reading.places import Lost
from reading.refused import Changed, Conflict, Refused, Unknown, Unreachable

Links = Sequence[tuple[str, str]]  # where, and what it is called


class Refusal(Exception):
    """What can't be done: its status, a heading, why, and where to go."""

    def __init__(self, code: int, what: str, why: str, todo: Links = ()) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.why = why
        self.todo = todo


class SignIn(Exception):
    """Nobody is signed in."""

    def __init__(self, request: Request) -> None:
        super().__init__("nobody is signed in")
        self.request = request


CODES: dict[type[Refused], int] = {Unknown: 404, Conflict: 409, Changed: 412, Unreachable: 503}
HEADINGS = {
    404: "It is not there",
    409: "Not now",
    412: "It changed since you looked",
    503: "Something does not answer",
}
HOME: Links = (("/", "What needs you"), ("/status", "Is everything working"))


def register(app: FastAPI) -> None:
    """What becomes of everything that a page raises."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(Refused, _refused_below)
    app.add_exception_handler(Lost, _no_place)
    app.add_exception_handler(SignIn, _to_sign_in)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _of_the_server)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(DataError, _no_value)
    app.add_exception_handler(Exception, _fault)


def page(request: Request, refusal: Refusal) -> Response:
    """The page of a refusal, in the frame of every other."""
    from web import templating

    console = request.app.state.console
    try:
        session = console.sessions.of(request)
    except Exception:  # the database that knows sessions may be what does not answer
        session = None
    frame = templating.frame(request, console, console.clock.now())
    person = {"person": session.person, "form_token": session.form_token} if session else {"person": None}
    told = {"title": refusal.what, "status": str(refusal.code), "refusal": refusal, "todo": refusal.todo or HOME}
    content = templating.environment().get_template("refusal.html").render(frame | person | {"said": ""} | told)
    return HTMLResponse(content, refusal.code)


def _refused(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, Refusal)
    return page(request, flaw)


def _refused_below(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, Refused)
    code = next((code for kind, code in CODES.items() if isinstance(flaw, kind)), 409)
    from web.actions import links_of, words_of

    told = words_of(flaw)
    return page(request, Refusal(code, HEADINGS.get(code, "It was refused"), told, links_of(flaw.next_actions)))


def _no_place(request: Request, flaw: Exception) -> Response:
    from web.templating import at

    why = "The address does not name a place in this listing."
    return page(request, Refusal(422, "There is no such page", why, ((at(request), "The first page"),)))


def _to_sign_in(request: Request, flaw: Exception) -> Response:
    from web.templating import at
    from web.visit import link

    if request.method == "GET" and request.headers.get("hx-request") != "true":
        then = at(request) + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(link("/sign-in", then=then if then != "/" else None), 303)
    why = "Nobody is signed in here any more, so nothing was changed."
    return page(request, Refusal(401, "Sign in first", why, (("/sign-in", "Sign in"),)))


def _not_understood(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, RequestValidationError)
    from web.templating import back

    told = [f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in flaw.errors()]
    why = f"{'; '.join(told)}. Nothing was changed."
    return page(request, Refusal(422, "That can't be read", why, ((back(request), "Open the page anew"),)))


def _of_the_server(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, HTTPException)
    if flaw.status_code == 404:
        why = f"Nothing is at {request.url.path}. Pages are in the list above."
        return page(request, Refusal(404, "There is no such page", why))
    return page(request, Refusal(flaw.status_code, "That can't be done", str(flaw.detail)))


def _no_database(request: Request, flaw: Exception) -> Response:
    logging.getLogger("console").warning("the database does not answer: %s", type(flaw).__name__)
    why = "Nothing was changed. What is under way goes on as soon as the database is back."
    return page(request, Refusal(503, "The database does not answer", why, (("/status", "See what works"),)))


def cannot_be(flaw: Exception) -> str | None:
    """What of what was asked the database can't have; None where what it can't take is a mistake of ours."""
    cause = flaw.orig if isinstance(flaw, DataError) else None
    if isinstance(cause, NumericValueOutOfRange):
        return "A number is larger than any here can be. Nothing was changed."
    if cause is not None and "NUL" in str(cause):
        return "A text has a null character, which no text here can have. Nothing was changed."
    return None


def _no_value(request: Request, flaw: Exception) -> Response:
    why = cannot_be(flaw)
    return _fault(request, flaw) if why is None else page(request, Refusal(422, "That can't be read", why))


def _fault(request: Request, flaw: Exception) -> Response:
    known: Any = secrets.token_hex(4)
    logging.getLogger("console").error("fault %s at %s %s", known, request.method, request.url.path, exc_info=flaw)
    why = f"It is no fault of yours. Give whoever looks after the console this number: {known}; its log tells more."
    return page(request, Refusal(500, "The console made a mistake", why))
