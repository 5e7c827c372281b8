"""What tests of requests do besides: start one, wait for what it says of itself."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from domain.requests import counted
from tests.workflows.desk import TestDesk
from workflows.contract import TASK_QUEUE, request_workflow_id

Handle = WorkflowHandle[Any, Any]
PATIENCE = 90  # seconds; the machine may be busy


async def start(desk: TestDesk, *account_ids: str, request_id: str = "Q-1", **given: Any) -> Handle:
    """Starts a request of ann's over the accounts, or as it is given."""
    chosen = {"account_ids": list(account_ids)} if account_ids else {}
    return await desk.client.start_workflow(
        "RebalanceRequest",
        {"request_id": request_id, "requested_by": "ann", **chosen, **given},
        id=request_workflow_id(request_id),
        task_queue=TASK_QUEUE,
    )


async def until(handle: Handle, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the query `progress` answers, once something holds of it."""
    progress: dict[str, Any] = {}
    for _ in range(PATIENCE * 10):
        try:
            progress = await handle.query("progress")
        except RPCError:
            continue
        if holds(progress):
            return progress
        await asyncio.sleep(0.1)
    raise AssertionError(f"it never came to that: {progress}")


async def pending(handle: Handle, count: int) -> dict[str, Any]:
    """Waits until so many plans wait for an approval."""
    return await until(handle, lambda progress: progress["pending"] == count)


async def approve(handle: Handle, by: str = "ben", **given: Any) -> dict[str, Any]:
    """Approves what is pending, or the accounts named, as somebody who has just looked at it does."""
    progress = await handle.query("progress")
    answer: dict[str, Any] = await handle.execute_update("approve", {"by": by, "plan": progress["plans"], **given})
    return answer


async def result(handle: Handle) -> dict[str, Any]:
    """How the request ended."""
    ended: dict[str, Any] = await asyncio.wait_for(handle.result(), PATIENCE)
    return ended


def outcomes(desk: TestDesk, request_id: str = "Q-1") -> dict[str, str]:
    """Every account of the request, and where it stands in the books."""
    with desk.books.transaction() as books:
        return {each.account_id: each.outcome for each in books.requests.accounts(request_id)}


def counts(desk: TestDesk, request_id: str = "Q-1") -> dict[str, int]:
    """The same, counted."""
    return counted(outcomes(desk, request_id).values())
