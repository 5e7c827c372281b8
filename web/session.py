"""Who is at the other end of a request. `identity: asserted` takes the name that somebody chose from a list.

A session is known by a secret in a cookie; the token that forms carry is derived of it, so that nothing has to be kept.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from identity.person import Person, asserted

# Whom `make demo` and `make up` know where nobody signs in, and which role each is there to try.
DEMO_PEOPLE = {
    "ann": frozenset({"operator"}),
    "ben": frozenset({"approver"}),
    "cleo": frozenset({"auditor"}),
    "dora": frozenset({"operator", "approver", "auditor"}),
    "vic": frozenset({"viewer"}),
}


@dataclass(frozen=True, slots=True)
class Session:
    """A person, and the secret by which this browser is known."""

    person: Person
    secret: str

    @property
    def form_token(self) -> str:
        """What a form of this session carries: nobody who can't read its pages knows it."""
        return hmac.new(self.secret.encode(), b"form", hashlib.sha256).hexdigest()

    def made(self, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.form_token, token)


class Sessions(Protocol):
    """How the console learns who is there. None: nobody is signed in."""

    def of(self, request: Request) -> Session | None:
        """The session of a request."""


class Asserted:
    """`identity: asserted`: a person of the demo, chosen by name; nothing proves it, and every page says so."""

    COOKIE = "rebalancer-person"

    def of(self, request: Request) -> Session | None:
        """The person whom the cookie names."""
        given = request.cookies.get(self.COOKIE, "")
        name, _, secret = given.partition(".")
        if name not in DEMO_PEOPLE or len(secret) < 20:
            return None
        known = asserted(name)
        return Session(Person(known.subject, known.name, known.how, DEMO_PEOPLE[name]), secret)

    def begin(self, response: Response, name: str, secure: bool) -> None:
        """From now on this browser is that person's."""
        value = f"{name}.{secrets.token_urlsafe(24)}"
        response.set_cookie(self.COOKIE, value, httponly=True, samesite="strict", secure=secure, path="/")

    def end(self, response: Response) -> None:
        """Nobody's."""
        response.delete_cookie(self.COOKIE, path="/")


def signed_in(request: Request) -> Session | None:
    """Whoever sent the request, by the console's way of knowing people."""
    sessions: Sessions = request.app.state.console.sessions
    return sessions.of(request)
