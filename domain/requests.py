"""A request over several accounts: what its accounts' own endings come to.

Asked by the end of every request, by `show` and by whoever submits again what failed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from domain.values.outcome import STATUSES, Status, of_request

# Besides the five statuses: an account that another rebalance is under way on, and one that has not been started.
BUSY: Final = "BUSY"
NOT_STARTED: Final = "NOT_STARTED"
# Where an account of a request stands, in the order in which listings count them.
OUTCOMES = (*STATUSES, BUSY, "EXECUTING", "RECONCILING", "APPROVED", "PENDING_APPROVAL", "CHECKING", NOT_STARTED)
# What `submit --failed-of` submits again: nothing was executed, and nobody decided that it should be so.
FAILED = ("FAILED", BUSY)


def has_ended(outcome: str) -> bool:
    """True where an account needs nothing more from its request."""
    return outcome in STATUSES or outcome == BUSY


def status_of(counts: Mapping[str, int]) -> Status | None:
    """The request's status, from the number of accounts by outcome; None while one of them has not ended.

    A busy account counts as FAILED: nothing of what was asked for was executed on it.
    """
    there = [outcome for outcome, count in counts.items() if count]
    if not all(map(has_ended, there)):
        return None
    return of_request([_status(outcome) for outcome in there])


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by outcome, those of none left out."""
    return {outcome: counts[outcome] for outcome in OUTCOMES if counts.get(outcome)}


def counted(outcomes: Iterable[str]) -> dict[str, int]:
    """How many accounts have each outcome."""
    return in_order(Counter(outcomes))


def _status(outcome: str) -> Status:
    if outcome == BUSY:
        return "FAILED"
    return STATUSES[STATUSES.index(outcome)]
