"""`/sessions` and `/me`: signing in by name and password for who has no browser, and who one is here."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acting import signing_in
from acting.signing_in import NotSignedIn, TooOften
from identity.person import Person
from identity.tokens import AT_MOST
from reading.refused import Unknown
from reading.words import utc
from web.api.caller import Caller, needs
from web.api.once import Done, Once, once
from web.api.problems import Problem, documented
from web.api.shapes import Given, Shape
from web.console import Console
from web.session import SignedIn, secret_of

router = APIRouter(tags=["people"])


class Credentials(Given):
    """A local account's name and password."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    password: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class Me(Shape):
    """Who somebody is here. `how` they signed in: by password, passkey, oidc or token; `asserted` proves nothing."""

    subject: str
    name: str
    how: str
    roles: list[str]


class Opened(Shape):
    """A session: `token` goes into `Authorization: Bearer`, is shown this once, and is good until `ends_at` in use."""

    token: str
    ends_at: str
    me: Me


class Ended(Shape):
    """Whether a session was ended."""

    ended: bool


@router.post("/sessions", status_code=201, response_model=Opened, responses=documented(404, 429))
def enter(request: Request, body: Credentials) -> Response:
    """Signs in. 401 where name and password don't go together, 429 where too many have tried."""
    console: Console = request.app.state.console
    if not isinstance(console.sessions, SignedIn):
        raise Unknown("Nobody signs in here: names are asserted.")
    address, now = request.client.host if request.client else "nowhere", console.clock.now()
    try:
        person = signing_in.by_password(console.books, body.name, body.password, address, now)
    except TooOften as flaw:
        raise Problem(429, "throttled", str(flaw), headers={"Retry-After": str(flaw.seconds)}) from flaw
    except NotSignedIn as flaw:
        raise Problem(401, "unauthenticated", str(flaw)) from flaw
    secret = signing_in.begin(console.books, person, now, address, request.headers.get("user-agent"))
    told = Opened(token=secret, ends_at=utc(now + AT_MOST) or "", me=_me(person))
    return JSONResponse(told.model_dump(mode="json"), 201, {"Cache-Control": "no-store"})


@router.delete("/sessions/this", response_model=Ended, responses=documented(409))
def leave(caller: Annotated[Caller, needs("self")], call: Annotated[Once, Depends(once)], request: Request) -> Response:
    """Signs out: the session that asks ends. An API token stays, until it is ended at `/me` of the console."""
    secret = secret_of(request)

    def do(_: object) -> Done:
        ended = secret is not None and signing_in.end(caller.console.books, secret, caller.actor)
        return Done(200, {"ended": ended})

    return call.answered(caller, do)


@router.get("/me", responses=documented())
def me(caller: Annotated[Caller, needs("self")]) -> Me:
    """Who calls."""
    return _me(caller.person)


def _me(person: Person) -> Me:
    return Me(subject=person.subject, name=person.name, how=person.how, roles=sorted(person.roles))
