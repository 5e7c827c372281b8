"""The queue: the accounts that need a rebalance, each with its reasons and what was measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from reading.places import Listed, Lost, cursor, parts

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Queued:
    """An account in the queue. `reasons` are codes, the primary one first; `evidence` is by code.

    `held_until`: the last day on which somebody keeps it out of what is submitted from the queue.
    """

    account_id: str
    primary_reason: str
    reasons: list[str]
    evidence: dict[str, Any]
    queued_at: str | None
    last_issue: str | None
    held_until: str | None

    def as_json(self) -> Json:
        """The public form."""
        return asdict(self)


def listing(books: "Transaction", reason: str | None, today: date) -> list[Queued]:
    """The accounts with this reason among theirs, or all: by primary reason, then account."""
    from reading.words import utc

    held = books.account_states.holds(today)
    return [
        Queued(
            each.account_id,
            each.primary_reason,
            each.reasons,
            each.evidence,
            utc(each.queued_at),
            each.last_issue,
            str(held[each.account_id]) if each.account_id in held else None,
        )
        for each in books.queue.entries(reason)
    ]


def page(books: "Transaction", reason: str | None, prefix: str, place: str | None, size: int, today: date) -> Listed:
    """A page of the queue, in its order: accounts with the reason whose id begins with `prefix`. Raises Lost."""
    at = parts(place, 1)
    try:
        found = books.queue_pages.page(reason, prefix, None if at is None else at[0], size, today)
    except ValueError as flaw:
        raise Lost(place) from flaw
    return Listed([_row(row) for row in found.rows], None if found.after is None else cursor(found.after))


def chosen(books: "Transaction", reason: str | None, prefix: str, today: date) -> list[str]:
    """All accounts of the filter that nobody holds, in the queue's order."""
    return books.queue_pages.chosen(reason, prefix, today)


def counts(books: "Transaction", prefix: str = "") -> Mapping[str | None, int]:
    """How many accounts have each reason among theirs; under None how many there are."""
    return books.queue_pages.counts(prefix)


def _row(row: Any) -> Json:
    from domain.queue import REASONS
    from reading.words import utc

    return {
        "account_id": row.account_id,
        "name": row.name,
        "primary_reason": row.primary_reason,
        "reasons": sorted(row.reasons, key=REASONS.index),
        "evidence": {code: dict(found) for code, found in row.reasons.items()},
        "queued_at": utc(row.queued_at) or "",
        "last_issue": row.last_issue,
        "held_until": None if row.held_until is None else str(row.held_until),
    }
