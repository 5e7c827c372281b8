"""Who calls: the person of a token or of a browser's session, and whether their roles let them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import Depends
from fastapi.params import Depends as Dependency
from starlette.requests import Request

from acting.actors import actor
from identity import roles
from identity.person import Person
from reading.refused import Unreachable
from storage.actor import Actor
from web import acts
from web.api.problems import Problem
from web.console import Console
from web.refusals import Refusal

if TYPE_CHECKING:
    from temporalio.client import Client

    from acting.proving import Sign

SIGN_IN = {"WWW-Authenticate": 'Bearer realm="rebalancer"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """A call of a person who may make it."""

    console: Console
    person: Person
    now: datetime

    @property
    def sign(self) -> "Sign | None":
        """What signs what they decide about the books."""
        return acts.signer(self.console, self.person)

    @property
    def actor(self) -> Actor:
        """Under whose name it is recorded, and how they signed in."""
        return actor(self.person)


@dataclass(frozen=True)
class Need:
    """Asked by FastAPI before an operation: the caller may take this act."""

    act: roles.Act

    def __call__(self, request: Request) -> Caller:
        """The caller. Raises Problem 401 or 403."""
        console: Console = request.app.state.console
        session = console.sessions.of(request)
        if session is None:
            told = "Send Authorization: Bearer with a token of yours (the console's page /me makes one)."
            raise Problem(401, "unauthenticated", told, headers=SIGN_IN)
        refused = roles.refusal(session.person, self.act)
        if refused:
            raise Problem(403, "forbidden", f"{refused}. Nothing was changed.", evidence={"act": self.act})
        return Caller(console, session.person, console.clock.now())


def needs(act: roles.Act) -> Any:
    """`Annotated[Caller, needs("read")]`."""
    dependency: Dependency = Depends(Need(act))
    return dependency


def may_approve(caller: Caller) -> None:
    """An operation that cancels or approves asks for the second role itself. Raises Problem."""
    if refused := roles.refusal(caller.person, "approve"):
        raise Problem(403, "forbidden", f"{refused}. Nothing was changed.", evidence={"act": "approve"})


async def reached(console: Console) -> "Client":
    """Temporal's client. Raises Unreachable."""
    try:
        return await console.temporal.client()
    except Refusal as flaw:
        raise Unreachable(flaw.what) from flaw
