"""`rebalancer evaluate`: the daily evaluation, now."""

from typing import Any

import click

from cli import connections, say
from cli.say import Refused


@click.command()
@click.option("--as-of", default=None, metavar="DATE", help="The day to evaluate; by default that of the last book.")
@say.format_option
def evaluate(as_of: str | None, form: str) -> int:
    """Evaluate every account with rebalancing on, and queue those that need a rebalance. Trades nothing."""
    from datetime import date

    if as_of is not None:
        try:
            as_of = date.fromisoformat(as_of).isoformat()
        except ValueError as flaw:
            raise click.UsageError(f"--as-of needs a date like 2026-11-20, not {as_of}") from flaw
    books = connections.books()
    found = connections.run(_evaluate({"as_of": as_of} if as_of else {}))
    if form == "json":
        say.as_json(found)
        return 0
    queued = sum(found["queued"].values())
    noun = "account" if found["evaluated"] == 1 else "accounts"
    say.show(
        f"Evaluated {found['evaluated']} {noun} as of {found['as_of']}: {queued} queued, "
        f"{found['unable_to_check']} unable to check, {found['within']} outside but with nothing to trade."
    )
    if found["queued"]:
        rows = [(reason, str(count)) for reason, count in found["queued"].items()]
        say.show(say.table("", ("primary reason", "accounts"), rows, right=(1,)))
    with books.transaction() as read:
        notes = read.evaluations.notes(found["evaluation_id"])
    for note in notes:
        say.show(f"{note.account_id}  {note.kind.replace('_', ' ')}: {note.message}")
    say.show("See the queue with its reasons: rebalancer queue")
    return 0


async def _evaluate(given: dict[str, str]) -> dict[str, Any]:
    """Runs the evaluation, or joins the one that is running."""
    from temporalio.client import WorkflowFailureError
    from temporalio.exceptions import WorkflowAlreadyStartedError

    from workflows.contract import EVALUATION_ID, TASK_QUEUE

    client = await connections.temporal()
    try:
        handle = await client.start_workflow("DailyTargetEvaluation", given, id=EVALUATION_ID, task_queue=TASK_QUEUE)
    except WorkflowAlreadyStartedError as flaw:
        raise Refused(
            f"an evaluation is running already: follow it with `temporal workflow show -w {EVALUATION_ID} --follow`"
        ) from flaw
    try:
        result: dict[str, Any] = await handle.result()
    except WorkflowFailureError as failure:
        raise Refused(f"the evaluation failed: {failure.cause}") from failure
    return result
