"""`/events`: what is recorded, as it is recorded: a page by cursor, or a stream that goes on. Nothing is lost.

A record's id is given out before it commits, so a cursor is the transaction and the id: records are told in the order
of transactions, and only those before which all transactions have ended.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from storage.record import following
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit, cursor, lost, place
from web.api.problems import documented
from web.api.shapes import Shape

router = APIRouter(tags=["events"])
PAUSE = 1.0  # seconds between two looks
QUIET = 15  # looks without news after which a line says that somebody is still there
BEGINNING = ("0", "0")


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
    after = BEGINNING if given is None else _place(given)
    if "text/event-stream" in request.headers.get("accept", ""):
        stream = _stream(caller, request, after)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    found = _read(caller, after, limit)
    behind = found[-1].id if found else cursor(*after)
    return JSONResponse(Events(events=found, next_cursor=behind).model_dump(mode="json"))


def _place(given: str) -> tuple[str, str]:
    transaction, number = place(given, 2)
    if not (transaction.isdecimal() and number.isdecimal() and len(transaction) < 20 and len(number) < 19):
        raise lost()
    return transaction, number


def _read(caller: Caller, after: tuple[str, str], limit: int) -> list[Event]:
    with caller.console.books.engine.connect() as connection:
        found = following.events(connection, after, limit)
        return [Event.model_validate(following.as_json(row)) for row in found]


async def _stream(caller: Caller, request: Request, after: tuple[str, str]) -> AsyncIterator[str]:
    quiet = 0
    while not await request.is_disconnected() and _goes_on(caller):
        try:
            found = await asyncio.to_thread(_read, caller, after, 500)
        except SQLAlchemyError:
            found = []  # the database is away: who listens keeps their place, and so does this
        for each in found:
            after = _place(each.id)
            yield f"id: {each.id}\nevent: {each.action}\ndata: {json.dumps(each.model_dump(mode='json'))}\n\n"
        quiet = 0 if found else quiet + 1
        if quiet % QUIET == 1:
            yield ": nothing new\n\n"
        if not found:
            await asyncio.sleep(PAUSE)


def _goes_on(caller: Caller) -> bool:
    """False once the server ends: a stream must not hold it up."""
    live = caller.console.live
    return live is None or not live.closed
