"""Model signals: how large a change is, whose sleeves it trades, and whose pending plans it makes old.

A page of sleeves is planned here, many accounts at once; only those that something is traded on get a workflow of
their own, which plans them again from what is then in the books.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from temporalio import activity

from activities.context import Desk, actor, beat, step
from activities.reconciliation import end_without_trades
from activities.signal_messages import (
    BeginSignal,
    FindOldPlans,
    OldPlansFound,
    SelectSleeves,
    SignalBegun,
    SignalResult,
    SleevesSelected,
)
from domain.plan import plan
from domain.planning.signals import signal
from domain.rebalance_plan import RebalancePlan
from domain.telling import plan_json
from domain.values.money import plain
from domain.values.policy import Policy
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import kept
from storage.connection import Transaction
from storage.work.rebalances import SIGNAL, TRADING, NewRebalance


class SignalSteps:
    """`begin_model_signal`, `select_sleeves`, `find_old_plans` and `end_model_signal`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("begin_model_signal")
    def begin_model_signal(self, message: BeginSignal) -> SignalBegun:
        """Says by how much the version changes any weight (SIGNAL-2). An unknown one is refused, by name."""
        with self.desk.books.transaction(actor(SIGNAL)) as books:
            row = books.signals.begin(message.model_id, message.version)
            return SignalBegun(
                largest_change=plain(row.largest_change),
                sleeves=books.signals.holders(message.model_id),
                requested_by=row.received_by,
                custodians=books.signals.in_turn(message.model_id, message.version),
            )

    @step("select_sleeves")
    def select_sleeves(self, message: SelectSleeves) -> SleevesSelected:
        """Plans the accounts behind `after` that hold a sleeve of the model; what needs no trade ends here.

        A page is one transaction. Done again, it finds what it did.
        """
        with self.desk.books.transaction(actor(message.requested_by)) as books:
            newest = books.signals.current(message.model_id)
            if newest != message.version:
                return SleevesSelected(last=None, superseded_by=newest)
            ids = books.signals.page(message.model_id, message.after, message.size, message.custodians)
            if not ids:
                return SleevesSelected(last=None)
            page = _Page(self.desk, books, message, ids)
            for snapshot, policy in books.snapshots.of(ids, None, self.desk.today(), trade_date=self.desk.trade_date()):
                beat(snapshot.account.id)
                page.decide(snapshot, policy)
            return SleevesSelected(
                last=ids[-1],
                trading=page.trading,
                traded=page.traded,
                skipped=page.skipped,
                failed=page.failed,
                pending=page.pending,
            )

    @step("find_old_plans")
    def find_old_plans(self, message: FindOldPlans) -> OldPlansFound:
        """The rebalances that wait for an approval of a plan with an older version of the model (SIGNAL-1)."""
        with self.desk.books.transaction(actor(SIGNAL)) as books:
            rows = books.signals.old_plans(message.model_id, message.version, message.after, message.size)
            return OldPlansFound(workflow_ids=[row.workflow_id for row in rows], last=rows[-1].id if rows else None)

    @step("end_model_signal")
    def end_model_signal(self, message: SignalResult) -> SignalResult:
        """Notes what came of the signal."""
        with self.desk.books.transaction(actor(SIGNAL)) as books:
            result = message.model_dump(mode="json")
            books.signals.end(message.model_id, message.version, result, message.superseded_by is not None)
            return message


class _Page:
    """One page of a signal's sleeves: what is to be traded, and what needs no trade."""

    def __init__(self, desk: Desk, books: Transaction, message: SelectSleeves, ids: Sequence[str]) -> None:
        self.desk, self.books, self.message = desk, books, message
        self.purpose = signal(message.model_id, Decimal(message.largest_change))
        self.trading: list[str] = []
        self.traded = self.skipped = self.failed = 0
        under_way = books.signals.under_way(ids)
        self.busy = {row.account_id for row in under_way if row.stage in TRADING}
        waiting = (row for row in under_way if row.kind != SIGNAL and row.stage not in TRADING)
        self.pending = {row.account_id: row.workflow_id for row in waiting}
        self.done: dict[str, list[Any]] = {}
        for row in books.signals.rebalances_of(message.request_id, ids):
            self.done.setdefault(row.account_id, []).append(row)

    def decide(self, snapshot: Snapshot, policy: Policy) -> None:
        """One account: it trades, or it ends here, with its own row, as every rebalance has one."""
        account_id = snapshot.account.id
        before = self.done.get(account_id, [])
        complete = [row for row in before if row.status == "COMPLETE"]
        if complete:
            self.traded += any(row.approved_at for row in complete)
            self.skipped += not any(row.approved_at for row in complete)
        elif any(row.start_key == self._start_key(account_id) for row in before):
            self.failed += 1
        elif account_id in self.busy:
            self.trading.append(account_id)  # what is in the books now is about to change
        else:
            planned = plan(snapshot, policy, purpose=self.purpose)
            if planned.trades:
                self.trading.append(account_id)
            else:
                self._end(snapshot, policy, planned)

    def _end(self, snapshot: Snapshot, policy: Policy, planned: RebalancePlan) -> None:
        account_id = snapshot.account.id
        rebalance_id = self.books.rebalances.create(
            NewRebalance(
                account_id=account_id,
                start_key=self._start_key(account_id),
                workflow_id=activity.info().workflow_id or "",
                request_id=self.message.request_id,
                purpose=self.purpose,
                mode=planned.mode,
                approval="automatic",
                requested_by=self.message.requested_by,
                overrides=(),
                workflow_started_at=activity.info().started_time,
            )
        )
        self.books.rebalances.keep_snapshot(rebalance_id, 1, kept(snapshot), policy.as_json())
        self.books.rebalances.keep_plan(rebalance_id, json.loads(plan_json.dumps(planned)), "CHECKING", None)
        end_without_trades(self.desk, self.books, self.books.rebalances.get(rebalance_id), list(planned.findings))
        if planned.expected_status == "COMPLETE":
            self.skipped += 1
        else:
            self.failed += 1

    def _start_key(self, account_id: str) -> str:
        workflow_id, _, run_id = self.message.start.rpartition("#")
        return f"{workflow_id}/{account_id}#{run_id}"
