"""How a step's trouble is told: a refusal that no retry changes, or a fault, either in one short line.

Temporal shows no failure of more than some 4,000 bytes; the whole of a fault, with its traceback, is in the worker's
log.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import DataError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError

from policy import PolicyRefused
from storage import limits
from storage.accounts.snapshots import UnknownAccount
from storage.faults import first_line
from storage.work.model_signals import UnknownSignal
from storage.work.requests import UnknownRequest
from venues.port import UnknownVenue

UNKNOWN_ACCOUNT = "UnknownAccount"
UNKNOWN_REBALANCE = "UnknownRebalance"
UNKNOWN_REQUEST = "UnknownRequest"
UNKNOWN_SIGNAL = "UnknownSignal"
UNKNOWN_VENUE = "UnknownVenue"
NOT_ENTITLED = "NotEntitled"
UNACCEPTABLE = "Unacceptable"

REFUSALS: dict[type[Exception], tuple[str, Callable[[Exception], str]]] = {
    UnknownAccount: (UNKNOWN_ACCOUNT, str),
    UnknownRequest: (UNKNOWN_REQUEST, lambda flaw: f"there is no request {flaw}"),
    UnknownSignal: (UNKNOWN_SIGNAL, str),
    UnknownVenue: (UNKNOWN_VENUE, str),
    PolicyRefused: (UNACCEPTABLE, first_line),
    DataError: (UNACCEPTABLE, first_line),  # a number or text that no retry makes acceptable
}


@contextmanager
def told() -> Iterator[None]:
    """One try of an activity, within its own time: raises ApplicationError for whatever goes wrong in it."""
    info = activity.info()
    try:
        with limits.within(_seconds(info.start_to_close_timeout), _seconds(info.heartbeat_timeout)):
            yield
    except (FailureError, asyncio.CancelledError):
        raise
    except Exception as flaw:
        for kind, (name, say) in REFUSALS.items():
            if isinstance(flaw, kind):
                raise ApplicationError(say(flaw), type=name, non_retryable=True) from None
        activity.logger.warning("%s: %s", info.activity_type, first_line(flaw), exc_info=True)
        raise ApplicationError(first_line(flaw), type=type(flaw).__name__) from None


def _seconds(given: timedelta | None) -> float | None:
    return None if given is None else given.total_seconds()
