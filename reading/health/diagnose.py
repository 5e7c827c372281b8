"""Why is this account not rebalanced? The troubleshooting tree, walked for whoever asks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from reading.actions import Advice
from reading.health.checks import Check
from reading.temporal import Connect

if TYPE_CHECKING:
    from reading.health.diagnosis import Facts, Workflow
    from storage.connection import Books

ANSWER = 5  # seconds that Temporal is given to answer


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An account, and the questions of `diagnosis.QUESTIONS` with their answers, in order."""

    account_id: str
    name: str
    checks: list[Check]

    def as_json(self, say: Callable[[Advice], str | None]) -> dict[str, Any]:
        """The public form; `say` says what to do as whoever asks is used to."""
        return {"account_id": self.account_id, "checks": [each.as_json(say) for each in self.checks]}


async def diagnose(books: "Books", temporal: Connect, account_id: str, today: date, trade_date: date) -> Diagnosis:
    """Asks all the questions of one account. Raises Unknown where nobody knows it."""
    from reading.health import diagnosis, status, status_of_books

    facts = await _facts(books, temporal, account_id, today, trade_date)
    found = [ask(facts) for ask in diagnosis.ACCOUNT_QUESTIONS]
    works = await status.checks(lambda: books.engine, temporal, today, status_of_books.WORKS)
    return Diagnosis(account_id, facts.standing.snapshot.account.name, [*found, diagnosis.rebalancer(works)])


async def _facts(books: "Books", temporal: Connect, account_id: str, today: date, trade_date: date) -> "Facts":
    """Everything that the questions need: the books at one moment, and what Temporal says of the account's workflow."""
    from domain.evaluation import evaluate
    from reading.accounts.accounts import held
    from reading.accounts.standing import in_flight, standing_of
    from reading.health.diagnosis import Facts

    with books.transaction() as read:
        standing = standing_of(read, account_id, today, trade_date)
        under_way = in_flight(read, account_id)
        ended = [each for each in read.rebalances.listing(account_id, limit=2) if each.stage == "ENDED"]
        facts = {
            "entry": read.queue.entry(account_id),
            "note": read.evaluations.last_note(account_id),
            "evaluated": read.evaluations.last(),
            "held": held(read, account_id, today),
            "under_way": under_way,
            "last_ended": ended[0] if ended else None,
            "breaks": read.breaks.open_of(account_id),
        }
    return Facts(
        standing=standing,
        verdict=evaluate(standing.snapshot, standing.policy),
        workflow=await _workflow(temporal, account_id, under_way.workflow_id if under_way else None),
        **facts,
    )


async def _workflow(temporal: Connect, account_id: str, workflow_id: str | None) -> "Workflow | None":
    """What Temporal says of the account's newest rebalance; None where it says nothing or can't be asked."""
    from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
    from temporalio.service import RPCError

    from payloads.messages import readable
    from reading.health.diagnosis import Workflow
    from reading.refused import Refused
    from workflows.contract import rebalance_workflow_id

    failing = failure = None
    try:
        client = await asyncio.wait_for(temporal(), ANSWER)
        handle = client.get_workflow_handle(workflow_id or rebalance_workflow_id(account_id))
        told = await handle.describe(rpc_timeout=timedelta(seconds=ANSWER))
        for each in told.raw_description.pending_activities:
            if each.attempt > 1:
                often = f"failed {each.attempt - 1} times and is tried again"
                failing = f"its step {each.activity_type.name} {often}: {readable(client, each.last_failure).message}"
        if told.status not in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}:
            await handle.result(rpc_timeout=timedelta(seconds=ANSWER))
    except WorkflowFailureError as flaw:
        failure = str(flaw.cause)
    except (Refused, TimeoutError, RPCError):  # that Temporal is down is the last question's answer
        return None
    first_run = told.raw_description.workflow_execution_info.first_run_id
    return Workflow(first_run, told.status.name if told.status else "UNKNOWN", failing, failure)
