"""A venue's desk: forms blocks of what rebalances handed over, and tells those whose legs came too late for the day."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from activities.context import Desk, actor, step
from activities.desk_messages import BlockStep, DeskStands, DeskStep, DeskTold, Told, block_workflow_id
from activities.handing_over import end_of_before, end_unsent
from activities.orders import CLOSED, never_sent
from activities.request_accounts import AT_ONCE, beating
from storage.connection import Transaction

TOLD_AT_ONCE = 500  # rebalances that one step tells
SIGNAL = "desk_told"


class DeskSteps:
    """`form_blocks`, and `tell_rebalances` and `tell_late`, which speak to Temporal, so not on a thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("form_blocks")
    def form_blocks(self, message: DeskStep) -> DeskStands:
        """Forms blocks where the window is over (BLOCK-1, BLOCK-4), and says which are formed and not released yet.

        Where it is asked to, it wakes all that are open: one whose workflow was ended goes on in another.
        """
        terms, now = self.desk.venues.terms(message.venue), self.desk.now()
        with self.desk.books.transaction(actor()) as books:
            row = books.desk.desk(message.venue)
            if row is None:
                return DeskStands(formed=[], note="nothing was ever handed over")
            _end_late(books, message.venue, now)
            if books.epochs.restored():
                end_of_before(books, books.desk.waiting(message.venue), now)
            due = None
            if row.stopped_at is None and row.window_opened_at is not None:
                due = terms.forms_at(row.window_opened_at) if terms.blocks and row.release_by is None else now
                if due <= now:
                    books.blocks.form(message.venue, books.desk.waiting(message.venue), now)
                    books.desk.window(message.venue, None)
                    due = None
            open_ones = books.blocks.open_of(message.venue)
            formed = [each.id for each in open_ones if each.status == "FORMED"]
            ends = books.desk.next_end(message.venue)
            changed = list(books.blocks.changed(message.venue))
            untold = bool(books.desk.untold(1, venue=message.venue))
        for each in open_ones if message.all_blocks else []:
            self.desk.knock(block_workflow_id(each.id))
        next_look = min((each for each in (due, ends) if each is not None), default=None)
        pause = None if next_look is None else max(0.0, (next_look - now).total_seconds())
        return DeskStands(formed=formed, pause=pause, note=_note(row, due), untold=untold, changed=changed)

    @step("tell_rebalances")
    async def tell_rebalances(self, message: BlockStep) -> Told:
        """Tells rebalances that all they handed over has its last word: one signal each."""
        return await self._tell(block_id=message.block_id)

    @step("tell_late")
    async def tell_late(self, message: DeskStep) -> Told:
        """Tells those whose legs were never in a block."""
        return await self._tell(venue=message.venue)

    async def _tell(self, **of: str) -> Told:
        client, gate = activity.client(), asyncio.Semaphore(AT_ONCE)
        rows = await asyncio.to_thread(self._untold, of)

        async def tell(row: Any) -> None:
            async with gate:
                try:
                    over = None if row.over is None else dict(Counter(row.over))
                    await client.get_workflow_handle(row.workflow_id).signal(SIGNAL, DeskTold(over=over))
                except RPCError as flaw:
                    if flaw.status != RPCStatusCode.NOT_FOUND:  # who is gone need not be told
                        raise

        async with beating():
            await asyncio.gather(*map(tell, rows[:TOLD_AT_ONCE]))
        await asyncio.to_thread(self._told, [row.rebalance_id for row in rows[:TOLD_AT_ONCE]])
        return Told(told=min(len(rows), TOLD_AT_ONCE), left=len(rows) > TOLD_AT_ONCE)

    def _untold(self, of: dict[str, str]) -> Sequence[Any]:
        with self.desk.books.transaction(actor()) as books:
            return books.desk.untold(TOLD_AT_ONCE + 1, **of)

    def _told(self, rebalance_ids: list[str]) -> None:
        with self.desk.books.transaction(actor()) as books:
            books.desk.told(rebalance_ids, self.desk.now())


def _end_late(books: Transaction, venue: str, now: datetime) -> None:
    """Ends the legs that wait though the exchange has closed for them (DAY-6)."""
    late = books.desk.too_late(venue, now)
    end_unsent(books, late, never_sent(CLOSED), CLOSED, now)


def _note(row: Any, due: datetime | None) -> str:
    if row.stopped_at is not None:
        return f"stopped by {row.stopped_by}: {row.stopped_why}"
    return "waits for legs" if due is None else f"gathers legs until {due:%Y-%m-%d %H:%M:%S} UTC"
