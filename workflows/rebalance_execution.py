"""An approved rebalance's orders on their way: sent, waited for, asked after, until each has its last word.

No step waits for a fill. The workflow sleeps between two looks at the venue, and where orders are at the venue's desk
until that tells.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import CollectFills, ExecutionBegun, OrdersSubmitted
    from workflows.options import DESK, EXECUTE, next_look
    from workflows.rebalance_proposal import Proposal, utc
    from workflows.steps import finished

NOT_IN_TIME = "it was not filled in time"


class Execution:
    """`waiting` for fills; `stop`: why what is open at the venue is to be cancelled, once somebody wants that.

    It is given `tell`, which says where the rebalance stands, and the clock.
    """

    def __init__(self, tell: Callable[[str, str], None], now: Callable[[], datetime]) -> None:
        self._tell = tell
        self._now = now
        self.waiting = False
        self.stop: str | None = None
        self._told = False  # by the desk: all that was handed over has its last word
        self._over: dict[str, int] | None = None  # how all orders ended, where nothing is left to be sent
        self._leaving = False  # the desk was told that it is stopped, which is said once

    def desk_told(self, over: dict[str, int] | None) -> None:
        """All that was handed over to the desk has its last word; `over`: how all orders ended, where that was all."""
        self._told, self._over = True, over

    async def to_the_last_word(self, proposal: Proposal, begun: ExecutionBegun | None) -> OrdersSubmitted:
        """Submits trades, and waits until the venue has said its last word on each.

        `begun` may say how orders stand that were sent, or handed over to the desk, when they were written down.
        """
        self._tell("EXECUTING", "orders are being sent, sells first")
        stands = begun.stands if begun else None
        at_desk = stands is not None and stands.at_desk and not stands.sendable
        done = at_desk or (begun is not None and begun.sent)
        submitted = stands if stands and done else await self._submit(proposal, "sells, then buys")
        since = self._now()
        self._leaving = False
        while submitted.open:
            self.waiting = True
            if submitted.at_desk and not submitted.working and not submitted.sendable:
                submitted = await self._from_the_desk(proposal, submitted)
                self._leaving, since = self._leaving or self.stop is not None, self._now()
                continue
            stop = await self._wait_for_fills(submitted, since)
            self._leaving = self._leaving or self.stop is not None
            if submitted.opens_at is not None and not submitted.working:
                since = self._now()  # fills are looked for from the open on
            if stop or submitted.working:
                timed_out = stop is not None and self.stop is None
                summary = f"cancelling what is open: {stop}" if stop else f"{submitted.working} at the venue"
                submitted = await self._collect(proposal, stop, summary, timed_out)
            if submitted.sendable:
                submitted = await self._submit(proposal, f"{submitted.sendable} more")
        self.waiting = False
        return submitted

    async def _submit(self, proposal: Proposal, summary: str) -> OrdersSubmitted:
        return await finished("submit_trades", proposal.step, OrdersSubmitted, EXECUTE, summary)

    async def _collect(
        self, proposal: Proposal, stop: str | None, summary: str, timed_out: bool = False
    ) -> OrdersSubmitted:
        message = CollectFills(**proposal.step.model_dump(), stop=stop, timed_out=timed_out)
        return await finished("collect_fills", message, OrdersSubmitted, EXECUTE, summary)

    async def _from_the_desk(self, proposal: Proposal, submitted: OrdersSubmitted) -> OrdersSubmitted:
        """Waits until the desk tells that all that it has is over, or somebody stops it: that is said once."""
        self._tell("EXECUTING", f"orders: {submitted.at_desk} at the desk, ended {submitted.statuses}")
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._told or (self.stop is not None and not self._leaving),
                timeout=DESK,
                timeout_summary="until the desk is asked, though it tells",
            )
        (told, self._told), (over, self._over) = (self._told, False), (self._over, None)
        if over is not None:
            return OrdersSubmitted(statuses=over, resized=[])
        if self.stop is None and told:
            return await self._submit(proposal, "the desk has told: what is left to be sent")
        stop = None if self._leaving else self.stop
        return await self._collect(proposal, stop, stop or "how the desk's stand")

    async def _wait_for_fills(self, submitted: OrdersSubmitted, since: datetime) -> str | None:
        """Sleeps until the venue is asked again, or opens; says why no more is waited for, where that is so."""
        assert submitted.give_up_at is not None
        now, give_up_at, opens_at = self._now(), submitted.give_up_at, submitted.opens_at
        if opens_at is not None and not submitted.working:
            pause = max(opens_at - now, timedelta())
        else:
            pause = min(next_look(now - since), max(give_up_at - now, timedelta()))
        at_the_open = f" at the open, {utc(opens_at)}" if opens_at else ""
        told = f"{submitted.working} at the venue, {submitted.sendable} to be sent{at_the_open}"
        ends = f"ended {submitted.statuses}. What is open at {utc(give_up_at)} is cancelled"
        self._tell("EXECUTING", f"orders: {told}, {ends}")
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.stop is not None, timeout=pause, timeout_summary="until the venue is asked again"
            )
        if self.stop is None and self._now() >= give_up_at:
            return NOT_IN_TIME
        return self.stop
