"""Orphans: has the workflow that a rebalance belongs to ended, and left it behind? Only Temporal knows."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

ANSWER = timedelta(seconds=5)  # that Temporal is given; a step that gets none is tried again


def asking(client: Client, loop: asyncio.AbstractEventLoop) -> Callable[[str], bool]:
    """A function for the steps' threads that says of a start key whether that workflow has ended.

    The start key is the workflow's id and the first run of its chain: a later start under the same id is another one.
    """

    def ask(start_key: str) -> bool:
        asked = asyncio.run_coroutine_threadsafe(is_over(client, start_key), loop)
        return asked.result(timeout=2 * ANSWER.total_seconds())

    return ask


async def is_over(client: Client, start_key: str) -> bool:
    """Whether the workflow of a start key has ended. Raises RPCError where Temporal does not say."""
    workflow_id, _, first_run = start_key.rpartition("#")
    try:
        told = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=ANSWER)
    except RPCError as flaw:
        if flaw.status is RPCStatusCode.NOT_FOUND:
            return True
        raise
    same = told.raw_description.workflow_execution_info.first_run_id == first_run
    return not same or told.status is not WorkflowExecutionStatus.RUNNING
