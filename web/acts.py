"""What pages make happen in Temporal: a request is started, a workflow is told what somebody decided.

What is sent has an id of its own (DECIDE-2). A workflow that nobody takes up is no refusal, and is told apart from one.
"""

import contextlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from acting import submit
from acting.updates import Reply
from identity.claims import About, input_digest
from reading.refused import Conflict, Unreachable
from web.console import Console
from workflows.contract import request_workflow_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporalio.client import Client

    from identity.person import Person
    from identity.roles import Act

ANSWER = timedelta(seconds=12)  # how long a worker may take to take it up; a browser does not wait for ever

Json = dict[str, Any]


def _signed(console: Console, person: "Person", act: "Act", about: "About", id_: str, passkey: Any = None) -> Json:
    """The envelope of what somebody decides, where decisions are signed; else nothing."""
    if console.key is None:
        return {}
    from dataclasses import replace

    from identity.claims import made
    from identity.envelope import seal

    claims = made(person.subject, person.name, person.how, act, about, id_, console.clock.now())
    return {"signed": seal(replace(claims, passkey=passkey), console.key)}


def start_request(console: Console, person: "Person", given: Json, request_id: str | None = None) -> str:
    """Starts a rebalance request of what is given, and returns its id. It is in the books a moment later.

    `request_id` is made of the idempotency key of who asks, where they gave one: started twice, it is started once.
    """
    request_id = request_id or f"Q-{console.clock.today():%Y%m%d}-{secrets.token_hex(4)}"
    given = {"request_id": request_id, "requested_by": person.name, **given}
    asked = {key: value for key, value in given.items() if value not in (None, [], "")}
    about = About(request_workflow_id(request_id), plan=input_digest(asked))
    asked |= _signed(console, person, "submit", about, request_id)

    async def start(_: "Client") -> None:
        from temporalio.exceptions import WorkflowAlreadyStartedError

        with contextlib.suppress(WorkflowAlreadyStartedError):  # by the same call, whose answer was lost
            await submit.start(console.temporal.client, asked, ANSWER)

    console.temporal.ask(start)
    return request_id


def start_evaluation(console: Console) -> None:
    """Starts the daily evaluation now. Raises Conflict where one runs."""

    async def start(client: "Client") -> None:
        from temporalio.exceptions import WorkflowAlreadyStartedError

        from workflows.contract import EVALUATION_ID, TASK_QUEUE

        try:
            await client.start_workflow(
                "DailyTargetEvaluation", {}, id=EVALUATION_ID, task_queue=TASK_QUEUE, rpc_timeout=ANSWER
            )
        except WorkflowAlreadyStartedError as flaw:
            raise Conflict("An evaluation is running already; the queue shows what it finds as it goes.") from flaw

    console.temporal.ask(start)


def tell(
    console: Console,
    person: "Person",
    workflow_id: str,
    update: "Act",
    said: Json,
    passkey: "Mapping[str, str] | None" = None,
    id_: str | None = None,
) -> Reply:
    """Tells a workflow. Raises Conflict with its reason where it refuses, or is not there any more.

    `id_` is the idempotency key of who asks, where they gave one: told twice under it, it is told once.
    """
    update_id = id_ or f"{update}-{secrets.token_hex(8)}"
    about = About(workflow_id, said.get("rebalance_id"), said.get("round"), said.get("plan"))
    said = said | _signed(console, person, update, about, update_id, passkey)

    async def send(client: "Client") -> Reply:
        from temporalio.client import (
            WorkflowUpdateFailedError,
            WorkflowUpdateRPCTimeoutOrCancelledError,
            WorkflowUpdateStage,
        )
        from temporalio.service import RPCError, RPCStatusCode

        handle = client.get_workflow_handle(workflow_id)
        try:
            asked = await handle.start_update(
                update, said, id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=ANSWER
            )
            return Reply(update_id, await asked.result(rpc_timeout=ANSWER))
        except WorkflowUpdateFailedError as refused:
            raise Conflict(str(getattr(refused.cause, "message", None) or refused.cause)) from refused
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return Reply(update_id, None, f"no worker answered within {ANSWER.seconds} seconds")
        except RPCError as flaw:
            if flaw.status == RPCStatusCode.NOT_FOUND:
                raise Conflict("Its workflow has ended, or was never taken up: nothing was changed.") from flaw
            raise Unreachable(f"Temporal does not answer ({flaw.message}). Look whether it took effect.") from flaw

    return console.temporal.ask(send)


def running(console: Console, workflow_ids: list[str]) -> set[str]:
    """Those of the workflows that run."""
    return console.temporal.ask(lambda _: submit.runs(console.temporal.client, workflow_ids, ANSWER))
