"""Updates of workflows: what is sent has an id, so that its answer can be asked for again (DECIDE-2).

An update that nobody answered in time is still delivered when a worker comes back: that is no failure, and is told
apart from one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Conflict, Refused, Unreachable
from reading.temporal import Connect

if TYPE_CHECKING:
    from temporalio.client import WorkflowUpdateHandle

ANSWER = timedelta(seconds=20)  # how long a worker may take to take it up
ALL_OF_IT = timedelta(minutes=10)  # how long a request of many accounts may take over it


@dataclass(frozen=True, slots=True)
class Reply:
    """What a workflow answered; None, with why, where it has not yet. `update_id` finds the answer later."""

    update_id: str
    answer: dict[str, Any] | None
    why: str = ""


class NotThere(Conflict):
    """The workflow is not there any more, or never took the update up."""


async def running(temporal: Connect, workflow_id: str) -> bool:
    """True where a workflow of this id runs. Refused where Temporal can't say: then nothing was sent."""
    from temporalio.client import WorkflowExecutionStatus
    from temporalio.service import RPCError, RPCStatusCode

    handle = (await temporal()).get_workflow_handle(workflow_id)
    try:
        return (await handle.describe(rpc_timeout=ANSWER)).status == WorkflowExecutionStatus.RUNNING
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND:
            return False
        status = do("status", told="See `{}`")
        raise Unreachable(f"Temporal does not answer ({flaw}): nothing was sent. ", status) from flaw


def fresh_id(update: str) -> str:
    """An id that no other update has."""
    import secrets

    return f"{update}-{secrets.token_hex(8)}"


async def send(
    temporal: Connect,
    workflow_id: str,
    update: str,
    said: dict[str, Any],
    patience: timedelta = ALL_OF_IT,
    *,
    update_id: str | None = None,
    taken_up: timedelta = ANSWER,
) -> Reply:
    """Sends an update under an id of its own, and what came of it. Refused with the workflow's reason.

    `taken_up` is how long a worker may take to take it up, `patience` how long it may take over it. Sent again under
    the same `update_id`, it is told once.
    """
    from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError, WorkflowUpdateStage
    from temporalio.service import RPCError

    from payloads.errors import CannotDecode
    from payloads.messages import ensure_readable

    update_id = update_id or fresh_id(update)
    client = await temporal()
    handle = client.get_workflow_handle(workflow_id)
    try:
        await ensure_readable(client, workflow_id)
        asked = await handle.start_update(
            update, said, id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=taken_up
        )
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return Reply(update_id, None, f"no worker took it up within {taken_up.seconds} seconds")
    except CannotDecode as flaw:
        raise Refused(str(flaw)) from flaw
    except RPCError as flaw:
        return _of_a_fault(update_id, workflow_id, flaw)
    return await _answered(asked, patience)


async def ask_again(
    temporal: Connect, workflow_id: str, update_id: str, *, run_id: str | None = None, patience: timedelta = ANSWER
) -> Reply:
    """What came of an update that was sent before. Refused where it was refused, NotThere where nothing of it is known.

    `run_id`: of a workflow whose id others had since.
    """
    handle = (await temporal()).get_workflow_handle(workflow_id, run_id=run_id)
    return await _answered(handle.get_update_handle(update_id), patience)


async def _answered(asked: "WorkflowUpdateHandle[Any]", patience: timedelta) -> Reply:
    from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
    from temporalio.service import RPCError

    try:
        return Reply(asked.id, await asked.result(rpc_timeout=patience))
    except WorkflowUpdateFailedError as refused:
        raise Conflict(str(getattr(refused.cause, "message", None) or refused.cause)) from refused
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return Reply(asked.id, None, "it was not answered in time")
    except RPCError as flaw:
        return _of_a_fault(asked.id, asked.workflow_id, flaw)


def _of_a_fault(update_id: str, workflow_id: str, flaw: Any) -> Reply:
    """A fault of the connection says nothing of what was sent; one of what was sent refuses it."""
    from temporalio.service import RPCStatusCode

    if flaw.status == RPCStatusCode.NOT_FOUND:
        ends = do("recover", told="Bring to its end what it left behind: {}")
        raise NotThere(f"its workflow {workflow_id} is not there any more, or never took it up. ", ends) from flaw
    definite = {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.FAILED_PRECONDITION}
    if flaw.status in definite:
        raise Refused(f"Temporal refused it ({flaw})") from flaw
    return Reply(update_id, None, f"Temporal went away meanwhile ({flaw})")
