"""What a request has to ask accounts' own workflows: to take a decision, and whether they are alive."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.context import Desk, actor, step
from activities.request_decisions import handed_plans
from activities.request_messages import AccountApproved, AccountRefusal, AccountsTold, LookAfter, Looked, TellAccounts
from activities.request_notes import note, standing
from domain.requests import has_ended
from storage.work.request_standing import RequestAccount

AT_ONCE = 20  # workflows that are asked at the same time
ANSWER = timedelta(seconds=20)  # how long one may take to answer, workers being busy
OUTCOME = timedelta(seconds=5)  # how long a workflow that took an approval may take to begin, before others go on
LOOKED_AT = 100  # workflows a look asks about; those looked at longest ago come first
VOID = "void:"  # how the reason begins of an approval after which the plan is made again
NOT_YET = "nothing is pending"  # a workflow's answer while it is about to wait for the approval
AGAIN, TIMES = 0.25, 40  # seconds between tries of that, and how many
BEAT = 4.0  # seconds between heartbeats


class RequestAccountSteps:
    """`tell_accounts` and `look_after`: the steps that speak to Temporal, so not on a thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("tell_accounts")
    async def tell_accounts(self, message: TellAccounts) -> AccountsTold:
        """Tells the next accounts' workflows what was decided. One that was told before answers as it did then."""
        client, gate = activity.client(), asyncio.Semaphore(AT_ONCE)
        rows, left = await asyncio.to_thread(self._untold, message)

        async def tell(row: RequestAccount) -> tuple[RequestAccount, str | None]:
            async with gate:
                refusal = await self._tell(client, message.request_id, row)
                await asyncio.to_thread(self._told, message.request_id, row, refusal)
                return row, refusal

        async with beating():
            answers = await asyncio.gather(*map(tell, rows), return_exceptions=True)
        silent = [answer for answer in answers if isinstance(answer, BaseException)]
        if silent:
            raise ApplicationError(f"{len(silent)} of {len(rows)} did not answer, the first: {silent[0]}")
        done: list[Any] = list(answers)
        return AccountsTold(
            approved=[
                AccountApproved(account_id=row.account_id, round=row.round)
                for row, refusal in done
                if refusal is None and row.decision == "approve"
            ],
            cancelled=sum(refusal is None and row.decision == "cancel" for row, refusal in done),
            refused=[
                AccountRefusal(account_id=row.account_id, reason=why, void=why.startswith(VOID))
                for row, why in done
                if why is not None
            ],
            left=left,
        )

    @step("look_after")
    async def look_after(self, message: LookAfter) -> Looked:
        """Counts the accounts that no run watches as its own, and notes those whose workflow is gone."""
        client, gate = activity.client(), asyncio.Semaphore(AT_ONCE)
        rows = await asyncio.to_thread(self._unseen, message)

        async def gone(row: RequestAccount) -> str | None:
            async with gate:
                return await _gone(client, row)

        async with beating():
            lost = await asyncio.gather(*map(gone, rows))
        return await asyncio.to_thread(self._looked, message, list(zip(rows, lost, strict=True)))

    async def _tell(self, client: Client, request_id: str, row: RequestAccount) -> str | None:
        """None where the workflow took the decision, else why not."""
        said: dict[str, Any] = {"by": row.decided_by, "rebalance_id": row.rebalance_id, "round": row.round}
        if row.decision_id is not None:
            said["signed"] = await asyncio.to_thread(self._envelope, row.decision_id)
        if row.decision == "approve":
            said |= {"plan": row.plan} | ({"unseen": True} if row.unseen else {})
        elif row.decided_why:
            said["reason"] = row.decided_why
        handle = client.get_workflow_handle(row.workflow_id or "")
        name, reason = f"{request_id}/{row.decision}/{row.round}/{row.decision_id or row.decided_by}", ""
        for _ in range(TIMES):
            try:
                asked = await handle.start_update(
                    row.decision or "", said, id=name, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=ANSWER
                )
                return await _came_of(asked)
            except WorkflowUpdateFailedError as refused:
                reason = str(getattr(refused.cause, "message", None) or refused.cause)
            except RPCError as flaw:
                if flaw.status != RPCStatusCode.NOT_FOUND:
                    raise
                return "its workflow is gone"
            if NOT_YET not in reason or not await asyncio.to_thread(self._still_untold, request_id, row):
                break
            await asyncio.sleep(AGAIN)
        return reason

    def _untold(self, message: TellAccounts) -> tuple[list[RequestAccount], int]:
        with self.desk.books.transaction(actor()) as books:
            rows = books.requests.untold(message.request_id, message.decisions, message.limit + 1)
            return rows[: message.limit], max(0, len(rows) - message.limit)

    def _envelope(self, decision_id: str) -> str | None:
        with self.desk.books.transaction(actor()) as books:
            found = books.proof.decision(decision_id)
            return None if found is None else str(found.envelope)

    def _still_untold(self, request_id: str, row: RequestAccount) -> bool:
        with self.desk.books.transaction(actor()) as books:
            now = books.requests.account(request_id, row.account_id)
            return now is not None and now.outcome in {"PENDING_APPROVAL", "APPROVED"} and now.round == row.round

    def _told(self, request_id: str, row: RequestAccount, refusal: str | None) -> None:
        with self.desk.books.transaction(actor()) as books:
            if refusal is None:
                books.requests.told(request_id, row.account_id)
            else:
                books.requests.undecide(request_id, row.account_id)

    def _unseen(self, message: LookAfter) -> list[RequestAccount]:
        with self.desk.books.transaction(actor()) as books:
            books.requests.get(message.request_id)  # refused where there is none
            return books.requests.unseen(message.request_id, message.up_to, LOOKED_AT)

    def _looked(self, message: LookAfter, found: Iterable[tuple[RequestAccount, str | None]]) -> Looked:
        with self.desk.books.transaction(actor()) as books:
            alive = []
            for row, why in found:
                if why is None:
                    alive.append(row.account_id)
                else:
                    note(books, message.request_id, row.account_id, "FAILED", why)
            books.requests.seen(message.request_id, alive, self.desk.now())
            issues = books.requests.issues(message.request_id, message.issues) if message.issues else []
            begun, resting = books.requests.begun(message.request_id, message.own) if message.own else ([], [])
            return Looked(
                counts=books.requests.counts(message.request_id, message.up_to),
                issues=[standing(each) for each in issues if has_ended(each.outcome)],
                handed=handed_plans(books, message.request_id, message.up_to),
                resting=books.requests.resting(message.request_id, message.up_to),
                own_begun=begun,
                own_resting=resting,
            )


async def _came_of(asked: WorkflowUpdateHandle[Any]) -> str | None:
    """None where what was decided is done or goes on, else why it is void. Who waits for its turn is not waited for."""
    try:
        answer = await asked.result(rpc_timeout=OUTCOME)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return None
    if answer.get("outcome", "executing") == "executing":
        return None
    return f"{answer['outcome']}: {answer['why']}"


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Shows that the worker lives, while the workflows that it asks take their time."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        beats.cancel()


async def _gone(client: Client, row: RequestAccount) -> str | None:
    """Why an account's workflow will never end its rebalance; None where it is alive, or has just ended it."""
    try:
        described = await client.get_workflow_handle(row.workflow_id or "").describe(rpc_timeout=ANSWER)
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND:
            return "its workflow is gone from Temporal: submit the account again, which brings the old one to its end"
        raise
    if described.status in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED, None}:
        return None
    ending = described.status.name.lower().replace("_", " ")
    return f"its workflow {ending}: submit the account again, which brings the old one to its end"
