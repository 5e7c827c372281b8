"""The way to start a workflow: only where its workers can read what it is given, and we what comes of it."""

from datetime import timedelta
from typing import TYPE_CHECKING

from reading.refused import Refused
from reading.temporal import Connect

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from temporalio.client import Client

ANSWER = timedelta(seconds=5)


async def starting(temporal: Connect) -> "Client":
    """A client that encrypts as the others do. Refused where what is there was encrypted by a key that we lack.

    A workflow that we begin with another key is one that no worker can take up, and that nobody reads. What the others
    use is seen at the daily evaluation's schedule, which every installation has; without it, at what runs.
    """
    from payloads.errors import CannotDecode
    from payloads.messages import readable

    client = await temporal()
    seen = await _of_the_schedule(client) or await _of_what_runs(client)
    if seen is not None:
        try:
            readable(client, seen)
        except CannotDecode as flaw:
            raise Refused(f"nothing was started: {flaw}") from flaw
    return client


async def _of_the_schedule(client: "Client") -> "Message | None":
    from temporalio.service import RPCError, RPCStatusCode

    from workflows.contract import EVALUATION_ID

    try:
        described = await client.get_schedule_handle(EVALUATION_ID).describe(rpc_timeout=ANSWER)
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return described.raw_description


async def _of_what_runs(client: "Client") -> "Message | None":
    """The first event of a workflow that runs. The listing lags, so that it is asked whether it still does."""
    from temporalio.client import WorkflowExecutionStatus

    from workflows.contract import TASK_QUEUE

    async for each in client.list_workflows(f"TaskQueue = '{TASK_QUEUE}' AND ExecutionStatus = 'Running'", limit=1):
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        if (await handle.describe(rpc_timeout=ANSWER)).status == WorkflowExecutionStatus.RUNNING:
            async for event in handle.fetch_history_events(page_size=1):
                return event
    return None
