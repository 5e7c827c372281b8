"""After something broke: rebalances that their workflow left behind, and a database that comes from a backup."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person
from reading.temporal import Connect
from reading.work.orphans import AT_ONCE, answered

if TYPE_CHECKING:
    from storage.connection import Books

PATIENCE = timedelta(minutes=5)
Json = dict[str, Any]
Say = Callable[[str], None]


def new_epoch(books: "Books", person: Person, why: str) -> str:
    """Tells a database that it was restored: the epoch that begins. Sending is halted until another person resumes."""
    with books.transaction(actor(person)) as work:
        return work.epochs.renew(why)


async def end(temporal: Connect, found: list[Json], who: str, say: Say) -> None:
    """Has each brought to its end by a workflow of its own; notes the status that it came to, or says why not."""
    client, gate = await temporal(), asyncio.Semaphore(AT_ONCE)

    async def one(each: Json) -> None:
        async with gate:
            each["outcome"] = await _ended(client, each["rebalance_id"], who, say)

    await answered(one(each) for each in found)


async def _ended(client: Any, rebalance_id: str, who: str, say: Say) -> str | None:
    from temporalio.client import WorkflowFailureError
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.service import RPCError

    from workflows.contract import TASK_QUEUE, recovery_workflow_id

    try:
        handle = await client.start_workflow(
            "RecoverRebalance",
            {"rebalance_id": rebalance_id, "requested_by": who},
            id=recovery_workflow_id(rebalance_id),
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        result: Json = await asyncio.wait_for(handle.result(), PATIENCE.total_seconds())
        return str(result["status"])
    except WorkflowFailureError as failure:
        say(f"{rebalance_id}: {getattr(failure.cause, 'cause', None) or failure.cause}")
    except (TimeoutError, RPCError):
        say(f"{rebalance_id} is not at its end yet: {recovery_workflow_id(rebalance_id)} goes on")
    return None
