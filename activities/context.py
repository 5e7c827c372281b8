"""What every activity shares: the books, the venues, who acts, and what a step is."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError

from activities.faults import NOT_ENTITLED, told
from anchors.port import Anchor
from domain.approvals import may_ask_for_automatic
from policy import AUTOMATIC_APPROVAL, names, trading_days
from policy.clock import Clock, the_clock
from storage.actor import Actor
from storage.connection import Books
from venues.registry import Venues

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
    knock: Callable[[str], None] = lambda workflow_id: None  # wakes the workflow of a venue's desk, or of a block
    anchors: Sequence[Anchor] = ()  # where the hashes of seals are kept outside of the database

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self.clock.now()

    def today(self) -> date:
        """The day at the exchange."""
        return self.clock.today()

    def trade_date(self) -> date:
        """The day on which what is planned now would trade (DAY-2)."""
        return trading_days.trade_date(self.now())


def actor(who: str = "rebalancer") -> Actor:
    """Who acts, for the audit record: the person where there is one, and the workflow, run and activity."""
    info = activity.info()
    return Actor(who, info.workflow_id, info.workflow_run_id, info.activity_type)


def step(name: str) -> Callable[[CallableT], CallableT]:
    """Makes a method the activity of that public type, which stays whatever the method is called; what goes wrong in it
    is told in one line.
    """

    def made(function: CallableT) -> CallableT:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_it(self: Any, message: Any) -> Any:
                with told():
                    return await function(self, message)

            return cast(CallableT, activity.defn(name=name)(run_it))

        @functools.wraps(function)
        def run(self: Any, message: Any) -> Any:
            with told():
                return function(self, message)

        return cast(CallableT, activity.defn(name=name, no_thread_cancel_exception=True)(run))

    return made


def beat(*details: Any) -> None:
    """Shows that a step lives. One that was cancelled, or taken for dead, ends here, where it holds nothing by halves.

    Else Temporal would raise in its thread at whatever line that is in: within an import, say, whose lock nobody lets
    go of then, so that every later step of the worker waits for ever.
    """
    activity.heartbeat(*details)
    if activity.is_cancelled():
        raise CancelledError("cancelled while it ran")


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
