"""`/events`: what is recorded, as it is recorded: a page by cursor, or a stream that goes on. Nothing is lost.

A record's id is given out before it commits, so a cursor is the transaction and the id: records are told in the order
of transactions, and only those before which all transactions have ended. Transactions are of an era, as a restored
database counts them from elsewhere: the cursor names that too.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from identity import roles
from reading.places import Lost
from reading.record import events as recorded
from reading.record.events import BEGINNING, Place
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit, cursor, place
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Shape

router = APIRouter(tags=["events"])
PAUSE = 1.0  # seconds between two looks
QUIET = 15  # looks without news after which a line says that somebody is still there
ASKED = 10.0  # seconds after which a stream asks again whether its caller may still read


class Event(Shape):
    """A record of the audit chain, without its contents: those are the record's, for who may read it."""

    id: str
    at: str
    who: str
    action: str
    account_id: str | None
    rebalance_id: str | None
    rule: str | None


class Events(Shape):
    """A page of events. `next_cursor` is always there: behind it is what is recorded later."""

    events: list[Event]
    next_cursor: str


Since = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=600, pattern=r"^[A-Za-z0-9_-]+$", description="The last event's id"),
]
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get("/events", response_model=Events, responses={**STREAM, **documented()})
def events(
    caller: Annotated[Caller, needs("read")],
    request: Request,
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
    last: Since = None,
) -> Response:
    """Events behind a cursor, the oldest first; as a stream where `Accept` is `text/event-stream`."""
    given = last or cursor_
    after = BEGINNING if given is None else _place(caller, given)
    if "text/event-stream" in request.headers.get("accept", ""):
        stream = _stream(caller, request, after)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    found, _ = _read(caller, after, limit)
    behind = found[-1].id if found else given or cursor("", "0", "0")
    return JSONResponse(Events(events=found, next_cursor=behind).model_dump(mode="json"))


def _place(caller: Caller, given: str) -> Place:
    """The place of a cursor; of two parts it is of a release that knew one era. Raises Problem."""
    try:
        token, transaction, number = place(given, 3)
    except Lost:
        token, (transaction, number) = "", place(given, 2)
    if not (transaction.isdecimal() and number.isdecimal() and len(transaction) < 20 and len(number) < 19):
        raise Lost(given)
    found = recorded.place(caller.console.books, token, transaction, int(number))
    if found is None:
        flaw = Flaw(pointer="/query/cursor", detail="begin without one")
        said = "The cursor is of a database that this one does not go on from: it was restored from a backup of before."
        raise Problem(422, "unreadable", f"{said} Begin without one.", errors=[flaw])
    return found


def _read(caller: Caller, after: Place, limit: int) -> tuple[list[Event], Place]:
    """Events behind a place, and the place behind them."""
    found, behind = recorded.behind(caller.console.books, after, limit)
    return [Event.model_validate(each) for each in found], behind


async def _stream(caller: Caller, request: Request, after: Place) -> AsyncIterator[str]:
    quiet, clock = 0, asyncio.get_running_loop().time
    known = clock()
    while not await request.is_disconnected() and _goes_on(caller):
        try:
            if clock() - known > ASKED:
                if not await asyncio.to_thread(_may_still, caller, request):
                    return
                known = clock()
            found, after = await asyncio.to_thread(_read, caller, after, 500)
        except SQLAlchemyError:
            found = []  # the database is away: who listens keeps their place, and so does this
        for each in found:
            yield f"id: {each.id}\nevent: {each.action}\ndata: {json.dumps(each.model_dump(mode='json'))}\n\n"
        quiet = 0 if found else quiet + 1
        if quiet % QUIET == 1:
            yield ": nothing new\n\n"
        if not found:
            await asyncio.sleep(PAUSE)


def _may_still(caller: Caller, request: Request) -> bool:
    """False once the token or session was ended, or its person lost the role: then nothing more is told."""
    session = caller.console.sessions.of(request)
    return session is not None and roles.may(session.person, "read")


def _goes_on(caller: Caller) -> bool:
    """False once the server ends: a stream must not hold it up."""
    live = caller.console.live
    return live is None or not live.closed
