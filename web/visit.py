"""One request of one person: who it is, what they may, and the page that answers.

A handler asks for `Annotated[Visit, needs("approve")]`: the act that it takes is named where the route is, and nobody
without a role for it gets to the handler (`identity.roles`).
"""

import asyncio
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote, urlencode

from fastapi import Depends
from fastapi.params import Depends as Dependency
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from acting.actors import actor
from identity import roles
from identity.person import Person
from reading.health import status
from reading.health.checks import Check
from reading.places import Listed, every
from reading.refused import Unreachable
from storage.actor import Actor
from web import acts, templating
from web.console import Console
from web.refusals import Refusal, SignIn
from web.session import Session

if TYPE_CHECKING:
    from temporalio.client import Client

    from acting.proving import Sign
    from storage.connection import Transaction

SAID = "said"  # the cookie with what the last act came to, shown once
UNDO = "undo"  # beside it, the form that takes it back
UNDOES = re.compile(r"/accounts/[^/?#]+/(target|rebalancing)")  # where nothing trades
LONGEST_SAID = 3500  # bytes of a cookie, as it travels: of 4,096 with its name, browsers drop it


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes an act back: where its form goes, with which field."""

    to: str
    name: str
    value: str


class Visit:
    """A request of a person who may make it."""

    def __init__(self, request: Request, session: Session) -> None:
        self.request = request
        self.session = session
        self.console: Console = request.app.state.console
        self.now: datetime = self.console.clock.now()

    @property
    def person(self) -> Person:
        """Who is there."""
        return self.session.person

    @property
    def actor(self) -> Actor:
        """Under whose name it is recorded."""
        return actor(self.person)

    @property
    def sign(self) -> "Sign | None":
        """What signs what they decide about the books."""
        return acts.signer(self.console, self.person)

    @property
    def is_fragment(self) -> bool:
        """Whether a page that is open asks for its live part again."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, act: roles.Act) -> bool:
        """Whether a button is shown. Who presses one that is not is refused all the same."""
        return roles.may(self.person, act)

    def page(self, template: str, *, title: str, status: str = "", code: int = 200, **context: Any) -> Response:
        """A page, or its live part where that is asked for; 304 where the browser has it already.

        `status` stands in the window's title, before everything else: a tab tells how it stands.
        """
        known = self._context() | {"title": title, "status": status} | context
        if self.is_fragment:
            known["layout"] = "fragment.html"
        content = templating.environment().get_template(template).render(known)
        named = f"{status} · {title}" if status else title  # as the layout has it; a header takes no other letters
        headers = {"As-Of": known["as_of"], "Page-Title": quote(f"{named} · rebalancer"), "Vary": "HX-Request, Cookie"}
        return self._answer(content, code, headers)

    def _answer(self, content: str, code: int, headers: dict[str, str]) -> Response:
        said = self.request.cookies.get(SAID)
        tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:24]}"'
        if code == 200 and said is None and self.request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers | {"ETag": tag})
        answer = HTMLResponse(content, code, headers if said else headers | {"ETag": tag})
        if said is not None and not self.is_fragment:
            answer.delete_cookie(SAID, path="/")
            answer.delete_cookie(UNDO, path="/")
        return answer

    def _context(self) -> dict[str, Any]:
        return templating.frame(self.request, self.console, self.now) | {
            "person": self.person,
            "form_token": self.session.form_token,
            "may": self.may,
            "said": "" if self.is_fragment else unquote(self.request.cookies.get(SAID, "")),
            "undo": None if self.is_fragment else self._undo(),
        }

    def workers(self) -> int | None:
        """How many workers are at work; None where Temporal does not answer."""
        from web.workers import polling

        try:
            return self.console.temporal.ask(polling)
        except Exception:  # whatever is wrong with Temporal, this page is about the rest, and says so
            return None

    def rows(self, page: Callable[["Transaction", str | None], Listed]) -> Iterator[Mapping[str, Any]]:
        """All rows of a listing for a file, as they are read: of one moment, a page in memory at a time."""
        with self.console.books.reading() as books:
            yield from every(lambda place: page(books, place))

    async def temporal(self) -> "Client":
        """The way to Temporal as reading asks for it: it hears Unreachable where nobody answers."""
        try:
            return await self.console.temporal.client()
        except Refusal as flaw:
            raise Unreachable("does not answer") from flaw

    def checks(self) -> Sequence[Check]:
        """Whether everything works, and what waits for somebody, in the order in which to put things right."""
        console = self.console
        today = console.clock.today()
        return console.temporal.run(status.checks(lambda: console.books.engine, self.temporal, today))

    def back(self, to: str, said: str = "", undo: Undo | None = None) -> Response:
        """Sends the browser to the page that shows what came of it, with a line that says so, once; and its undo."""
        self.console.tiles.forget()
        answer = RedirectResponse(to, 303)
        if said:
            self._keep_once(answer, SAID, _short(said))
        if undo is not None:
            self._keep_once(answer, UNDO, json.dumps([undo.to, undo.name, undo.value]))
        return answer

    def _keep_once(self, answer: Response, cookie: str, text: str) -> None:
        secure = self.console.settings.is_secure
        answer.set_cookie(cookie, quote(text), max_age=60, httponly=True, samesite="strict", secure=secure, path="/")

    def _undo(self) -> Undo | None:
        """What takes back what the line above the page says, where that is an act of which nothing trades."""
        try:
            to, name, value = json.loads(unquote(self.request.cookies.get(UNDO, "")))
        except (ValueError, RecursionError):
            return None
        if not all(isinstance(each, str) for each in (to, name, value)) or not UNDOES.fullmatch(to):
            return None
        return Undo(to, name, value)

    def unknown(self, what: str, where: str) -> NoReturn:
        """What was asked for is not there."""
        raise Refusal(404, f"There is no {what}", "Nothing of that name is in the books.", ((where, "Look it up"),))


def _short(said: str) -> str:
    """As much of a text as a cookie takes: a letter beyond ASCII travels as six or more."""
    sizes = itertools.accumulate(len(quote(each)) for each in said)
    return said[: sum(size <= LONGEST_SAID for size in sizes)]


@dataclass(frozen=True)
class Need:
    """Asked by FastAPI before a handler: the person may take this act, and a form is one of ours."""

    act: roles.Act

    async def __call__(self, request: Request) -> Visit:
        """The visit. Raises SignIn, or Refusal with why not."""
        session = await asyncio.to_thread(request.app.state.console.sessions.of, request)
        if session is None:
            raise SignIn(request)
        refused = roles.refusal(session.person, self.act)
        if refused:
            raise Refusal(403, "You may not do that", f"{refused}. Nothing was changed.", (("/", "What needs you"),))
        if request.method == "POST":
            given = (await request.form()).get("form", "")
            if not session.made(str(given)):
                why = "The form is of another session: somebody signed in or out since it was shown. Nothing changed."
                raise Refusal(403, "Shown to somebody else", why, ((templating.back(request), "Open it again"),))
        return Visit(request, session)


def needs(act: roles.Act) -> Dependency:
    """`Annotated[Visit, needs("read")]`."""
    dependency: Dependency = Depends(Need(act))
    return dependency


def link(path: str, **given: object) -> str:
    """A path with what is not empty of the filters behind it."""
    asked: Mapping[str, object] = {key: value for key, value in given.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(asked, doseq=True)}" if asked else path
