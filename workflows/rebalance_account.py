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
    from pydantic import BaseModel

    from activities.messages import (
        BeginExecution,
        CheckTarget,
        CloseRebalance,
        CollectFills,
        DecisionVerified,
        ExecutionBegun,
        MinimumsChecked,
        OrdersSubmitted,
        RebalanceResult,
        SleevesVerified,
        SubmitTrades,
        TargetChecked,
        TradesGenerated,
        VerifyDecision,
    )
    from activities.request_messages import AccountPending
    from domain.approvals import same_person
    from identity.claims import About
    from identity.roles import Act
    from workflows import search_attributes
    from workflows.contract import Approval, Cancellation, RebalanceInput, read, request_workflow_id, unreadable
    from workflows.envelopes import is_about, refusal, told_refusal
    from workflows.options import BOOK, DECIDE, DESK, EXECUTE, TURN, StepOptions, next_look
    from workflows.progress import RebalanceProgress
    from workflows.rebalance_proposal import Proposal, not_shown, pending, utc
    from workflows.steps import Cancelling, step

AnswerT = TypeVar("AnswerT", bound=BaseModel)
WorkT = TypeVar("WorkT")
TOO_LATE = "but nothing could begin before the exchange's close"
AUTOMATIC = "policy: automatic approval"
MODEL_SIGNAL = "policy: model signal"
OBEYS = "obeys a cancellation that came during a step"  # histories of before lost it, and replay so


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
        self.waiting = False  # for fills
        self.told = False  # by the desk: all that was handed over has its last word
        self.over: dict[str, int] | None = None  # how all orders ended, where nothing is left to be sent
        self.stop: str | None = None  # why what is open at the venue is to be cancelled
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
            cancelled = is_cancelled_exception(fault) or _cancel_requested()
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
                _obey_cancellation()
                if self.cancellation is not None or begun.expired:
                    return await self._not_approved(request, f"approved by {approval.by}, {TOO_LATE}")
            elif self.cancellation is not None:  # it came while they were sent: what is still open is cancelled
                self.stop = self.cancellation.told
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
        checked = await self._step(
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
        self._attributes(checked)
        self.rebalance = proposal = Proposal(checked, None)
        _obey_cancellation()
        if checked.issue or checked.begun:
            return proposal
        if request.signal is None:  # a signal opens no sleeve and closes none
            await self._step("verify_sleeves", proposal.step, SleevesVerified, DECIDE, f"round {round_number}")
            _obey_cancellation()
            await self._step("check_minimums", proposal.step, MinimumsChecked, DECIDE, f"round {round_number}")
            _obey_cancellation()
        trades = await self._step("generate_trades", proposal.step, TradesGenerated, DECIDE, f"round {round_number}")
        _obey_cancellation()
        self.rebalance = Proposal(checked, trades)
        return self.rebalance

    async def _approved(self, request: RebalanceInput, proposal: Proposal) -> Approval | None:
        """The approval; None where it was cancelled, the business day ended, or it has to be planned again.

        A liquidation is never automatic; a model signal needs no approval (SIGNAL-1).
        """
        assert proposal.trades is not None
        by = _by_policy(request, proposal)
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
        waits = AccountPending(
            **proposal.step.model_dump(),
            four_eyes=proposal.checked.four_eyes,
            plan=proposal.trades.plan if proposal.trades else "",
            liquidation=proposal.checked.liquidation,
        )
        with contextlib.suppress(ApplicationError):  # the request is gone, and nobody has to be told
            await workflow.get_external_workflow_handle(parent.workflow_id).signal("account_pending", waits)

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
            if proposal.checked.at_once and _by_policy(request, proposal):
                begun = await self._to_the_end(self._begin_and_send(proposal, message, told))
                if not begun.busy or self.cancellation is not None:
                    return begun
                _obey_cancellation()
            return await self._step("begin_execution", message, ExecutionBegun, TURN, told)
        finally:
            self.beginning = False

    async def _begin_and_send(self, proposal: Proposal, approval: BeginExecution, told: str) -> ExecutionBegun:
        self._tell(self.stage, "orders are being written down and sent, sells first")
        message = SubmitTrades(**proposal.step.model_dump(), approval=approval)
        return await self._step("submit_trades", message, ExecutionBegun, EXECUTE, told)

    async def _execute(self, proposal: Proposal, begun: ExecutionBegun | None = None) -> RebalanceResult:
        """Submit trades, wait until the venue has said its last word on each, reconcile.

        `begun` may say how orders stand that were sent, or handed over to the desk, when they were written down.
        """
        self._tell("EXECUTING", "orders are being sent, sells first")
        stands = begun.stands if begun else None
        at_desk = stands is not None and stands.at_desk and not stands.sendable
        done = at_desk or (begun is not None and begun.sent)
        submitted = stands if stands and done else await self._submit(proposal, "sells, then buys")
        since = self._now()
        leaving = False
        while submitted.open:
            self.waiting = True
            if submitted.at_desk and not submitted.working and not submitted.sendable:
                submitted = await self._from_the_desk(proposal, submitted, leaving)
                leaving, since = leaving or self.stop is not None, self._now()
                continue
            stop = await self._wait_for_fills(submitted, since)
            leaving = leaving or self.stop is not None
            if submitted.opens_at is not None and not submitted.working:
                since = self._now()  # fills are looked for from the open on
            if stop or submitted.working:
                timed_out = stop is not None and self.stop is None
                message = CollectFills(**proposal.step.model_dump(), stop=stop, timed_out=timed_out)
                summary = f"cancelling what is open: {stop}" if stop else f"{submitted.working} at the venue"
                submitted = await self._step("collect_fills", message, OrdersSubmitted, EXECUTE, summary)
            if submitted.sendable:
                submitted = await self._submit(proposal, f"{submitted.sendable} more")
        self.waiting = False
        self._tell("RECONCILING", f"orders ended {submitted.statuses}; comparing with the custodian")
        return self._ended(await self._step("reconcile", proposal.step, RebalanceResult, BOOK, "books and custodian"))

    async def _submit(self, proposal: Proposal, summary: str) -> OrdersSubmitted:
        return await self._step("submit_trades", proposal.step, OrdersSubmitted, EXECUTE, summary)

    async def _from_the_desk(self, proposal: Proposal, submitted: OrdersSubmitted, leaving: bool) -> OrdersSubmitted:
        """Waits until the desk tells that all that it has is over, or somebody stops it: that is said once."""
        self._tell("EXECUTING", f"orders: {submitted.at_desk} at the desk, ended {submitted.statuses}")
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.told or (self.stop is not None and not leaving),
                timeout=DESK,
                timeout_summary="until the desk is asked, though it tells",
            )
        (told, self.told), (over, self.over) = (self.told, False), (self.over, None)
        if over is not None:
            return OrdersSubmitted(statuses=over, resized=[])
        if self.stop is None and told:
            return await self._submit(proposal, "the desk has told: what is left to be sent")
        stop = None if leaving else self.stop
        message = CollectFills(**proposal.step.model_dump(), stop=stop)
        return await self._step("collect_fills", message, OrdersSubmitted, EXECUTE, stop or "how the desk's stand")

    async def _wait_for_fills(self, submitted: OrdersSubmitted, since: datetime) -> str | None:
        """Sleeps until the venue is asked again, or opens; says why no more is waited for, where that is so."""
        assert submitted.give_up_at is not None
        now, give_up_at, opens_at = self._now(), submitted.give_up_at, submitted.opens_at
        if opens_at is not None and not submitted.working:
            pause = max(opens_at - now, timedelta())
        else:
            pause = min(next_look(now - since), max(give_up_at - now, timedelta()))
        at_the_open = f" at the open, {utc(opens_at)}" if opens_at else ""
        told = f"{submitted.working} at the venue, {submitted.sendable} to be sent{at_the_open}"
        ends = f"ended {submitted.statuses}. What is open at {utc(give_up_at)} is cancelled"
        self._tell("EXECUTING", f"orders: {told}, {ends}")
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.stop is not None, timeout=pause, timeout_summary="until the venue is asked again"
            )
        if self.stop is None and self._now() >= give_up_at:
            return "it was not filled in time"
        return self.stop

    async def _to_the_end(self, work: Awaitable[WorkT]) -> WorkT:
        """Waits for work that has to be finished: orders are out. Asked to cancel, it stops waiting for fills."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop = self.stop or "its workflow was cancelled"
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
        return self._ended(await self._step("close_rebalance", message, RebalanceResult, BOOK, status or "no trades"))

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

    async def _step(
        self, name: str, message: BaseModel, answer: type[AnswerT], options: StepOptions, summary: str
    ) -> AnswerT:
        """A step that, once it has begun, is let finish: nothing happens behind a cancelled workflow's back."""
        return await step(name, message, answer, options, summary, Cancelling.WAIT_CANCELLATION_COMPLETED)

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

    def _attributes(self, checked: TargetChecked) -> None:
        updates: list[Any] = [
            search_attributes.ACCOUNT_ID.value_set(checked.account_id),
            search_attributes.REBALANCE_STATUS.value_set("CHECKING"),
        ]
        if checked.target:
            updates.append(search_attributes.TARGET_ID.value_set(checked.target))
        if checked.queue_reasons:
            updates.append(search_attributes.QUEUE_REASON.value_set(checked.queue_reasons[0]))
        if self.request and self.request.request_id:
            updates.append(search_attributes.REQUEST_ID.value_set(self.request.request_id))
        workflow.upsert_search_attributes(updates)

    # --- what operators ask and say ---------------------------------------------------------------------------

    @workflow.query
    def progress(self) -> RebalanceProgress:
        """Where the rebalance stands, and for whose approval it waits."""
        checked = self.rebalance.checked if self.rebalance else None
        return {
            "account_id": self.request.account_id if self.request else None,
            "stage": self.stage,
            "note": self.note,
            "rebalance_id": checked.rebalance_id if checked else None,
            "round": checked.round if checked else None,
            "requested_by": self.request.requested_by if self.request else None,
            "pending": self.proposal is not None,
            "plan": self.proposal.trades.plan if self.proposal and self.proposal.trades else None,
            "liquidation": checked.liquidation if checked else None,
            "four_eyes": checked.four_eyes if checked else None,
            "expires_at": (utc(self.proposal.trades.expires_at) if self.proposal and self.proposal.trades else None),
            "status": self.result.status if self.result else None,
            "issue": self.result.issue if self.result else None,
        }

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
        self.told = True
        self.over = given.get("over") if isinstance(given, dict) else None

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
        pending = self._pending_or_refuse("approval", Approval.model_validate(given))
        by = str(given["by"])
        if pending.checked.four_eyes and self.request and same_person(by, self.request.requested_by):
            raise ValueError(
                f"approval refused: {by} asked for this rebalance and may not approve it too (four eyes). Somebody "
                "else has to"
            )
        approves = Approval.model_validate(given)
        wrong = not_shown(pending, approves, self.changed)
        if wrong:
            raise ValueError(wrong)
        if approves.signed is None and pending.checked.signed:
            raise ValueError(
                f"approval refused: it is not signed, and decisions are signed here ({by} is but a name that was "
                "typed). Sign in at the console, or call the API with a token"
            )
        self._signed_or_refuse("approval", "approve", approves, pending, approves.plan)

    def _signed_or_refuse(
        self, what: str, act: Act, said: Approval | Cancellation, proposal: Proposal, plan: str | None = None
    ) -> None:
        """Shape, meaning and time of an envelope. Whether it is true, the step verifies that carries it out."""
        if said.signed is None:
            return
        checked, wrong = proposal.checked, None
        request = request_workflow_id(self.request.request_id or "") if self.request else ""
        if self.request and self.request.request_id and is_about(said.signed, request):
            wrong = told_refusal(said.signed, said.by, act, request)
        else:
            about = About(workflow.info().workflow_id, checked.rebalance_id, checked.round)
            wrong = refusal(said.signed, said.by, act, about, self._now(), plan)
        if wrong:
            raise ValueError(f"{what} refused: {wrong}")

    @workflow.update
    async def cancel(self, given: Any = None) -> dict[str, Any]:
        """Cancels the pending trades, also approved ones not yet begun; afterwards what is still open at the venue."""
        said = Cancellation.model_validate(given)
        if self.rebalance and (self.rebalance.checked.signed or said.signed is not None):
            await self._verified(said, self.rebalance)
        if self.waiting:
            self.stop = said.told
        else:
            self.cancellation = said
        return {"cancelled_by": said.by}

    @cancel.validator
    def _may_cancel(self, given: Any = None) -> None:
        wrong = unreadable(Cancellation, given)
        if wrong:
            raise ValueError(wrong)
        said = Cancellation.model_validate(given)
        self._signed_or_refuse("cancellation", "cancel", said, self._cancellable(said))

    def _cancellable(self, said: Cancellation) -> Proposal:
        """What a cancellation is about; raises ValueError where it is not what was meant, or it is too late."""
        open_at_venue = self.waiting and self.stop is None
        not_begun = (self.beginning or (self.proposal and self.approval)) and self.cancellation is None
        if self.rebalance and (open_at_venue or not_begun):
            self._meant_or_refuse("cancellation", said, self.rebalance)
            return self.rebalance
        return self._pending_or_refuse("cancellation", said)

    async def _verified(self, said: Cancellation, proposal: Proposal) -> None:
        """Raises ApplicationError where a cancellation is not proven, or came too late by the time that it was."""
        message = VerifyDecision(
            **proposal.step.model_dump(), act="cancel", by=said.by, signed=said.signed, at=self._now()
        )
        found = await self._step("verify_decision", message, DecisionVerified, TURN, f"cancelled by {said.by}")
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
        self._meant_or_refuse(what, said, self.proposal)
        trades = self.proposal.trades
        if trades is not None and self._now() >= trades.expires_at:
            raise ValueError(f"{what} refused: it expired at the exchange's close, {utc(trades.expires_at)}")
        return self.proposal

    def _standing(self) -> str:
        """Where the rebalance stands, and who decided about it."""
        told = f"the rebalance is at {self.stage}. {self.note}"
        if self.cancellation is not None:
            return f"{self.cancellation.by} cancelled it already; {told}"
        return f"{self.approval.by} approved it already; {told}" if self.approval is not None else told

    def _meant_or_refuse(self, what: str, said: Approval | Cancellation, proposal: Proposal) -> None:
        """Who names a rebalance and a round means that plan alone."""
        checked = proposal.checked
        if (said.rebalance_id or checked.rebalance_id, said.round or checked.round) != (
            checked.rebalance_id,
            checked.round,
        ):
            raise ValueError(
                f"{what} refused: round {checked.round} of {checked.rebalance_id} is pending, not what was meant. Look "
                "at its plan again"
            )


def _start_key() -> str:
    """Names this start of the workflow: the same when it is reset, so that a reset run finds its own rebalance."""
    return f"{workflow.info().workflow_id}#{workflow.info().first_execution_run_id}"


def _by_policy(request: RebalanceInput, proposal: Proposal) -> str | None:
    """What approves where nobody is asked; None where somebody is: a liquidation is never approved by policy."""
    if request.signal is not None:
        return MODEL_SIGNAL
    return AUTOMATIC if request.approval == "automatic" and not proposal.checked.liquidation else None


def _obey_cancellation() -> None:
    """Raises where the workflow was asked to cancel while a step succeeded: what is let finish hides that it was."""
    if workflow.cancellation_reason() is not None and workflow.patched(OBEYS):
        raise asyncio.CancelledError


def _cancel_requested() -> bool:
    """True where the workflow was asked to cancel."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
