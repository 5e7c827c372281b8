"""One block: from its statement to its last allocation, over days (BLOCK-3 to BLOCK-7).

What it is made of stays in PostgreSQL; each step says what is to be done next, and the workflow waits in between. So
its history is small, whatever number of accounts take part, and a block whose workflow was ended goes on with another.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.desk_messages import BlockStands, BlockStep, Told
    from workflows.contract import BlockInput, read
    from workflows.options import ACCOUNTS, BLOCK, next_look
    from workflows.steps import step

STEPS = {"send": "send_block", "watch": "watch_block", "allocate": "allocate_block", "correct": "correct_block"}


@workflow.defn(name="TradeBlock", failure_exception_types=[ValidationError])
class TradeBlock:
    """A block's days, its leavings and its allocations."""

    def __init__(self) -> None:
        self.called = False  # somebody wants to leave, or sending goes on
        self.stands = BlockStands(due="send", note="begins")

    @workflow.run
    async def run(self, given: Any = None) -> dict[str, str]:
        """Carries a block to its end. Bad input fails the workflow at once."""
        block = read(BlockInput, given)
        message, since = BlockStep(block_id=block.block_id), workflow.now()
        await self._do("send_block", message)
        while self.stands.due != "done":
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(block.model_dump())
            before = self.stands.round
            if self.stands.due == "tell":
                await step("tell_rebalances", message, Told, ACCOUNTS, "whose orders have their last word")
                await self._do("watch_block", message)
                continue
            await self._wait(since)
            await self._do(STEPS[self.stands.due], message)
            if self.stands.round != before:
                since = workflow.now()
        return {"block_id": block.block_id, "ended": self.stands.note}

    async def _do(self, name: str, message: BlockStep) -> None:
        self.called = False
        self.stands = await step(name, message, BlockStands, BLOCK, self.stands.note)
        workflow.set_current_details(f"**{self.stands.due.upper()}** {self.stands.note}")

    async def _wait(self, since: datetime) -> None:
        """Until the venue is asked again, the day is over, or somebody calls."""
        pause = next_look(workflow.now() - since)
        if self.stands.pause is not None:
            pause = min(pause, timedelta(seconds=self.stands.pause))
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self.called, timeout=pause, timeout_summary="until it is asked again")

    @workflow.signal
    async def look(self) -> None:
        """Something changed: somebody wants to leave, or sending goes on."""
        self.called = True

    @workflow.query
    def progress(self) -> dict[str, Any]:
        """What is done next, and how the block stands."""
        return {"due": self.stands.due, "note": self.stands.note}
