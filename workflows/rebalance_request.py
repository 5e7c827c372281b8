"""One request over many accounts: each a `RebalanceAccount` of its own, a window of them at work at a time.

An account takes a place in the window while it is planned or executed, and gives it back while it waits for an
approval, or for an order at the venue; so everything that was asked for gets planned, however long people or venues
take. A run starts a few hundred accounts, and continues as new once each that is under way is in the books; those that
wait or execute are then looked after in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from activities.request_messages import AccountPending, AccountsTold, HandedPlans, RequestDecided, RequestResult
    from domain.approvals import DECIDE_1, SHORTEST, same_person
    from domain.requests import BUSY, has_ended
    from identity.claims import About, input_digest
    from identity.roles import Act
    from workflows import priorities, request_steps, search_attributes
    from workflows.contract import (
        RequestApproval,
        RequestCancellation,
        RequestInput,
        RequestSoFar,
        Steering,
        read,
        unreadable,
    )
    from workflows.envelopes import refusal
    from workflows.progress import RequestProgress
    from workflows.request_faults import told_of
    from workflows.request_ledger import ISSUES, Ledger
    from workflows.request_steps import OF_THE_WORKFLOW, Said

GivenT = TypeVar("GivenT", bound=BaseModel)
# How often accounts of earlier runs are looked after: when something was decided, while they work, while they wait.
SOON, OFTEN, SELDOM = timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=30)
NOUNS = {"approve": "approval", "cancel": "cancellation"}
HANDS_ON = "hands on what executes"  # histories of before waited for it, and replay so
DONE_BY = {"approve": "approved_by", "cancel": "cancelled_by"}


@workflow.defn(name="RebalanceRequest", failure_exception_types=[ValidationError])
class RebalanceRequest:
    """Many accounts, from the list to one status. An account's own story is in its own workflow."""

    def __init__(self) -> None:
        self.request = RequestInput.model_construct(request_id="", requested_by="", window=0)  # until it is read
        self.digest = ""  # of the input as it was given: what is signed of it
        self.begun = False  # an update may come with the very first task, before there is anything to decide about
        self.ledger = Ledger()
        self.following: set[asyncio.Task[None]] = set()
        self.paused = False
        self.stopped: RequestCancellation | None = None  # cancelled as a whole: what comes to be pending is, too
        self.late = False  # something came to be pending after that
        self.look_now = False
        self.look_in = SOON  # rises to SELDOM while nothing happens
        self.to_tell: set[str] = set()  # decisions that some accounts' workflows have not been told
        self.telling = asyncio.Lock()
        self.lenient = False  # some plan that waits may be approved by who asked for it
        self.deciding = 0  # approvals that wait for the books to have what became of accounts
        self.writing = False  # which is being written down
        self.hands_on = False  # accounts that merely wait hold up neither others nor the next run
        self.ending = False  # its accounts have all ended, and are being summed up
        self.result: RequestResult | None = None

    @workflow.run
    async def run(self, given: Any = None) -> RequestResult:
        """Runs the request to its status. Bad input, or an unknown account, fails the workflow at once.

        Cancelled, whenever it is, it starts no more, cancels what waits, and says so in the books before it ends.
        """
        self.request = read(RequestInput, given)
        self.digest = input_digest(given)
        work = asyncio.create_task(self._to_the_end())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if self.ending:  # there is nothing left that could be cancelled
                return await work
            self._stop(RequestCancellation(by=OF_THE_WORKFLOW, reason="the request's workflow was cancelled"))
            await work
            raise

    async def _to_the_end(self) -> RequestResult:
        """From the list of accounts to one status; continues as new where this run is long enough."""
        self.hands_on = workflow.patched(HANDS_ON)
        if self.request.progress is None:
            self.request = self.request.model_copy(update={"request_id": request_steps.own_id(self.request)})
            workflow.upsert_search_attributes([search_attributes.REQUEST_ID.value_set(self.request.request_id)])
            self.ledger.total = await request_steps.begin(self.request, self.digest)
        else:
            await self._go_on(self.request.progress)
        self.begun = True
        await self._work()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self.ledger.all_ended:
            workflow.continue_as_new(self._handed_on())
        self.ending = True
        self.result = await request_steps.end(self.request)
        workflow.upsert_search_attributes([search_attributes.REBALANCE_STATUS.value_set(self.result.status)])
        self._tell_details()
        return self.result

    async def _go_on(self, progress: RequestSoFar) -> None:
        """Takes up what the run before handed on."""
        self.ledger.total = progress.accounts
        self.ledger.cursor = self.ledger.base = progress.cursor
        self.paused, self.lenient = progress.paused, progress.lenient
        if progress.stopped:
            self._stop(progress.stopped)
        self.to_tell = {"approve", "cancel"}
        await self._look(ISSUES)
        if progress.stopped and self.ledger.all_ended:
            self.late = False  # the run before said so in the books

    def _handed_on(self) -> dict[str, Any]:
        """The next run's input: a cursor and what was said, never a list of accounts."""
        kept = RequestSoFar(
            accounts=self.ledger.total,
            cursor=self.ledger.total if self.stopped else self.ledger.cursor,
            paused=self.paused,
            lenient=self.lenient,
            stopped=self.stopped,
        )
        given = self.request.model_dump(mode="json", exclude={"account_ids", "queue", "failed_of"}, exclude_none=True)
        priority = priorities.name_of(self.request.priority, workflow.info().typed_search_attributes)
        return given | {"priority": priority, "progress": kept.model_dump(mode="json")}

    # --- the loop

    async def _work(self) -> None:
        while not self._over():
            self._tell_details()
            step = self._next_step()
            if step is not None:
                await step()
                continue
            try:
                await workflow.wait_condition(
                    lambda: self._next_step() is not None or self._over(),
                    timeout=self._look_again(),
                    timeout_summary="looks how the accounts of earlier runs stand",
                )
            except TimeoutError:
                self.look_now, self.look_in = True, min(SELDOM, self.look_in * 2)

    def _over(self) -> bool:
        """True where all accounts have ended, or the run is long enough and its window drained."""
        ledger = self.ledger
        if self.late:  # the books don't know yet what a cancellation did to the accounts
            return False
        held = ledger.only_here if self.hands_on else ledger.own_working
        busy = held or ledger.taken or ledger.notes or self._decisions_to_tell()
        return ledger.all_ended or (self._long_enough() and not busy)

    def _next_step(self) -> Callable[[], Awaitable[object]] | None:
        ledger, places = self.ledger, self._places()
        # Places that have to be free before more accounts are taken: one query for many, not one for each.
        batch = max(1, self.request.window // 4)
        if self.late:
            return self._decide_late
        if self._decisions_to_tell():
            return self._tell
        if ledger.taken:
            return self._start_taken
        if self.look_now:
            return self._look
        if places and places >= min(batch, ledger.remaining):
            return self._take
        if len(ledger.notes) >= batch or (ledger.notes and (self.deciding or not ledger.own_working)):
            return self._take
        return None

    def _places(self) -> int:
        """How many more accounts may be started now."""
        if self.paused or self.stopped or self._long_enough():
            return 0
        return max(0, min(self.request.window - self.ledger.working, self.ledger.remaining))

    def _long_enough(self) -> bool:
        """True where this run starts no more: its history is long, or only the next can look after some account."""
        full = len(self.ledger.own) >= self.request.accounts_a_run and self.ledger.remaining > 0
        return full or self.ledger.adopted or workflow.info().is_continue_as_new_suggested()

    def _look_again(self) -> timedelta | None:
        if not self.ledger.handed_open and not self._held_up():
            return None
        return min(self.look_in, OFTEN) if self.ledger.handed_at_work else self.look_in

    def _held_up(self) -> bool:
        """True where accounts at work keep others, or the next run, from being started: some may merely wait."""
        return self.hands_on and bool(self.ledger.at_work) and self.ledger.remaining > 0 and not self.paused

    def _look_soon(self) -> None:
        """Something was said or decided: accounts of earlier runs move on, and nobody tells us."""
        if self.ledger.handed_open:
            self.look_now, self.look_in = True, SOON

    async def _take(self) -> None:
        self.look_in = SOON
        size, notes = self._places(), self.ledger.notes
        self.ledger.notes, self.writing = [], bool(notes)
        self.ledger.took(size, await request_steps.take(self.request, self.ledger.cursor, size, notes))
        self.writing = False

    async def _start_taken(self) -> None:
        taken, self.ledger.taken = self.ledger.taken, []
        for account_id in taken:
            if self.stopped:
                self.ledger.note(account_id, "CANCELED", f"cancelled by {self.stopped.by} before it was started")
                continue
            self.ledger.started(account_id)
            task = asyncio.create_task(self._account(account_id))
            self.following.add(task)
            task.add_done_callback(self.following.discard)

    async def _account(self, account_id: str) -> None:
        """Follows one account to its end, whatever it is."""
        try:
            ended = await request_steps.rebalance(self.request, account_id)
        except WorkflowAlreadyStartedError:
            self.ledger.note(account_id, BUSY, None)
        except ChildWorkflowError as fault:
            self.ledger.note(account_id, *told_of(fault))
        else:
            self.ledger.ended(account_id, ended.status, ended.issue, ended.rebalance_id)

    async def _look(self, issues: int = 0) -> None:
        self.look_now = False
        self.ledger.looked(await request_steps.look(self.request, self.ledger.base, issues, self._own()))

    def _own(self) -> list[str]:
        """The accounts of this run about which it is asked whether they merely wait."""
        return self.ledger.at_work if self._held_up() else []

    # --- decisions

    def _decisions_to_tell(self) -> tuple[str, ...]:
        """Cancellations at once; approvals as the window has places, as what is approved goes to work."""
        held = self.paused or self.ledger.working >= self.request.window
        return tuple(sorted(self.to_tell - {"approve"} if held else self.to_tell))

    async def _tell(self) -> AccountsTold | None:
        async with self.telling:
            decisions = self._decisions_to_tell()
            if not decisions:
                return None
            places = self.request.window - self.ledger.working
            limit = max(1, places) if "approve" in decisions else self.request.window
            told = await request_steps.tell(self.request, decisions, limit)
            if not told.left:
                self.to_tell -= set(decisions)
            self.ledger.told(told)
            self._look_soon()
            return told

    async def _decide(self, decision: str, said: Said) -> RequestDecided:
        decided = await request_steps.decide(self.request, decision, said, self.ledger.base)
        self.ledger.handed_plans = decided.handed or HandedPlans()
        if decided.pending:
            about = said.account_ids if decided.account_ids is None else decided.account_ids
            self.ledger.decide(decision == "approve", about)
            self.to_tell.add(decision)
        self._look_soon()
        return decided

    async def _decide_late(self) -> None:
        """What came to be pending after the request was cancelled is cancelled, too."""
        self.late = False
        if self.stopped:
            await self._decide("cancel", self.stopped)

    def _stop(self, said: RequestCancellation) -> None:
        """Nothing more is started, and what comes to be pending is cancelled."""
        self.stopped, self.late = said, True
        self.ledger.closed = True

    async def _answer(self, decision: str, said: Said) -> dict[str, Any]:
        """Decides, tells those workflows that have a place in the window, and says what came of it."""
        await workflow.wait_condition(lambda: self.begun)
        refusal = self._refusal(decision, said)
        if refusal:
            raise ApplicationError(refusal)
        if isinstance(said, RequestApproval) and said.plan is not None:
            await self._written()
        waiting = 0
        if isinstance(said, RequestCancellation) and said.account_ids is None:
            waiting = self._cancellable()
            self._stop(said)
            self.late = False  # what is pending now is decided about here, and counted in the answer
        decided = await self._decide(decision, said)
        if decided.refused:
            raise ApplicationError(f"{NOUNS[decision]} refused: {decided.refused}")
        about = decided.pending + (waiting or decided.not_started)
        if not about:
            named = f" of {', '.join(decided.not_pending[:10])}" if decided.not_pending else ""
            raise ApplicationError(f"{NOUNS[decision]} refused: nothing{named} is pending. {self._in_words()}")
        told = await self._tell()
        refused = [{"account_id": each, "reason": "nothing of it is pending"} for each in decided.not_pending]
        refused += [{"account_id": each.account_id, "reason": each.reason} for each in decided.left_out]
        late = [each.model_dump() for each in told.refused] if told else []
        answer = {DONE_BY[decision]: said.by, "accounts": about - len(late), "refused": refused + late}
        return answer | ({"liquidations": decided.liquidations} if decided.liquidations else {})

    async def _written(self) -> None:
        """Waits until the books know all that the list of plans does, as they compare it with what was shown."""
        self.deciding += 1
        await workflow.wait_condition(lambda: not self.ledger.notes and not self.writing)
        self.deciding -= 1

    def _cancellable(self) -> int:
        """Accounts without a pending plan that a cancellation still ends: before their start, or once planned."""
        planned = self.ledger.planned if self.request.approval == "required" else 0
        return self.ledger.not_started + planned

    def _refusal(self, decision: str, said: Said) -> str | None:
        """Why a decision can't be taken; None where it can, or the request has not begun to say."""
        if not self.begun:
            return None
        waiting = self._cancellable() if decision == "cancel" else 0
        if not self.ledger.pending and not waiting:
            return f"{NOUNS[decision]} refused: nothing is pending. {self._in_words()}"
        if decision == "approve" and same_person(said.by, self.request.requested_by) and not self.lenient:
            return (
                f"approval refused: {said.by} asked for this request and may not approve it too (four eyes). Somebody "
                "else has to"
            )
        return None

    def _not_seen(self, said: RequestApproval) -> str | None:
        """Why an approval does not say what was seen; None where it does, for the books to compare (DECIDE-1)."""
        if said.plan is not None or not self.begun:
            return None
        current, apart = self.ledger.listed, ", ".join(self.ledger.liquidations)
        pending = (
            f"Pending is the list {current}. Look at it, and approve it by its name: --plan {current[:SHORTEST]}"
            if current
            else ""
        )
        return (
            f"approval refused: it does not name the plans that were seen ({DECIDE_1.code}). "
            f"{pending or f'Liquidations alone are pending, and each is approved by its own name: {apart}'}"
        )

    # --- what operators say and ask

    @workflow.update
    async def approve(self, given: Any = None) -> dict[str, Any]:
        """Approves all that is pending, or the accounts named."""
        return await self._answer("approve", RequestApproval.model_validate(given))

    @approve.validator
    def _may_approve(self, given: Any = None) -> None:
        said = _readable(RequestApproval, given)
        _refuse(self._refusal("approve", said) or self._not_seen(said) or self._not_signed("approve", said))

    @workflow.update
    async def cancel(self, given: Any = None) -> dict[str, Any]:
        """Cancels all that is pending and what was not started, or the accounts named."""
        return await self._answer("cancel", RequestCancellation.model_validate(given))

    @cancel.validator
    def _may_cancel(self, given: Any = None) -> None:
        said = _readable(RequestCancellation, given)
        _refuse(self._refusal("cancel", said) or self._not_signed("cancel", said))

    def _not_signed(self, act: Act, said: Said | Steering) -> str | None:
        """Why an envelope can't be this decision now; None where it can, or none was given. It is verified later."""
        if said.signed is None:
            if said.by == OF_THE_WORKFLOW and act == "cancel":
                return f"cancellation refused: {OF_THE_WORKFLOW} is who cancels where a workflow is cancelled"
            return None
        plan = said.plan if isinstance(said, RequestApproval) else None
        wrong = refusal(said.signed, said.by, act, About(workflow.info().workflow_id), None, plan)
        return f"{NOUNS.get(act, act)} refused: {wrong}" if wrong else None

    @workflow.update
    async def pause(self, given: Any = None) -> dict[str, Any]:
        """Starts no more accounts, and tells none that it was approved, until `resume`."""
        return await self._steer("PAUSED", Steering.model_validate(given))

    @pause.validator
    def _may_pause(self, given: Any = None) -> None:
        _refuse(self._not_signed("pause", _readable(Steering, given)))
        if self._stage != "RUNNING":
            _refuse(f"pause refused: the request is {self._stage}. {self._in_words()}")

    @workflow.update
    async def resume(self, given: Any = None) -> dict[str, Any]:
        """Goes on after `pause`."""
        return await self._steer("RUNNING", Steering.model_validate(given))

    @resume.validator
    def _may_resume(self, given: Any = None) -> None:
        _refuse(self._not_signed("resume", _readable(Steering, given)))
        if not self.paused:
            _refuse(f"resume refused: the request is {self._stage}, not paused. {self._in_words()}")

    async def _steer(self, stage: str, said: Steering) -> dict[str, Any]:
        before, self.paused = self.paused, stage == "PAUSED"
        await workflow.wait_condition(lambda: self.begun)
        try:
            await request_steps.steer(self.request, stage, said)
        except ActivityError as fault:
            self.paused = before
            raise ApplicationError(str(fault.cause or fault)) from None
        return {"stage": self._stage, "by": said.by}

    @workflow.signal
    def account_pending(self, given: Any = None) -> None:
        """An account's workflow says that its plan waits for an approval."""
        try:
            said = AccountPending.model_validate(given)
        except ValidationError as flaw:  # somebody typed it; no reason to end the request
            workflow.logger.warning("signal account_pending can't be read: %s flaws", flaw.error_count())
            return
        self.lenient = self.lenient or not said.four_eyes
        if not self.ledger.is_pending(said):
            self._look_soon()
        self.late = self.late or self.stopped is not None

    @workflow.query
    def progress(self) -> RequestProgress:
        """How the accounts stand, and what they said of themselves."""
        counts = self.ledger.counts()
        return {
            "request_id": self.request.request_id,
            "requested_by": self.request.requested_by,
            "stage": self._stage,
            "status": self.result.status if self.result else None,
            "accounts": self.ledger.total,
            "counts": counts,
            "ended": sum(count for outcome, count in counts.items() if has_ended(outcome)),
            "pending": self.ledger.pending,
            "plans": self.ledger.listed or None,
            "liquidations": self.ledger.liquidations,
            "issues": self.ledger.issues,
            "issues_left_off": self.ledger.issues_left_off,
        }

    @property
    def _stage(self) -> str:
        if self.result:
            return "ENDED"
        if self.stopped:
            return "CANCELLING"
        return "PAUSED" if self.paused else "RUNNING"

    def _in_words(self) -> str:
        told = ", ".join(f"{count} {outcome}" for outcome, count in self.ledger.counts().items())
        return f"Its accounts: {told or 'none'}"

    def _tell_details(self) -> None:
        """Where the request stands, for the UI's details."""
        pending = self.ledger.pending
        action = f"\n\nNext: `rebalancer approve {self.request.request_id} --by WHO`" if pending else ""
        workflow.set_current_details(f"**{self._stage}** {self._in_words()}{action}")


def _readable(model: type[GivenT], given: Any) -> GivenT:
    """What was sent with an update, or its refusal."""
    _refuse(unreadable(model, given))
    return model.model_validate(given)


def _refuse(why: str | None) -> None:
    if why:
        raise ValueError(why)
