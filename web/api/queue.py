"""`/queue`: who needs a rebalance, and why."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from domain.queue import REASONS
from reading.words import utc
from reading.work import evaluations
from reading.work import queue as reading
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Shape

router = APIRouter(tags=["queue"])


class QueueEntry(Shape):
    """An account in the queue. `evidence`, by reason, is of the last evaluation, or of when it joined since."""

    account_id: str
    name: str | None
    primary_reason: str
    reasons: list[str]
    evidence: dict[str, dict[str, Any]]
    queued_at: str
    last_issue: str | None
    held_until: str | None


class Queue(Shape):
    """A page of the queue, by primary reason, then account; how many there are by reason. `evaluated_at`: when the
    last evaluation ended, which was of the day `evaluated_for`.
    """

    entries: list[QueueEntry]
    counts: dict[str, int]
    total: int
    evaluated_at: str | None
    evaluated_for: str | None
    next_cursor: str | None


@router.get("/queue", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    reason: Annotated[str | None, Query(max_length=40, description="Only entries with this reason")] = None,
    q: Annotated[str, Query(max_length=80, description="How the account's id begins")] = "",
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> Queue:
    """The queue, by keyset: the last page of a hundred thousand is as fast as the first."""
    if reason is not None and reason not in REASONS:
        told = f"There is no reason {reason}: one of {', '.join(REASONS)}."
        raise Problem(422, "unreadable", told, errors=[Flaw(pointer="/query/reason", detail="unknown")])
    prefix = _text(q, "q")
    with caller.console.books.reading() as books:
        page = reading.page(books, reason, prefix, cursor_, limit, caller.console.clock.today())
        counts, last = reading.counts(books, prefix), evaluations.last(books)
    return Queue(
        entries=[QueueEntry.model_validate(row) for row in page.rows],
        counts={code: count for code, count in counts.items() if code is not None},
        total=counts.get(None, 0),
        evaluated_at=None if last is None else utc(last.ended_at),
        evaluated_for=None if last is None else str(last.as_of),
        next_cursor=page.after,
    )


def _text(given: str, where: str) -> str:
    if "\x00" in given:
        flaw = Flaw(pointer=f"/query/{where}", detail="it has a null character")
        raise Problem(422, "unreadable", "A text has a null character.", errors=[flaw])
    return given.strip()
