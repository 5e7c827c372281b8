"""One request over many accounts: each a `RebalanceAccount` of its own, a window of them at work at a time.

An account takes a place in the window while it is planned or executed, and gives it back while it waits for an
approval, or for an order at the venue; so everything that was asked for gets planned, however long people or venues
take. A run starts a few hundred accounts, and continues as new once each that is under way is in the books; those that
wait or execute are then looked after in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.request_messages import AccountPending, AccountsTold, HandedPlans, RequestDecided, RequestResult
    from domain.requests import BUSY
    from identity.claims import input_digest
    from identity.roles import Act
    from workflows import priorities, request_refusals, request_steps, search_attributes
    from workflows.contract import RequestApproval, RequestCancellation, RequestInput, RequestSoFar, Steering, read
    from workflows.progress import RequestProgress
    from workflows.request_answers import answered, progress_of
    from workflows.request_faults import told_of
    from workflows.request_ledger import ISSUES, Ledger
    from workflows.request_looks import SOON, Looks
    from workflows.request_refusals import NOUNS, in_words, readable, refuse
    from workflows.request_stage import UNDONE, Move, Stage
    from workflows.request_steps import OF_THE_WORKFLOW, Said

HANDS_ON = "hands on what executes"  # histories of before waited for it, and replay so


@workflow.defn(name="RebalanceRequest", failure_exception_types=[ValidationError])
class RebalanceRequest:
    """Many accounts, from the list to one status. An account's own story is in its own workflow."""

    def __init__(self) -> None:
        self.request = RequestInput.model_construct(request_id="", requested_by="", window=0)  # until it is read
        self.digest = ""  # of the input as it was given: what is signed of it
        self.begun = False  # an update may come with the very first task, before there is anything to decide about
        self.ledger = Ledger()
        self.following: set[asyncio.Task[None]] = set()
        self.stage = Stage.RUNNING
        self.stopped: RequestCancellation | None = None  # cancelled as a whole: what comes to be pending is, too
        self.late = False  # something came to be pending after that
        self.looks = Looks()
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
        self.lenient = progress.lenient
        if progress.paused:
            self.stage = self.stage.after("pause")
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
            paused=self.stage.paused,
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
                self.looks.waited()

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
        if self.looks.due:
            return self._look
        if places and places >= min(batch, ledger.remaining):
            return self._take
        if len(ledger.notes) >= batch or (ledger.notes and (self.deciding or not ledger.own_working)):
            return self._take
        return None

    def _places(self) -> int:
        """How many more accounts may be started now."""
        if self.stage is not Stage.RUNNING or self._long_enough():
            return 0
        return max(0, min(self.request.window - self.ledger.working, self.ledger.remaining))

    def _long_enough(self) -> bool:
        """True where this run starts no more: its history is long, or only the next can look after some account."""
        full = len(self.ledger.own) >= self.request.accounts_a_run and self.ledger.remaining > 0
        return full or self.ledger.adopted or workflow.info().is_continue_as_new_suggested()

    def _look_again(self) -> timedelta | None:
        if not self.ledger.handed_open and not self._held_up():
            return None
        return self.looks.in_a_while(self.ledger.handed_at_work)

    def _held_up(self) -> bool:
        """True where accounts at work keep others, or the next run, from being started: some may merely wait."""
        return self.hands_on and bool(self.ledger.at_work) and self.ledger.remaining > 0 and not self.stage.paused

    def _look_soon(self) -> None:
        """Something was said or decided: accounts of earlier runs move on, and nobody tells us."""
        if self.ledger.handed_open:
            self.looks.soon()

    async def _take(self) -> None:
        self.looks.pause = SOON
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
        self.looks.due = False
        self.ledger.looked(await request_steps.look(self.request, self.ledger.base, issues, self._own()))

    def _own(self) -> list[str]:
        """The accounts of this run about which it is asked whether they merely wait."""
        return self.ledger.at_work if self._held_up() else []

    # --- decisions

    def _decisions_to_tell(self) -> tuple[str, ...]:
        """Cancellations at once; approvals as the window has places, as what is approved goes to work."""
        held = self.stage.paused or self.ledger.working >= self.request.window
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
        self.stage, self.stopped, self.late = self.stage.after("stop"), said, True
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
            waiting = request_refusals.cancellable(self.request, self.ledger)
            self._stop(said)
            self.late = False  # what is pending now is decided about here, and counted in the answer
        decided = await self._decide(decision, said)
        if decided.refused:
            raise ApplicationError(f"{NOUNS[decision]} refused: {decided.refused}")
        about = decided.pending + (waiting or decided.not_started)
        if not about:
            named = f" of {', '.join(decided.not_pending[:10])}" if decided.not_pending else ""
            raise ApplicationError(f"{NOUNS[decision]} refused: nothing{named} is pending. {in_words(self.ledger)}")
        told = await self._tell()
        return answered(decision, said, about, decided, told)

    async def _written(self) -> None:
        """Waits until the books know all that the list of plans does, as they compare it with what was shown."""
        self.deciding += 1
        await workflow.wait_condition(lambda: not self.ledger.notes and not self.writing)
        self.deciding -= 1

    def _refusal(self, decision: str, said: Said) -> str | None:
        """Why a decision can't be taken; None where it can, or the request has not begun to say."""
        return (
            request_refusals.not_possible(decision, said, self.request, self.ledger, self.lenient)
            if self.begun
            else None
        )

    # --- what operators say and ask

    @workflow.update
    async def approve(self, given: Any = None) -> dict[str, Any]:
        """Approves all that is pending, or the accounts named."""
        return await self._answer("approve", RequestApproval.model_validate(given))

    @approve.validator
    def _may_approve(self, given: Any = None) -> None:
        said = readable(RequestApproval, given)
        seen = request_refusals.not_seen(said, self.ledger) if self.begun else None
        refuse(self._refusal("approve", said) or seen or self._not_signed("approve", said))

    @workflow.update
    async def cancel(self, given: Any = None) -> dict[str, Any]:
        """Cancels all that is pending and what was not started, or the accounts named."""
        return await self._answer("cancel", RequestCancellation.model_validate(given))

    @cancel.validator
    def _may_cancel(self, given: Any = None) -> None:
        said = readable(RequestCancellation, given)
        refuse(self._refusal("cancel", said) or self._not_signed("cancel", said))

    def _not_signed(self, act: Act, said: Said | Steering) -> str | None:
        return request_refusals.not_signed(act, said, workflow.info().workflow_id)

    @workflow.update
    async def pause(self, given: Any = None) -> dict[str, Any]:
        """Starts no more accounts, and tells none that it was approved, until `resume`."""
        return await self._steer("pause", Steering.model_validate(given))

    @pause.validator
    def _may_pause(self, given: Any = None) -> None:
        refuse(self._not_signed("pause", readable(Steering, given)))
        if self._shown != Stage.RUNNING:
            refuse(f"pause refused: the request is {self._shown}. {in_words(self.ledger)}")

    @workflow.update
    async def resume(self, given: Any = None) -> dict[str, Any]:
        """Goes on after `pause`."""
        return await self._steer("resume", Steering.model_validate(given))

    @resume.validator
    def _may_resume(self, given: Any = None) -> None:
        refuse(self._not_signed("resume", readable(Steering, given)))
        if not self.stage.paused:
            refuse(f"resume refused: the request is {self._shown}, not paused. {in_words(self.ledger)}")

    async def _steer(self, move: Move, said: Steering) -> dict[str, Any]:
        self.stage = self.stage.after(move)
        await workflow.wait_condition(lambda: self.begun)
        try:
            await request_steps.steer(self.request, "PAUSED" if move == "pause" else "RUNNING", said)
        except ActivityError as fault:
            self.stage = self.stage.after(UNDONE[move])
            raise ApplicationError(str(fault.cause or fault)) from None
        return {"stage": self._shown, "by": said.by}

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
        return progress_of(self.request, self.ledger, self._shown, self.result)

    @property
    def _shown(self) -> str:
        return "ENDED" if self.result else self.stage.shown

    def _tell_details(self) -> None:
        """Where the request stands, for the UI's details."""
        pending = self.ledger.pending
        action = f"\n\nNext: `rebalancer approve {self.request.request_id} --by WHO`" if pending else ""
        workflow.set_current_details(f"**{self._shown}** {in_words(self.ledger)}{action}")
