"""A manager's model signal: every open sleeve of the model is traded to its new version, account by account."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.messages import RebalanceResult
    from activities.signal_messages import (
        BeginSignal,
        FindOldPlans,
        LookAfterSleeves,
        OldPlansFound,
        SelectSleeves,
        SignalBegun,
        SignalResult,
        SleevesLooked,
        SleevesSelected,
    )
    from domain.planning.signals import outcome_of
    from workflows import search_attributes
    from workflows.contract import ModelSignalInput, SignalSoFar, read, signal_workflow_id
    from workflows.options import ACCOUNTS, BOOK, DECIDE, SLEEVES
    from workflows.progress import SignalProgress
    from workflows.steps import step

HANDS_ON = "hands on what executes"  # histories of before waited for it, and replay so
# How often accounts that take their time are looked at, and how long a run that is long enough waits for its own.
SOON, SELDOM, PATIENCE = timedelta(seconds=2), timedelta(seconds=30), timedelta(seconds=5)
HANDED_AT_MOST = 1000  # accounts that a run hands to the next; more of them hold it up


@workflow.defn(name="ApplyModelSignal", failure_exception_types=[ValidationError])
class ApplyModelSignal:
    """Trades the sleeves of a model, whatever their accounts' toggle says and without an approval (SIGNAL-1)."""

    def __init__(self) -> None:
        self.given: ModelSignalInput | None = None
        self.begun: SignalBegun | None = None
        self.counts = {"traded": 0, "skipped": 0, "failed": 0}
        self.cursor = ""
        self.started = 0  # accounts of this run
        self.superseded_by: int | None = None
        self.trading: dict[str, asyncio.Task[None]] = {}
        self.pending: dict[str, str | None] = {}  # of accounts that are traded: the workflow to be told afterwards
        self.handed: dict[str, str | None] = {}  # the same, of accounts that an earlier run started
        self.resting: set[str] = set()  # accounts that merely wait for an order at the venue
        self.hands_on = False
        self.look_in = SOON  # rises to SELDOM while nothing happens

    @workflow.run
    async def run(self, given: Any = None) -> SignalResult:
        """Goes through the sleeves page by page, then sums up. Bad input, or an unknown version, fails it at once."""
        self.given = signal = read(ModelSignalInput, given)
        self.hands_on = workflow.patched(HANDS_ON)
        if signal.progress is None:
            message = self._named(BeginSignal)
            self.begun = await step("begin_model_signal", message, SignalBegun, DECIDE, "how much changes")
        else:
            self._go_on(signal.progress)
        while (page := await self._page()).last is not None:
            self._count(page)
            for account_id in page.trading:
                await self._room(signal.window)
                self.pending[account_id] = page.pending.get(account_id)
                self.trading[account_id] = asyncio.create_task(self._trade(account_id))
            for account_id, workflow_id in page.pending.items():
                if account_id not in page.trading:
                    await self._tell(workflow_id)
            self.cursor = page.last
            self._show()
            if self.started >= signal.accounts_a_run or workflow.info().is_continue_as_new_suggested():
                await self._drained()
                self._continue()
        self.superseded_by = page.superseded_by
        await self._all_ended()
        await self._tell_old_plans()
        assert self.begun is not None
        result = SignalResult(
            model_id=signal.model_id,
            version=signal.version,
            largest_change=self.begun.largest_change,
            traded=self.counts["traded"],
            skipped=self.counts["skipped"],
            failed=self.counts["failed"],
            superseded_by=self.superseded_by,
        )
        return await step("end_model_signal", result, SignalResult, BOOK, "summing up")

    @property
    def signal(self) -> ModelSignalInput:
        """What it was started with."""
        assert self.given is not None
        return self.given

    def _named(self, message: type[BeginSignal]) -> BeginSignal:
        return message(model_id=self.signal.model_id, version=self.signal.version)

    async def _page(self) -> SleevesSelected:
        assert self.begun is not None
        message = SelectSleeves(
            **self._named(BeginSignal).model_dump(),
            custodians=self.begun.custodians,
            largest_change=self.begun.largest_change,
            requested_by=self.begun.requested_by,
            request_id=signal_workflow_id(self.signal.model_id, self.signal.version),
            start=f"{workflow.info().workflow_id}#{workflow.info().first_execution_run_id}",
            after=self.cursor,
            size=self.signal.page_size,
        )
        summary = f"behind {self.cursor}" if self.cursor else "the first page"
        return await step("select_sleeves", message, SleevesSelected, SLEEVES, summary)

    def _count(self, page: SleevesSelected) -> None:
        self.counts["traded"] += page.traded
        self.counts["skipped"] += page.skipped
        self.counts["failed"] += page.failed

    @property
    def _at_work(self) -> int:
        """Accounts of this run that are being traded, but for those that merely wait at the venue."""
        return sum(each not in self.resting for each in self.trading)

    async def _room(self, window: int) -> None:
        """Waits until fewer accounts than the window are being traded."""
        while self._at_work >= window:
            await self._or_look(lambda: self._at_work < window)
        self.look_in = SOON

    async def _drained(self) -> None:
        """Waits for this run's accounts, and hands those on that take longer than others."""
        if not self.hands_on:
            return await self._room(1)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: not self.trading, timeout=PATIENCE, timeout_summary="for the slowest")
        while self.trading and len(self.handed) + len(self.trading) > HANDED_AT_MOST:
            await self._or_look(lambda: len(self.handed) + len(self.trading) <= HANDED_AT_MOST)
        self.handed |= {each: self.pending[each] for each in self.trading}

    async def _all_ended(self) -> None:
        """Waits for the last accounts, this run's and those that earlier ones handed on."""
        while self.trading or self.handed:
            await self._or_look(lambda: not self.trading and not self.handed)
            if self.hands_on and workflow.info().is_continue_as_new_suggested():
                await self._drained()
                self._continue()

    async def _or_look(self, holds: Callable[[], bool]) -> None:
        """Waits until something holds; at times the accounts that take long are looked at."""
        timeout = self.look_in if self.hands_on else None
        try:
            await workflow.wait_condition(holds, timeout=timeout, timeout_summary="looks at what takes long")
        except TimeoutError:
            self.look_in = min(SELDOM, self.look_in * 2)
            await self._look()

    async def _look(self) -> None:
        request_id = signal_workflow_id(self.signal.model_id, self.signal.version)
        message = LookAfterSleeves(request_id=request_id, own=list(self.trading), handed=list(self.handed))
        looked = await step("look_after_sleeves", message, SleevesLooked, ACCOUNTS, f"{len(self.handed)} handed on")
        self.resting = set(looked.resting)
        for account_id, outcome in looked.ended.items():
            self.counts[outcome] += 1
            waiting = self.handed.pop(account_id)
            if waiting is not None:
                await self._tell(waiting)
        self._show()

    async def _trade(self, account_id: str) -> None:
        """One account's sleeve. Whatever becomes of it is counted; its pending rebalance is planned again after it."""
        assert self.begun is not None
        signal, request_id = self.signal, signal_workflow_id(self.signal.model_id, self.signal.version)
        self.started += 1
        try:
            result = await workflow.execute_child_workflow(
                "RebalanceAccount",
                {
                    "account_id": account_id,
                    "requested_by": self.begun.requested_by,
                    "approval": "automatic",
                    "kind": "signal",
                    "request_id": request_id,
                    "signal": {
                        "model": signal.model_id,
                        "version": signal.version,
                        "largest_change": self.begun.largest_change,
                    },
                },
                id=f"{request_id}/{account_id}",
                result_type=RebalanceResult,
                # What trades goes to its end, also where this workflow is ended.
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=search_attributes.of_start(account_id, request_id),
                static_summary=f"{account_id} to version {signal.version} of model {signal.model_id}",
            )
            self.counts[outcome_of(result.status, bool(result.orders))] += 1
        except (ChildWorkflowError, FailureError) as fault:
            workflow.logger.warning("account %s: %s", account_id, fault)
            self.counts["failed"] += 1
        finally:
            del self.trading[account_id]
        waiting = self.pending.pop(account_id)
        if waiting is not None:
            await self._tell(waiting)
        self._show()

    async def _tell_old_plans(self) -> None:
        """What waits for an approval of a plan with an older version, an opening sleeve's too, is planned again."""
        last: str | None = ""
        while last is not None:
            message = FindOldPlans(**self._named(BeginSignal).model_dump(), after=last, size=self.signal.page_size)
            found = await step("find_old_plans", message, OldPlansFound, DECIDE, "plans of an older version")
            for workflow_id in found.workflow_ids:
                await self._tell(workflow_id)
            last = found.last

    async def _tell(self, workflow_id: str) -> None:
        """Has a rebalance that waits planned again, where its workflow is still there."""
        why = f"version {self.signal.version} of model {self.signal.model_id} came, by its manager's signal"
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal("plan_again", {"why": why})
        except FailureError as gone:
            workflow.logger.info("workflow %s was not told: %s", workflow_id, gone)

    def _go_on(self, kept: SignalSoFar) -> None:
        """Takes up what the run before handed on."""
        self.begun = SignalBegun.model_validate(kept.begun)
        self.cursor, self.handed = kept.cursor, dict(kept.handed)
        self.counts |= kept.counts

    def _continue(self) -> None:
        """Continues as new."""
        assert self.begun is not None
        kept = SignalSoFar(
            begun=self.begun.model_dump(mode="json"), cursor=self.cursor, counts=self.counts, handed=self.handed
        )
        workflow.continue_as_new(self.signal.model_dump(mode="json") | {"progress": kept.model_dump(mode="json")})

    def _show(self) -> None:
        done = sum(self.counts.values())
        told = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        sleeves = self.begun.sleeves if self.begun else 0
        trading = len(self.trading) + len(self.handed)
        workflow.set_current_details(f"**{done} of {sleeves} sleeves**: {told}; {trading} being traded")

    @workflow.query
    def progress(self) -> SignalProgress:
        """How far the signal is. `sleeves` were open when it began."""
        return {
            "model_id": self.given.model_id if self.given else None,
            "version": self.given.version if self.given else None,
            "largest_change": self.begun.largest_change if self.begun else None,
            "sleeves": self.begun.sleeves if self.begun else None,
            "cursor": self.cursor,
            "trading": sorted({*self.trading, *self.handed}),
            "traded": self.counts["traded"],
            "skipped": self.counts["skipped"],
            "failed": self.counts["failed"],
        }
