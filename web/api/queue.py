"""`/queue`: who needs a rebalance, and why."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from domain.queue import REASONS
from reading.words import utc
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit, cursor, lost, place
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
        try:
            after = None if cursor_ is None else place(cursor_, 1)[0]
            page = books.queue_pages.page(reason, prefix, after, limit, caller.console.clock.today())
        except ValueError as flaw:
            raise lost() from flaw
        counts, last = books.queue_pages.counts(prefix), books.evaluations.last()
    return Queue(
        entries=[_entry(row) for row in page.rows],
        counts={code: count for code, count in counts.items() if code is not None},
        total=counts.get(None, 0),
        evaluated_at=None if last is None else utc(last.ended_at),
        evaluated_for=None if last is None else str(last.as_of),
        next_cursor=None if page.after is None else cursor(page.after),
    )


def _text(given: str, where: str) -> str:
    if "\x00" in given:
        flaw = Flaw(pointer=f"/query/{where}", detail="it has a null character")
        raise Problem(422, "unreadable", "A text has a null character.", errors=[flaw])
    return given.strip()


def _entry(row: Any) -> QueueEntry:
    return QueueEntry(
        account_id=row.account_id,
        name=row.name,
        primary_reason=row.primary_reason,
        reasons=sorted(row.reasons, key=REASONS.index),
        evidence={code: dict(found) for code, found in row.reasons.items()},
        queued_at=utc(row.queued_at) or "",
        last_issue=row.last_issue,
        held_until=None if row.held_until is None else str(row.held_until),
    )
