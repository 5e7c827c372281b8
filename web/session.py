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

from acting import signing_in
from identity.person import Person, asserted
from identity.tokens import PREFIX, same
from policy.clock import Clock
from storage.connection import Books

# Whom `make demo` and `make up` know where nobody signs in, and which role each is there to try.
DEMO_PEOPLE = {
    "ann": frozenset({"operator"}),
    "ben": frozenset({"approver"}),
    "cleo": frozenset({"auditor"}),
    "dora": frozenset({"operator", "approver", "auditor"}),
    "ada": frozenset({"admin"}),
    "vic": frozenset({"viewer"}),
}


@dataclass(frozen=True, slots=True)
class Session:
    """A person, and the secret by which this browser is known."""

    person: Person
    secret: str
    id: int | None = None  # where it is kept

    @property
    def form_token(self) -> str:
        """What a form of this session carries: nobody who can't read its pages knows it."""
        return hmac.new(self.secret.encode(), b"form", hashlib.sha256).hexdigest()

    def made(self, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return same(self.form_token, token)


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


class SignedIn:
    """`identity: signed`: who signed in, by a secret whose hash is in the database; ended, it is nobody's."""

    def __init__(self, books: Books, clock: Clock, secure: bool) -> None:
        self.books = books
        self.clock = clock
        self.secure = secure

    @property
    def cookie(self) -> str:
        """Behind TLS a browser takes it from this host alone (`__Host-`)."""
        return "__Host-rebalancer" if self.secure else "rebalancer-session"

    def of(self, request: Request) -> Session | None:
        """The session of the cookie, with the roles that its person has now; or the person of an API token."""
        borne = secret_of(request)
        secret = request.cookies.get(self.cookie, "") if borne is None else borne
        if not secret or (borne is None and secret.startswith(PREFIX["api"])):
            return None
        found = signing_in.bearer(self.books, secret, self.clock.now(), "console")
        if found is None or isinstance(found, Person):
            return None if found is None else Session(found, secret)
        return Session(found.person, secret, found.id)

    def begin(self, request: Request, response: Response, person: Person) -> None:
        """A new session in this browser; the one before, if any, ends."""
        address = request.client.host if request.client else None
        device, before = request.headers.get("user-agent"), request.cookies.get(self.cookie)
        secret = signing_in.begin(self.books, person, self.clock.now(), address, device, before)
        response.set_cookie(
            self.cookie, secret, httponly=True, samesite="strict", secure=self.secure, path="/", max_age=12 * 3600
        )

    def end(self, request: Request, response: Response) -> None:
        """Signs out."""
        if secret := request.cookies.get(self.cookie):
            signing_in.end(self.books, secret, signing_in.CONSOLE)
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")


def secret_of(request: Request) -> str | None:
    """What a request carries as `Authorization: Bearer`; None where it carries nothing."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def signed_in(request: Request) -> Session | None:
    """Whoever sent the request, by the console's way of knowing people."""
    sessions: Sessions = request.app.state.console.sessions
    return sessions.of(request)
