"""Is the rebalancer working, and what waits for somebody? Every check has an answer within seconds."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from reading.actions import Action, do, shell, tell
from reading.health import status_of_books, status_of_workflows
from reading.health.checks import Check, act, good, unknown
from reading.refused import Refused
from reading.temporal import Connect

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from temporalio.client import Client, ScheduleDescription

ANSWER = 5  # seconds that Temporal is given to answer
SILENCE = 180  # seconds; an idle worker asks for work every 60
RIGHTS = tell("check the namespace and the rights of this client")


async def checks(
    connect: Callable[[], "Engine"], temporal: Connect, today: date, of_books: Sequence[str] = status_of_books.NAMES
) -> list[Check]:
    """The state of the rebalancer, in the order in which to put it right; of the database's checks those named.

    `connect` gives the database's engine, `temporal` a client; both raise Refused where they can't.
    """
    import workflows.contract  # noqa: F401  (here, before there are threads: two that import it meet half of it)

    asked = asyncio.to_thread(status_of_books.checks, connect, today, of_books)
    books, of_temporal = await asyncio.gather(asked, _of_temporal(temporal, connect))
    return [books[0], *of_temporal, *books[1:]]


# --- Temporal ----------------------------------------------------------------------------------------------------


async def _of_temporal(temporal: Connect, connect: "Callable[[], Engine]") -> list[Check]:
    try:
        client = await asyncio.wait_for(temporal(), ANSWER)
    except (Refused, TimeoutError) as flaw:
        said = str(flaw).partition(". ")[0] or "does not answer"
        rest = [unknown(name, "not known without Temporal") for name in ("workers", "workflows", "schedule")]
        return [act("temporal", said, tell(f"{status_of_books.UP}, or check TEMPORAL_ADDRESS")), *rest]
    where = client.service_client.config.target_host
    return [good("temporal", f"answers at {where}"), *await _asked(client, connect)]


async def _asked(client: "Client", connect: "Callable[[], Engine]") -> list[Check]:
    of_workflows = status_of_workflows.check(client, connect)
    return list(await asyncio.gather(_workers(client), of_workflows, _schedule(client)))


async def _workers(client: "Client") -> Check:
    """Whether somebody polls for workflow tasks; a worker full of activities rightly stops asking for those."""
    from datetime import timedelta

    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
    from temporalio.service import RPCError

    from policy.clock import machine_now
    from workflows.contract import TASK_QUEUE

    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        told = await client.workflow_service.describe_task_queue(asked, timeout=timedelta(seconds=ANSWER))
    except RPCError as flaw:
        return act("workers", f"not known: {flaw.message}", RIGHTS)
    now = machine_now().timestamp()
    ages = {each.identity: now - each.last_access_time.ToSeconds() for each in told.pollers}
    polling = [identity for identity, age in ages.items() if age <= SILENCE]
    if polling:
        noun = "worker polls" if len(polling) == 1 else "workers poll"
        found = f"{len(polling)} {noun} task queue {TASK_QUEUE}"
        builds = {each.deployment_options.build_id for each in told.pollers if each.identity in polling}
        return _versioned(found, builds, told.versioning_info.current_deployment_version.build_id)
    silent = f"the last one {min(ages.values()):.0f} s ago" if ages else "nobody within the last minutes"
    return act(
        "workers",
        f"no worker polls task queue {TASK_QUEUE}: {silent}",
        tell(f"start one: python worker.py, or {status_of_books.UP}"),
    )


def _versioned(found: str, builds: set[str], current: str) -> Check:
    """Workers get new work only where their version is the current one ("" is none)."""
    if current in builds:
        return good("workers", f"{found}, version {current}" if current else found)
    theirs = ", ".join(sorted(build or "none" for build in builds))
    newest = max(builds)
    switch = shell(f"python -m workflows.deployment current {newest}")
    advice = switch if newest else tell(f"start workers of version {current}")
    return act(
        "workers",
        f"{found}, but get no new work: their version is {theirs}, the current one {current or 'none'}",
        advice,
    )


async def _schedule(client: "Client") -> Check:
    """When the evaluation comes next; or the first of both schedules that is not in order."""
    from workflows.contract import ARCHIVE_ID, EVALUATION_ID

    evaluation = await _one_schedule(client, EVALUATION_ID, do("evaluate", told="{}, once its cause is gone"))
    if not evaluation.ok:
        return evaluation
    again = shell(f"temporal schedule trigger --schedule-id {ARCHIVE_ID}", told="{}, once its cause is gone")
    archive = await _one_schedule(client, ARCHIVE_ID, again)
    return evaluation if archive.ok else archive


async def _one_schedule(client: "Client", schedule_id: str, now: Action) -> Check:
    """Whether a schedule is there, on, and its last run went well; `now` is how a person does its work at once."""
    from datetime import timedelta

    from temporalio.service import RPCError, RPCStatusCode

    try:
        told = await client.get_schedule_handle(schedule_id).describe(rpc_timeout=timedelta(seconds=ANSWER))
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND:
            return act("schedule", f"{schedule_id} does not exist", shell("python -m workflows.schedule"))
        return act("schedule", f"not known: {flaw.message}", RIGHTS)
    if told.schedule.state.paused:
        note = f": {told.schedule.state.note}" if told.schedule.state.note else ""
        action = shell(f"temporal schedule toggle --schedule-id {schedule_id} --unpause --reason WHY")
        return act("schedule", f"{schedule_id} is paused{note}", action)
    if not told.info.next_action_times:
        return act("schedule", f"{schedule_id} has no next time", shell("python -m workflows.schedule"))
    failed = await _failed_run(client, told)
    if failed:
        return act("schedule", f"the run of {schedule_id} {failed}", now)
    coming = told.info.next_action_times[0].astimezone(UTC)
    return good("schedule", f"{schedule_id} is on, next {coming:%Y-%m-%d %H:%MZ}")


async def next_evaluation(temporal: Connect) -> datetime | None:
    """When every account is looked at next; None where that can't be told."""
    from datetime import timedelta

    from temporalio.service import RPCError

    from workflows.contract import EVALUATION_ID

    try:
        client = await asyncio.wait_for(temporal(), ANSWER)
        told = await client.get_schedule_handle(EVALUATION_ID).describe(rpc_timeout=timedelta(seconds=ANSWER))
    except (Refused, TimeoutError, RPCError):
        return None
    if told.schedule.state.paused or not told.info.next_action_times:
        return None
    return told.info.next_action_times[0]


async def _failed_run(client: "Client", told: "ScheduleDescription") -> str | None:
    """How the schedule's last run ended, where that was not well."""
    from datetime import timedelta

    from temporalio.client import ScheduleActionExecutionStartWorkflow, WorkflowExecutionStatus
    from temporalio.service import RPCError

    recent = told.info.recent_actions[-1:]
    if not recent or not isinstance(recent[0].action, ScheduleActionExecutionStartWorkflow):
        return None
    run = recent[0].action
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.first_execution_run_id)
    try:
        status = (await handle.describe(rpc_timeout=timedelta(seconds=ANSWER))).status
    except RPCError:  # its history is gone: older than the retention
        return None
    fine = {
        WorkflowExecutionStatus.RUNNING,
        WorkflowExecutionStatus.COMPLETED,
        WorkflowExecutionStatus.CONTINUED_AS_NEW,
    }
    if status is None or status in fine:
        return None
    return f"at {recent[0].scheduled_at.astimezone(UTC):%Y-%m-%d %H:%MZ} ended {status.name} ({run.workflow_id})"
