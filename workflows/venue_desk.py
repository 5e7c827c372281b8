"""The desk of a venue: gathers what rebalances hand over, forms blocks of it, and starts each (BLOCK-1, BLOCK-4).

It sleeps while nothing is handed over, and continues as new when its history is long: the windows are in PostgreSQL.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.desk_messages import DeskStands, DeskStep, Told, block_workflow_id
    from workflows.contract import DeskInput, read
    from workflows.options import ACCOUNTS, FORM
    from workflows.steps import step

SELDOM = timedelta(minutes=15)  # how often it looks though nobody called, and wakes the blocks that are open


@workflow.defn(name="VenueDesk", failure_exception_types=[ValidationError])
class VenueDesk:
    """Windows of a venue, one after the other."""

    def __init__(self) -> None:
        self.called = False
        self.note = "begins"

    @workflow.run
    async def run(self, given: Any = None) -> None:
        """Never ends by itself. Bad input fails the workflow at once."""
        desk = read(DeskInput, given)
        message = DeskStep(venue=desk.venue)
        all_blocks_at = workflow.now()
        while not workflow.info().is_continue_as_new_suggested():
            self.called = False
            every = workflow.now() >= all_blocks_at
            all_blocks_at = workflow.now() + SELDOM if every else all_blocks_at
            looks = DeskStep(venue=desk.venue, all_blocks=every)
            stands = await step("form_blocks", looks, DeskStands, FORM, self.note)
            self.note = stands.note
            workflow.set_current_details(stands.note)
            for block_id in (*stands.formed, *stands.changed):
                await self._start(block_id)
            if stands.untold:
                await step("tell_late", message, Told, ACCOUNTS, "whose legs will not be sent")
                continue
            pause = SELDOM if stands.pause is None else min(SELDOM, timedelta(seconds=stands.pause))
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: self.called, timeout=pause, timeout_summary="until the window ends"
                )
        workflow.continue_as_new(desk.model_dump())

    async def _start(self, block_id: str) -> None:
        """Starts a block's workflow, which goes on whatever becomes of the desk; one that runs stays as it is."""
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                "TradeBlock",
                {"block_id": block_id},
                id=block_workflow_id(block_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=block_id,
            )

    @workflow.signal
    async def look(self) -> None:
        """Something was handed over, or somebody stopped, started or released."""
        self.called = True

    @workflow.query
    def progress(self) -> dict[str, str]:
        """What the desk does."""
        return {"note": self.note}
