"""What `status` asks Temporal about workflows: which failed, and which are stuck.

Stuck is one that can't replay, or that no worker takes up: its workflow task is tried again and again, or waits.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reading.actions import do, shell, tell
from reading.health.checks import Check, act, good

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowExecution

ANSWER = timedelta(seconds=5)
LATELY = timedelta(days=1)
SEEN = 100  # workflows that are looked at one by one, of each kind
NAMED = 3
WAITS = timedelta(minutes=1)  # a workflow task that nobody took for so long waits for a worker that is gone
TRIES = 3
RUNNING = "TaskQueue = '{queue}' AND ExecutionStatus = 'Running'"
# A run that a later run of its id made good is no news; and what a schedule ran, the check of schedules tells.
ENDED_BADLY = "TaskQueue = '{queue}' AND ExecutionStatus IN ('Failed', 'TimedOut') AND CloseTime >= '{since}'"
# What was asked for wrongly was told to who asked, and is nothing to mend.
ASKED_WRONGLY = ("BadInput", "UnknownAccount", "UnknownRebalance", "UnknownRequest", "UnknownSignal", "UnknownVenue",
                 "RebalanceUnderWay", "AccountBusy", "NoOrphan")  # fmt: skip


async def check(client: "Client") -> Check:
    """Whether a workflow failed within a day, or is stuck."""
    from temporalio.service import RPCError

    from policy.clock import machine_now
    from workflows.contract import TASK_QUEUE

    since = f"{machine_now() - LATELY:%Y-%m-%dT%H:%M:%SZ}"
    try:
        stuck, failed = await asyncio.gather(
            _stuck(client, RUNNING.format(queue=TASK_QUEUE)),
            _failed(client, ENDED_BADLY.format(queue=TASK_QUEUE, since=since)),
        )
    except (RPCError, TimeoutError) as flaw:
        said = getattr(flaw, "message", "no answer")
        return act("workflows", f"not known: {said}", tell("check the namespace and the rights of this client"))
    if stuck:
        told = f"{len(stuck)} stuck: {_named([f'{each.id} ({why})' for each, why in stuck])}"
        return act("workflows", told, shell(f"temporal workflow describe --workflow-id {stuck[0][0].id}"))
    if failed:
        told = f"{len(failed)} failed within a day: {_named([f'{each.id} ({why})' for each, why in failed])}"
        looked = shell(f"temporal workflow show --workflow-id {failed[0][0].id}")
        return act("workflows", told, looked, do("recover", told="; {}"))
    return good("workflows", "none is stuck, none failed within a day")


async def _stuck(client: "Client", query: str) -> list[tuple["WorkflowExecution", str]]:
    found = await _listed(client, query)
    told = await asyncio.gather(*(_why_stuck(client, each) for each in found))
    return [(each, why) for each, why in zip(found, told, strict=True) if why]


async def _why_stuck(client: "Client", run: "WorkflowExecution") -> str | None:
    from policy.clock import machine_now

    described = await client.get_workflow_handle(run.id, run_id=run.run_id).describe(rpc_timeout=ANSWER)
    raw = described.raw_description
    if not raw.HasField("pending_workflow_task"):
        return None
    task = raw.pending_workflow_task
    if task.attempt >= TRIES:
        return f"its workflow task was tried {task.attempt} times"
    waiting = machine_now().timestamp() - task.original_scheduled_time.ToSeconds()
    started = task.HasField("started_time")
    return f"no worker takes it, for {waiting:.0f} s" if not started and waiting > WAITS.total_seconds() else None


async def _failed(client: "Client", query: str) -> list[tuple["WorkflowExecution", str]]:
    """Those that failed for a fault, and that no later run of the same id has made good."""
    found = await _listed(client, query)
    told = await asyncio.gather(*(_why_failed(client, each) for each in found))
    return [(each, why) for each, why in zip(found, told, strict=True) if why]


async def _why_failed(client: "Client", run: "WorkflowExecution") -> str | None:
    from temporalio.client import WorkflowFailureError
    from temporalio.exceptions import ApplicationError

    newest = await client.get_workflow_handle(run.id).describe(rpc_timeout=ANSWER)
    if newest.run_id != run.run_id:
        return None
    try:
        await client.get_workflow_handle(run.id, run_id=run.run_id).result(follow_runs=False, rpc_timeout=ANSWER)
    except WorkflowFailureError as failure:
        cause = _innermost(failure)
        if isinstance(cause, ApplicationError) and cause.type in ASKED_WRONGLY:
            return None
        return str(cause).splitlines()[0]
    return None


def _innermost(failure: BaseException) -> BaseException:
    cause = getattr(failure, "cause", None)
    return failure if cause is None else _innermost(cause)


async def _listed(client: "Client", query: str) -> Sequence["WorkflowExecution"]:
    async def some() -> list[Any]:
        return [each async for each in client.list_workflows(query, limit=SEEN, rpc_timeout=ANSWER)]

    return await asyncio.wait_for(some(), ANSWER.total_seconds())


def _named(told: Sequence[str]) -> str:
    return f"{', '.join(told[:NAMED])}{f' and {len(told) - NAMED} more' if len(told) > NAMED else ''}"
