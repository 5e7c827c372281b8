"""After the faults: everything that was begun comes to its end, with no more help than an operator would give.

What waits is approved; an account whose rebalance lost its workflow is submitted again, as `diagnose` says; the venue
is asked about what it did beyond an order. Nothing else: what then still hangs is a finding.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from storage.actor import Actor
from storage.connection import Books
from storage.schema.execution import breaks, rebalances
from tests.chaos.book import PATIENCE
from workflows.contract import TASK_QUEUE, rebalance_workflow_id

LIMIT = 600.0  # seconds; some steps wait for the timeouts of steps whose worker was killed
REFUSALS = ("is under way", "of a newer start", "refused")  # a workflow may fail with these: it was told no
OF_THE_VENUE = ("overfill", "foreign_answer")  # breaks that asking the venue resolves
BUSY = "ExecutionStatus = 'Running' AND WorkflowType != 'VenueDesk'"  # a desk waits for legs, and never ends
HINDRANCES = (
    RPCError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowAlreadyStartedError,
)


async def settle(client: Client, books: Books, look_after: Callable[[], None]) -> list[str]:
    """Waits until nothing runs; says what still does, and which workflows failed."""
    with books.transaction(Actor("chaos")) as change:
        change.venues.set_scenario(None)  # kind again: what is tried once more goes through
        change.venues.set_terms("PAPER", None, PATIENCE)
    give_up = time.monotonic() + LIMIT
    while time.monotonic() < give_up:
        look_after()
        ask_the_venue(books)
        with books.transaction() as read:
            under_way = list(read.execute(select(rebalances).where(rebalances.c.stage != "ENDED")))
        await asyncio.gather(*(_help(client, row) for row in under_way))
        running = [each async for each in client.list_workflows(BUSY)]
        if not under_way and not running:
            ask_the_venue(books)  # about what the last ones left
            return [told async for told in _failed(client)]
        await asyncio.sleep(0.5)
    left = [f"{row.id} of {row.account_id} is {row.stage} after {LIMIT:g} quiet seconds" for row in under_way]
    left += [f"{each.id} still runs after {LIMIT:g} quiet seconds" for each in running]
    return left + [told async for told in _failed(client)]


def ask_the_venue(books: Books) -> int:
    """Somebody asks the venue about what it filled beyond an order, or answered of another: how many."""
    with books.transaction(Actor("ann")) as change:
        of = select(breaks).where(breaks.c.resolved_at.is_(None), breaks.c.kind.in_(OF_THE_VENUE))
        found = change.execute(of.with_for_update()).all()
        for row in found:
            change.breaks.resolve(row, "the venue was asked", booked=False)
    return len(found)


async def _help(client: Client, row: Any) -> None:
    """What an operator does about a rebalance that is under way; he tries again where it does not work."""
    with contextlib.suppress(*HINDRANCES):
        await _mend(client, row)


async def _mend(client: Client, row: Any) -> None:
    handle = client.get_workflow_handle(row.workflow_id)
    told = await handle.describe()
    same = str(row.start_key).endswith(f"#{told.raw_description.workflow_execution_info.first_run_id}")
    if told.status is WorkflowExecutionStatus.RUNNING and same:
        if row.stage == "PENDING_APPROVAL":
            await handle.execute_update("approve", {"by": "ben", "plan": row.plan_digest})
        return
    given = {"account_id": row.account_id, "requested_by": "ann"}
    name = rebalance_workflow_id(row.account_id)
    await client.start_workflow("RebalanceAccount", given, id=name, task_queue=TASK_QUEUE)


async def _failed(client: Client) -> Any:
    """Workflows that failed for another reason than that they were refused."""
    async for each in client.list_workflows("ExecutionStatus IN ('Failed', 'TimedOut')"):
        try:
            await client.get_workflow_handle(each.id, run_id=each.run_id).result(follow_runs=False)
        except WorkflowFailureError as flaw:
            told = _innermost(flaw)
            if not any(word in told for word in REFUSALS):
                yield f"{each.workflow_type} {each.id} failed: {told}"


def _innermost(flaw: BaseException) -> str:
    """The messages of a failure and of what caused it."""
    told, at = [], flaw.__cause__
    while at is not None:
        told.append(str(at))
        at = at.__cause__
    return ": ".join(told)
