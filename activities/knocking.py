"""Wakes the workflows of desks and blocks: starts one that does not run, as what it has to do is in the books."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client

ANSWER = timedelta(seconds=5)
TYPES = {"desk": ("VenueDesk", "venue"), "block": ("TradeBlock", "block_id")}


def knocking(client: Client, loop: asyncio.AbstractEventLoop, task_queue: str) -> Callable[[str], None]:
    """A function for the steps' threads that wakes the workflow of an id like `desk/PAPER` or `block/B-000001`."""

    def wake(workflow_id: str) -> None:
        asked = asyncio.run_coroutine_threadsafe(knock(client, workflow_id, task_queue), loop)
        asked.result(timeout=2 * ANSWER.total_seconds())

    return wake


async def knock(client: Client, workflow_id: str, task_queue: str) -> None:
    """Signals a workflow, and starts it where it does not run. Raises RPCError where Temporal does not answer."""
    kind, _, name = workflow_id.partition("/")
    workflow_type, key = TYPES[kind]
    await client.start_workflow(
        workflow_type,
        {key: name},
        id=workflow_id,
        task_queue=task_queue,
        start_signal="look",
        rpc_timeout=ANSWER,
    )
