"""What every activity shares: the books, the venues, who acts, and how faults are told from refusals."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar, cast

from sqlalchemy.exc import DataError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.approvals import may_ask_for_automatic
from policy import AUTOMATIC_APPROVAL, PolicyRefused, names
from policy.clock import Clock, the_clock
from storage.connection import Actor, Books
from storage.requests import UnknownRequest
from storage.snapshots import UnknownAccount
from venues.port import UnknownVenue
from venues.registry import Venues

UNKNOWN_ACCOUNT = "UnknownAccount"
UNKNOWN_REBALANCE = "UnknownRebalance"
UNKNOWN_REQUEST = "UnknownRequest"
UNKNOWN_SIGNAL = "UnknownSignal"
UNKNOWN_VENUE = "UnknownVenue"
NOT_ENTITLED = "NotEntitled"
UNACCEPTABLE = "Unacceptable"

CallableT = TypeVar("CallableT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Desk:
    """The worker's connections, and its clock: the only one that activities read (DAY-1).

    `is_over` says of a rebalance's start key whether its workflow has ended; who can't ask takes it for running.
    """

    books: Books
    venues: Venues
    clock: Clock = field(default_factory=the_clock)
    is_over: Callable[[str], bool] = lambda start_key: False

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self.clock.now()

    def today(self) -> date:
        """The day at the exchange."""
        return self.clock.today()


def actor(who: str = "rebalancer") -> Actor:
    """Who acts, for the audit record: the person where there is one, and the workflow, run and activity."""
    info = activity.info()
    return Actor(who, info.workflow_id, info.workflow_run_id, info.activity_type)


def step(function: CallableT) -> CallableT:
    """Makes an activity of a method whose name is its public type.

    Refusals that no retry could change are failures that are not retried; every other exception is, by the
    workflow's options.
    """

    @functools.wraps(function)
    def run(self: Any, message: Any) -> Any:
        try:
            return function(self, message)
        except UnknownAccount as flaw:
            raise ApplicationError(str(flaw), type=UNKNOWN_ACCOUNT, non_retryable=True) from flaw
        except UnknownRequest as flaw:
            raise ApplicationError(f"there is no request {flaw}", type=UNKNOWN_REQUEST, non_retryable=True) from flaw
        except UnknownVenue as flaw:
            raise ApplicationError(str(flaw), type=UNKNOWN_VENUE, non_retryable=True) from flaw
        except (PolicyRefused, DataError) as flaw:  # a number or text that no retry makes acceptable
            first = str(getattr(flaw, "orig", None) or flaw).splitlines()[0]
            raise ApplicationError(first, type=UNACCEPTABLE, non_retryable=True) from flaw

    return cast(CallableT, activity.defn(name=function.__name__)(run))


def refuse_automatic(requested_by: str, today: date) -> None:
    """Raises what is not retried where somebody may not ask for trades without an approval."""
    allowed = names(AUTOMATIC_APPROVAL, today)
    if not may_ask_for_automatic(requested_by, allowed):
        raise ApplicationError(
            f"refused: {requested_by} may not ask for automatic approval, {', '.join(allowed) or 'nobody'} may "
            f"(policy {AUTOMATIC_APPROVAL}). Ask with approval required, and have somebody approve",
            type=NOT_ENTITLED,
            non_retryable=True,
        )
