"""Writes, each once: an idempotency key names a call, and the same call again is answered as the first was.

    @router.post("/requests")
    def submit(caller: ..., call: Annotated[Once, Depends(once)], body: ...) -> Response:
        return call.answered(caller, lambda: Done(202, {...}))

What is started or told under a call has an id made of its key (`Once.id`): a call that was cut off in the middle, made
again, starts and tells nothing twice.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acting import calls
from reading.refused import Changed, Conflict, Unreachable
from web.api.caller import Caller
from web.api.problems import Problem

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="A key of your own, another for every write. The same call under it again is answered as before.",
    ),
]
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Done:
    """What a write came to: a status, a body for JSON, headers. `shown` is of the body this once, and kept nowhere."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Once:
    """A call under its key."""

    key: str
    asked: str

    def id(self, caller: Caller, length: int = 16) -> str:
        """Characters that are this call's, and no other's."""
        return hashlib.sha256(f"{caller.person.subject}|{self.key}".encode()).hexdigest()[:length]

    def answered(self, caller: Caller, do: "Callable[[Any], Done]") -> Response:
        """Does it, or answers what it was answered before. `do` is handed the call, with the day on which it was asked
        first, and whether it was taken up before and cut off.

        Raises Problem 409 while it is under way, 422 where the key was used for another call; and what `do` raises:
        then nothing was done, and the key is free again.
        """
        books, whose = caller.console.books, caller.person.subject
        call = calls.begin(books, whose, self.key, self.asked, caller.console.clock.today())
        if not call.same:
            told = "This Idempotency-Key was used for another call: give each write a key of its own."
            raise Problem(422, "key_used", told)
        if not call.mine:
            if call.status is None:
                told = "The same call is under way: ask again in a moment."
                raise Problem(409, "under_way", told, headers={"Retry-After": "1"})
            return JSONResponse(call.body, call.status, {**(call.headers or {}), REPLAYED: "true"})
        try:
            done = do(call)
        except (Unreachable, OperationalError):
            raise  # it may have been done: under the same key it is asked again, and not done twice
        except Exception:
            calls.give_up(books, whose, self.key)
            raise
        caller.console.tiles.forget()
        calls.finish(books, whose, self.key, done.status, done.headers, done.body)
        if done.shown:
            return JSONResponse({**done.body, **done.shown}, done.status, {**done.headers, "Cache-Control": "no-store"})
        return JSONResponse(done.body, done.status, dict(done.headers))


@contextmanager
def cut_off(again: bool, about: str) -> Iterator[None]:
    """Whether a decision was taken can't be told where its call was cut off before, and nothing waits any more."""
    try:
        yield
    except (Conflict, Changed) as flaw:
        if not again:
            raise
        told = (
            f"This call was cut off before, and {about} does not wait for it now: whether it was decided by that call, "
            f"its story says. Nothing was sent again."
        )
        raise type(flaw)(told, evidence=flaw.evidence) from flaw


async def once(request: Request, key: Key) -> Once:
    """The call that a request makes: its key, and what it asks, of which plan too."""
    body = await request.body()
    shown = request.headers.get("if-match")
    about = f"{request.method} {request.url.path}?{request.url.query}\n" + (f"of {shown}\n" if shown else "")
    return Once(key, hashlib.sha256(about.encode() + body).hexdigest())
