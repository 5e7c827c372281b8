"""What `status` asks Temporal about workflows: which failed, which are stuck, and what those that are gone left behind.

Stuck is one that can't replay, or that no worker takes up: its workflow task is tried again and again, or waits. Left
behind is a rebalance under way whose workflow was terminated, failed, or is not there any more.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reading import words
from reading.actions import do, shell, tell
from reading.health.checks import Check, act, good
from reading.refused import Refused

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from temporalio.client import Client, WorkflowExecution

    from storage.connection import Transaction

ANSWER = timedelta(seconds=5)
LATELY = timedelta(days=1)
SEEN = 100  # workflows that are looked at one by one, of each kind
NAMED = 3
WAITS = timedelta(minutes=1)  # a workflow task that nobody took for so long waits for a worker that is gone
TRIES = 3
RUNNING = "TaskQueue = '{queue}' AND ExecutionStatus = 'Running'"
# A run that a later run of its id made good is no news; and what a schedule ran, the check of schedules tells.
ENDED_BADLY = "TaskQueue = '{queue}' AND ExecutionStatus IN ('Failed', 'TimedOut') AND CloseTime >= '{since}'"
GONE = (
    "TaskQueue = '{queue}' AND WorkflowType = 'RebalanceAccount' "
    "AND ExecutionStatus IN ('Terminated', 'Canceled', 'Failed', 'TimedOut')"
)
# What was asked for wrongly was told to who asked, and is nothing to mend.
ASKED_WRONGLY = ("BadInput", "UnknownAccount", "UnknownRebalance", "UnknownRequest", "UnknownSignal", "UnknownVenue",
                 "RebalanceUnderWay", "AccountBusy", "NoOrphan")  # fmt: skip


async def check(client: "Client", connect: "Callable[[], Engine]") -> Check:
    """Whether a workflow failed within a day, is stuck, or is gone from a rebalance under way.

    `connect` gives the database's engine; what it does not answer is not told here.
    """
    from temporalio.service import RPCError

    from policy.clock import machine_now
    from workflows.contract import TASK_QUEUE

    since = f"{machine_now() - LATELY:%Y-%m-%dT%H:%M:%SZ}"
    try:
        stuck, left, failed = await asyncio.gather(
            _stuck(client, RUNNING.format(queue=TASK_QUEUE)),
            _left_behind(client, GONE.format(queue=TASK_QUEUE), connect),
            _failed(client, ENDED_BADLY.format(queue=TASK_QUEUE, since=since), connect),
        )
    except (RPCError, TimeoutError) as flaw:
        said = getattr(flaw, "message", "no answer")
        return act("workflows", f"not known: {said}", tell("check the namespace and the rights of this client"))
    if stuck:
        told = f"{len(stuck)} stuck: {_named([f'{each.id} ({why})' for each, why in stuck])}"
        return act("workflows", told, shell(f"temporal workflow describe --workflow-id {stuck[0][0].id}"))
    if left:
        whose = [f"{each.id} of {each.account_id} ({each.stage})" for each in left]
        told = f"{words.counted(len(left), 'rebalance')} under way whose workflow is gone: {_named(whose)}"
        return act("workflows", told, do("recover"))
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


async def _left_behind(client: "Client", query: str, connect: "Callable[[], Engine]") -> list[Any]:
    """The rebalances under way whose workflow is gone: of those of workflows that ended badly, and of the oldest."""
    from activities.orphans import is_over

    ended = sorted({each.id for each in await _listed(client, query)})
    rows = await asyncio.to_thread(_asked, connect, lambda books: books.attention.under_way(ended, SEEN))
    gone = await asyncio.gather(*(is_over(client, each.start_key) for each in rows))
    return [row for row, it_is in zip(rows, gone, strict=True) if it_is]


def _asked(connect: "Callable[[], Engine]", ask: "Callable[[Transaction], Sequence[Any]]") -> Sequence[Any]:
    from sqlalchemy.exc import SQLAlchemyError

    from storage.connection import Books

    try:
        with Books(connect()).transaction() as books:
            return ask(books)
    except (Refused, SQLAlchemyError):  # what is wrong with the database, its own check tells
        return []


async def _failed(
    client: "Client", query: str, connect: "Callable[[], Engine]"
) -> list[tuple["WorkflowExecution", str]]:
    """Those that failed for a fault; none that a later run of its id made good, or whose rebalance was ended since."""
    found = await _listed(client, query)
    told = await asyncio.gather(*(_why_failed(client, each) for each in found))
    bad = {each[0]: (run, each[1]) for run, each in zip(found, told, strict=True) if each}
    ended = await asyncio.to_thread(_asked, connect, lambda books: books.attention.ended(list(bad))) if bad else ()
    return [each for start_key, each in bad.items() if start_key not in ended]


async def _why_failed(client: "Client", run: "WorkflowExecution") -> tuple[str, str] | None:
    """The start key of a run that nobody has made good, and why it failed."""
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
        return f"{run.id}#{newest.raw_description.workflow_execution_info.first_run_id}", str(cause).splitlines()[0]
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
