"""One account's rebalance: check target, sleeves, minimums, trades; wait for an approval; execute; reconcile."""

import asyncio
import contextlib
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        BeginExecution,
        CheckTarget,
        CloseRebalance,
        DecisionVerified,
        ExecutionBegun,
        MinimumsChecked,
        RebalanceResult,
        SleevesVerified,
        SubmitTrades,
        TargetChecked,
        TradesGenerated,
        VerifyDecision,
    )
    from workflows import search_attributes
    from workflows.cancelling import cancel_requested, obey_cancellation
    from workflows.contract import Approval, Cancellation, RebalanceInput, read, unreadable
    from workflows.options import BOOK, DECIDE, EXECUTE, TURN
    from workflows.progress import RebalanceProgress
    from workflows.rebalance_execution import Execution
    from workflows.rebalance_proposal import Proposal, by_policy, pending, progress_of, utc
    from workflows.rebalance_refusals import ensure_in_time, ensure_may_approve, ensure_meant, ensure_signed_for
    from workflows.steps import finished

WorkT = TypeVar("WorkT")
TOO_LATE = "but nothing could begin before the exchange's close"


@workflow.defn(name="RebalanceAccount", failure_exception_types=[ValidationError])
class RebalanceAccount:
    """One account, from target to reconciled books. Every step is durable; the history tells who decided what."""

    def __init__(self) -> None:
        self.stage = "STARTING"
        self.note = ""
        self.request: RebalanceInput | None = None
        self.rebalance: Proposal | None = None  # the newest round's
        self.proposal: Proposal | None = None  # the same, while it waits for an approval
        self.approval: Approval | None = None
        self.cancellation: Cancellation | None = None
        self.execution = Execution(self._tell, self._now)
        self.again: str | None = None  # why what is pending has to be planned again
        self.heard: set[str] = set()  # the reasons for it that came so far
        self.changed = ""  # why the newest round was planned
        self.beginning = False  # approved, and not yet known whether its execution begins
        self.refused = 0  # approvals that were not proven
        self.outcomes: dict[tuple[int, int], dict[str, Any]] = {}  # what came of the approvals: by round, and `refused`
        self.result: RebalanceResult | None = None

    @workflow.run
    async def run(self, given: Any = None) -> RebalanceResult:
        """Runs the rebalance to one of its five statuses. Bad input fails the workflow at once."""
        self.request = request = read(RebalanceInput, given)
        try:
            return await self._rebalance(request)
        except (ActivityError, asyncio.CancelledError) as fault:
            cancelled = is_cancelled_exception(fault) or cancel_requested()
            await asyncio.shield(self._record_fault(request, fault, cancelled))
            if cancelled:  # a step that was not tried again for it is no fault of its own
                raise asyncio.CancelledError from fault
            raise

    async def _rebalance(self, request: RebalanceInput) -> RebalanceResult:
        round_number = 1
        waits_on: Proposal | None = None
        while True:
            proposal = waits_on or await self._propose(request, round_number)
            waits_on = None
            if proposal.checked.begun:
                return await self._to_the_end(self._execute(proposal))
            if self.again is not None:
                round_number = self._plan_again(proposal)
                continue
            if proposal.trades is None:
                found = proposal.checked.findings
                return await self._close(request, "FAILED", issue=proposal.checked.issue, findings=found)
            if not proposal.trades.has_trades:
                return await self._close(request, None)
            approval = await self._approved(request, proposal)
            if self.again is not None and self.cancellation is None:
                round_number = self._plan_again(proposal)
                continue
            if approval is None or self.cancellation is not None:
                return await self._not_approved(request)
            begun = await self._begin(request, proposal, approval)
            if not begun.out:
                obey_cancellation()
                if self.cancellation is not None or begun.expired:
                    return await self._not_approved(request, f"approved by {approval.by}, {TOO_LATE}")
            elif self.cancellation is not None:  # it came while they were sent: what is still open is cancelled
                self.execution.stop = self.cancellation.told
            if begun.refused is not None:  # nothing was sent, and the plan waits for whoever may approve it
                self._decided(proposal, outcome="refused", why=begun.refused)
                self.refused, waits_on = self.refused + 1, proposal
                continue
            if not begun.changed:
                opens = {"opens_at": utc(begun.opens_at)} if begun.opens_at else {}
                self._decided(proposal, approved_by=approval.by, outcome="executing", **opens)
                return await self._to_the_end(self._execute(proposal, begun))
            round_number = self._plan_again(proposal, f"changed since the plan: {', '.join(begun.changed)}")

    def _plan_again(self, proposal: Proposal, why: str = "") -> int:
        """The round in which what is old by now is planned again; an approval of it is void."""
        self.refused = 0
        self.changed = why or self.again or ""
        self._tell("PLANNING AGAIN", self.changed)
        self._decided(proposal, outcome="void", why=self.changed)
        return proposal.checked.round + 1

    def _decided(self, proposal: Proposal, **outcome: Any) -> None:
        """What came of approving a round: the answer to whoever did (DECIDE-2)."""
        self.outcomes[proposal.checked.round, self.refused] = {"approved_by": None, **outcome}

    async def _propose(self, request: RebalanceInput, round_number: int) -> Proposal:
        """Check target, verify sleeves, check minimums, generate trades."""
        self.again = None
        self._tell("CHECKING", "checking the target, sleeves and minimums")
        checked = await finished(
            "check_target",
            CheckTarget(
                **request.model_dump(
                    include={"account_id", "requested_by", "mode", "approval", "kind", "amount", "request_id"}
                ),
                override=request.override,
                signal=request.signal.model_dump() if request.signal else None,
                start_key=_start_key(),
                started_at=workflow.info().workflow_start_time,
                round=round_number,
            ),
            TargetChecked,
            DECIDE if request.signal is None else TURN,
            request.account_id,
        )
        workflow.upsert_search_attributes(search_attributes.of_account(checked, request.request_id))
        self.rebalance = proposal = Proposal(checked, None)
        obey_cancellation()
        if checked.issue or checked.begun:
            return proposal
        if request.signal is None:  # a signal opens no sleeve and closes none
            await finished("verify_sleeves", proposal.step, SleevesVerified, DECIDE, f"round {round_number}")
            obey_cancellation()
            await finished("check_minimums", proposal.step, MinimumsChecked, DECIDE, f"round {round_number}")
            obey_cancellation()
        trades = await finished("generate_trades", proposal.step, TradesGenerated, DECIDE, f"round {round_number}")
        obey_cancellation()
        self.rebalance = Proposal(checked, trades)
        return self.rebalance

    async def _approved(self, request: RebalanceInput, proposal: Proposal) -> Approval | None:
        """The approval; None where it was cancelled, the business day ended, or it has to be planned again.

        A liquidation is never automatic; a model signal needs no approval (SIGNAL-1).
        """
        assert proposal.trades is not None
        by = by_policy(request, proposal)
        if by is not None:
            return Approval(by=by)
        if not self.refused:  # else it knows: the plan has waited all the while
            await self._tell_request(request, proposal)
        self.approval = self.cancellation = None
        self.proposal = proposal
        self._tell("PENDING APPROVAL", pending(proposal), status="PENDING_APPROVAL")
        try:
            await workflow.wait_condition(
                lambda: self.approval is not None or self.cancellation is not None or self.again is not None,
                timeout=proposal.trades.expires_at - self._now(),
                timeout_summary="expires at the exchange's close",
            )
        except TimeoutError:
            return None
        finally:
            self.proposal = None
        return self.approval

    async def _tell_request(self, request: RebalanceInput, proposal: Proposal) -> None:
        """The request that this is an account of gets its place back while people decide."""
        parent = workflow.info().parent
        if parent is None or request.request_id is None:
            return
        with contextlib.suppress(ApplicationError):  # the request is gone, and nobody has to be told
            await workflow.get_external_workflow_handle(parent.workflow_id).signal("account_pending", proposal.waits)

    async def _not_approved(
        self, request: RebalanceInput, expired: str = "not approved before the exchange's close"
    ) -> RebalanceResult:
        """EXPIRED, or CANCELED with who and why."""
        said, proposal = self.cancellation, self.rebalance
        assert proposal is not None
        if said is None:
            self._decided(proposal, outcome="expired", why="the exchange closed before its turn came")
            return await self._close(request, "EXPIRED", issue=expired)
        issue = said.told
        self._decided(proposal, outcome="cancelled", why=issue)
        return await self._close(request, "CANCELED", by=said.by, issue=issue)

    async def _begin(self, request: RebalanceInput, proposal: Proposal, approval: Approval) -> ExecutionBegun:
        """Writes the orders down; where nobody waits for an answer to the approval, the same step sends them."""
        message = BeginExecution(
            **proposal.step.model_dump(),
            approved_by=approval.by,
            approved_at=self._now(),
            plan=approval.plan,
            unseen=approval.unseen,
            signed=approval.signed,
        )
        told = f"approved by {approval.by}"
        self.beginning = True
        try:
            if proposal.checked.at_once and by_policy(request, proposal):
                begun = await self._to_the_end(self._begin_and_send(proposal, message, told))
                if not begun.busy or self.cancellation is not None:
                    return begun
                obey_cancellation()
            return await finished("begin_execution", message, ExecutionBegun, TURN, told)
        finally:
            self.beginning = False

    async def _begin_and_send(self, proposal: Proposal, approval: BeginExecution, told: str) -> ExecutionBegun:
        self._tell(self.stage, "orders are being written down and sent, sells first")
        message = SubmitTrades(**proposal.step.model_dump(), approval=approval)
        return await finished("submit_trades", message, ExecutionBegun, EXECUTE, told)

    async def _execute(self, proposal: Proposal, begun: ExecutionBegun | None = None) -> RebalanceResult:
        """Submits trades, waits for the venue's last word on each, reconciles."""
        submitted = await self.execution.to_the_last_word(proposal, begun)
        self._tell("RECONCILING", f"orders ended {submitted.statuses}; comparing with the custodian")
        return self._ended(await finished("reconcile", proposal.step, RebalanceResult, BOOK, "books and custodian"))

    async def _to_the_end(self, work: Awaitable[WorkT]) -> WorkT:
        """Waits for work that has to be finished: orders are out. Asked to cancel, it stops waiting for fills."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.execution.stop = self.execution.stop or "its workflow was cancelled"
            return await task

    async def _close(
        self,
        request: RebalanceInput,
        status: str | None,
        by: str | None = None,
        issue: str | None = None,
        findings: list[dict[str, Any]] | None = None,
    ) -> RebalanceResult:
        message = CloseRebalance(
            start_key=_start_key(),
            account_id=request.account_id,
            status=status,
            by=by,
            issue=issue,
            findings=findings or [],
        )
        return self._ended(await finished("close_rebalance", message, RebalanceResult, BOOK, status or "no trades"))

    async def _record_fault(self, request: RebalanceInput, fault: BaseException, cancelled: bool) -> None:
        """A step gave up, or the workflow was cancelled: the record says so, as the history is not kept for ever."""
        if self.stage in {"EXECUTING", "RECONCILING"}:
            return  # these go on to their end; what fails there is tried again until it is mended
        if self.rebalance is not None:
            self._decided(self.rebalance, outcome="failed", why="its workflow ended before anything was executed")
        if isinstance(fault, ActivityError) and not cancelled:
            cause = fault.cause or fault
            await self._close(request, "FAILED", issue=f"{fault.activity_type} gave up: {cause}")
        else:
            await self._close(request, "CANCELED", by="temporal", issue="its workflow was cancelled")

    def _ended(self, result: RebalanceResult) -> RebalanceResult:
        self.result = result
        self._tell(result.status, result.issue or "every step done", status=result.status)
        return result

    def _now(self) -> datetime:
        """The moment by the clock that the steps read: Temporal's own, but where they were handed another (DAY-1)."""
        ahead = self.rebalance.checked.clock_ahead if self.rebalance else timedelta()
        return workflow.now() + ahead

    def _tell(self, stage: str, note: str, status: str | None = None) -> None:
        """Where the rebalance stands, for the query, the UI's details and its search attribute."""
        self.stage, self.note = stage, note
        workflow.set_current_details(f"**{stage}** {note}")
        if status:
            workflow.upsert_search_attributes([search_attributes.REBALANCE_STATUS.value_set(status)])

    # --- what operators ask and say ---------------------------------------------------------------------------

    @workflow.query
    def progress(self) -> RebalanceProgress:
        """Where the rebalance stands, and for whose approval it waits."""
        return progress_of(self.request, self.rebalance, self.proposal, self.stage, self.note, self.result)

    @workflow.signal
    async def plan_again(self, given: Any = None) -> None:
        """What was planned is old, as `why` says: it is planned again, and its approval asked again (SIGNAL-1)."""
        why = given.get("why") if isinstance(given, dict) else None
        said = str(why or "what it was planned from has changed")[:500]
        if said not in self.heard:  # told twice, it is planned again once
            self.heard.add(said)
            self.again = said

    @workflow.signal
    async def desk_told(self, given: Any = None) -> None:
        """All that was handed over to the venue's desk has its last word (BLOCK-4); `over`: how all orders ended, where
        that was all that there was.
        """
        self.execution.desk_told(given.get("over") if isinstance(given, dict) else None)

    @workflow.update
    async def approve(self, given: Any = None) -> dict[str, Any]:
        """Approves the pending trades; the answer is what came of it: executing, void, expired or cancelled."""
        said = Approval.model_validate(given)
        self.approval = said
        if said.plan is None or self.proposal is None:  # of before approvals named a plan: histories have the answer so
            return {"approved_by": said.by}
        of, asked = self.proposal.checked, (self.proposal.checked.round, self.refused)
        await workflow.wait_condition(lambda: asked in self.outcomes)
        return self.outcomes[asked] | {"rebalance_id": of.rebalance_id, "round": of.round}

    @approve.validator
    def _may_approve(self, given: Any = None) -> None:
        wrong = unreadable(Approval, given)
        if wrong:
            raise ValueError(wrong)
        said = Approval.model_validate(given)
        ensure_may_approve(said, self.request, self._pending_or_refuse("approval", said), self.changed, self._now)

    @workflow.update
    async def cancel(self, given: Any = None) -> dict[str, Any]:
        """Cancels the pending trades, also approved ones not yet begun; afterwards what is still open at the venue."""
        said = Cancellation.model_validate(given)
        if self.rebalance and (self.rebalance.checked.signed or said.signed is not None):
            await self._verified(said, self.rebalance)
        if self.execution.waiting:
            self.execution.stop = said.told
        else:
            self.cancellation = said
        return {"cancelled_by": said.by}

    @cancel.validator
    def _may_cancel(self, given: Any = None) -> None:
        wrong = unreadable(Cancellation, given)
        if wrong:
            raise ValueError(wrong)
        said = Cancellation.model_validate(given)
        ensure_signed_for("cancellation", "cancel", said, self.request, self._cancellable(said), self._now)

    def _cancellable(self, said: Cancellation) -> Proposal:
        """What a cancellation is about; raises ValueError where it is not what was meant, or it is too late."""
        open_at_venue = self.execution.waiting and self.execution.stop is None
        not_begun = (self.beginning or (self.proposal and self.approval)) and self.cancellation is None
        if self.rebalance and (open_at_venue or not_begun):
            ensure_meant("cancellation", said, self.rebalance)
            return self.rebalance
        return self._pending_or_refuse("cancellation", said)

    async def _verified(self, said: Cancellation, proposal: Proposal) -> None:
        """Raises ApplicationError where a cancellation is not proven, or came too late by the time that it was."""
        message = VerifyDecision(
            **proposal.step.model_dump(), act="cancel", by=said.by, signed=said.signed, at=self._now()
        )
        found = await finished("verify_decision", message, DecisionVerified, TURN, f"cancelled by {said.by}")
        if found.refused is not None:
            raise ApplicationError(f"cancellation refused: {found.refused}")
        try:
            self._cancellable(said)
        except ValueError as late:
            raise ApplicationError(str(late)) from None

    def _pending_or_refuse(self, what: str, said: Approval | Cancellation) -> Proposal:
        """What is pending, where it is what the person meant, and it is not too late."""
        if self.proposal is None or self.approval is not None or self.cancellation is not None:
            raise ValueError(f"{what} refused: nothing is pending, {self._standing()}")
        ensure_meant(what, said, self.proposal)
        ensure_in_time(what, self.proposal, self._now())
        return self.proposal

    def _standing(self) -> str:
        """Where the rebalance stands, and who decided about it."""
        told = f"the rebalance is at {self.stage}. {self.note}"
        if self.cancellation is not None:
            return f"{self.cancellation.by} cancelled it already; {told}"
        return f"{self.approval.by} approved it already; {told}" if self.approval is not None else told


def _start_key() -> str:
    """Names this start of the workflow: the same when it is reset, so that a reset run finds its own rebalance."""
    return f"{workflow.info().workflow_id}#{workflow.info().first_execution_run_id}"
