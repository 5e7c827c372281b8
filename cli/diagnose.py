"""`rebalancer diagnose`: why is this account not rebalanced? The troubleshooting tree, walked for the operator."""

from typing import TYPE_CHECKING

import click

from cli import say

if TYPE_CHECKING:
    from cli.diagnosis import Facts, Workflow

ANSWER = 5  # seconds that Temporal is given to answer


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@say.format_option
def diagnose(account_id: str, form: str) -> None:
    """Ask of ACCOUNT what operators ask: target, toggle, queue, sleeves, minimums, thresholds, prices, rebalances.

    Exit status 0 when all could be asked, whatever was found.
    """
    from cli import diagnosis, plan_page, status, status_of_books
    from cli.checks import as_table, to_act

    facts = _facts(account_id)
    found = [ask(facts) for ask in diagnosis.ACCOUNT_QUESTIONS]
    found.append(diagnosis.rebalancer(status.checks(status_of_books.WORKS)))
    if form == "json":
        from dataclasses import asdict

        say.as_json({"account_id": account_id, "checks": [asdict(each) for each in found]})
        return
    account = facts.standing.snapshot.account
    count = to_act(found)
    ending = f"{count} {'thing needs' if count == 1 else 'things need'} somebody to act." if count else "Nothing to do."
    title = plan_page.title(f"{account.id} · {account.name}")
    say.show(title, as_table(found, diagnosis.QUESTIONS), "", ending)


def _facts(account_id: str) -> "Facts":
    """Everything that the questions need: the books at one moment, and what Temporal says of the account's workflow."""
    from cli import connections
    from cli.diagnosis import Facts
    from cli.standing import in_flight, standing_of
    from domain.evaluation import evaluate

    with connections.books().transaction() as books:
        standing = standing_of(books, account_id)
        under_way = in_flight(books, account_id)
        ended = [each for each in books.rebalances.listing(account_id, limit=2) if each.stage == "ENDED"]
        facts = {
            "entry": books.queue.entry(account_id),
            "note": books.evaluations.last_note(account_id),
            "evaluated": books.evaluations.last(),
            "under_way": under_way,
            "last_ended": ended[0] if ended else None,
            "breaks": books.breaks.open_of(account_id),
        }
    return Facts(
        standing=standing,
        verdict=evaluate(standing.snapshot, standing.policy),
        workflow=connections.run(_workflow(account_id, under_way.workflow_id if under_way else None)),
        **facts,
    )


async def _workflow(account_id: str, workflow_id: str | None) -> "Workflow | None":
    """What Temporal says of the account's newest rebalance; None where it says nothing or can't be asked."""
    import asyncio
    from datetime import timedelta

    from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
    from temporalio.service import RPCError

    from cli import connections
    from cli.diagnosis import Workflow
    from cli.say import Refused
    from workflows.contract import rebalance_workflow_id

    failing = failure = None
    try:
        client = await asyncio.wait_for(connections.temporal(), ANSWER)
        handle = client.get_workflow_handle(workflow_id or rebalance_workflow_id(account_id))
        told = await handle.describe(rpc_timeout=timedelta(seconds=ANSWER))
        for each in told.raw_description.pending_activities:
            if each.attempt > 1:
                often = f"failed {each.attempt - 1} times and is tried again"
                failing = f"its step {each.activity_type.name} {often}: {each.last_failure.message}"
        if told.status not in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}:
            await handle.result(rpc_timeout=timedelta(seconds=ANSWER))
    except WorkflowFailureError as flaw:
        failure = str(flaw.cause)
    except (Refused, TimeoutError, RPCError):  # that Temporal is down is the last question's answer
        return None
    first_run = told.raw_description.workflow_execution_info.first_run_id
    return Workflow(first_run, told.status.name if told.status else "UNKNOWN", failing, failure)
