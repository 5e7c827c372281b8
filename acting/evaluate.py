"""The daily evaluation, now: every account with rebalancing on is looked at, and queued where it needs a rebalance."""

from datetime import timedelta
from typing import Any

from acting.starting import starting
from reading.actions import shell
from reading.refused import Conflict, Refused
from reading.temporal import Connect

Json = dict[str, Any]


async def begin(temporal: Connect, as_of: str | None = None, patience: timedelta | None = None) -> Any:
    """Starts the evaluation, and gives its handle. Raises Conflict where one runs already."""
    from temporalio.exceptions import WorkflowAlreadyStartedError

    from workflows.contract import EVALUATION_ID, TASK_QUEUE

    client = await starting(temporal)
    given = {"as_of": as_of} if as_of else {}
    try:
        return await client.start_workflow(
            "DailyTargetEvaluation", given, id=EVALUATION_ID, task_queue=TASK_QUEUE, rpc_timeout=patience
        )
    except WorkflowAlreadyStartedError as flaw:
        follow = shell(f"temporal workflow show -w {EVALUATION_ID} --follow", told="follow it with `{}`")
        raise Conflict("an evaluation is running already: ", follow) from flaw


async def evaluate(temporal: Connect, as_of: str | None = None) -> Json:
    """Runs the evaluation of a day, by default of the last book's, and gives what it came to. Trades nothing.

    Raises Conflict where one runs already.
    """
    from temporalio.client import WorkflowFailureError

    handle = await begin(temporal, as_of)
    try:
        result: Json = await handle.result()
    except WorkflowFailureError as failure:
        raise Refused(getattr(failure.cause, "message", None) or f"the evaluation failed: {failure.cause}") from failure
    return result
