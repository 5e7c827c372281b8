"""The queue: the accounts that need a rebalance, each with its reasons and what was measured."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

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
