"""What a signal has to ask about accounts that take their time: whether they merely wait, and how they ended."""

import asyncio

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.context import Desk, actor, step
from activities.request_accounts import ANSWER, AT_ONCE, beating
from activities.signal_messages import LookAfterSleeves, SleevesLooked
from domain.planning.signals import outcome_of
from storage.connection import Transaction


class SignalAccountSteps:
    """`look_after_sleeves`: it speaks to Temporal, so it is not on a thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("look_after_sleeves")
    async def look_after_sleeves(self, message: LookAfterSleeves) -> SleevesLooked:
        """Says which accounts merely wait, and how those that were handed on ended.

        Whether a workflow runs is asked before the books are: what ends in between has its end in them.
        """
        client, gate = activity.client(), asyncio.Semaphore(AT_ONCE)

        async def ask(account_id: str) -> tuple[str, tuple[str, bool]]:
            async with gate:
                return account_id, await _start_of(client, f"{message.request_id}/{account_id}")

        async with beating():
            starts = dict(await asyncio.gather(*map(ask, message.handed)))
        return await asyncio.to_thread(self._looked, message, starts)

    def _looked(self, message: LookAfterSleeves, starts: dict[str, tuple[str, bool]]) -> SleevesLooked:
        with self.desk.books.transaction(actor()) as books:
            ended = {each: _ended(books, *start) for each, start in starts.items()}
            return SleevesLooked(
                resting=books.signals.resting([*message.own, *message.handed]),
                ended={each: outcome for each, outcome in ended.items() if outcome is not None},
            )


async def _start_of(client: Client, workflow_id: str) -> tuple[str, bool]:
    """The start key of an account's workflow, and whether it runs."""
    try:
        told = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=ANSWER)
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND:
            return workflow_id, False
        raise
    first = told.raw_description.workflow_execution_info.first_run_id
    return f"{workflow_id}#{first}", told.status is WorkflowExecutionStatus.RUNNING


def _ended(books: Transaction, start_key: str, runs: bool) -> str | None:
    """The count that an account belongs to; None while it is under way."""
    row = books.rebalances.by_start(start_key)
    if row is not None and row.status is not None:
        return outcome_of(row.status, bool((row.result or {}).get("orders")))
    return None if runs else "failed"
