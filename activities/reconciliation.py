"""Reconcile: fills into the books, the books against the custodian, and the rebalance to its end."""

from typing import Any

from activities.context import Desk, actor, step
from activities.execution import fills
from activities.messages import CloseRebalance, RebalanceResult, Step
from domain import execution, outcome, reconciliation
from domain.execution import EXEC_2, Relief, resized_buys
from domain.lots import method_of
from domain.money import ZERO, cents, plain
from domain.outcome import Status
from domain.policy import Policy
from domain.queue import QUEUE_5
from domain.rules import Finding, error
from domain.snapshot import Account
from storage.connection import Transaction
from storage.snapshots import restored
from venues.port import UnknownAtCustodian

Json = dict[str, Any]


class ReconciliationSteps:
    """`reconcile` and `close_rebalance`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step
    def reconcile(self, message: Step) -> RebalanceResult:
        """Books the fills, compares with the custodian, ends the rebalance: one transaction."""
        with self.desk.books.transaction(actor()) as books:
            books.accounts.locked(message.account_id)
            row = books.rebalances.get(message.rebalance_id, lock=True)
            if row.stage != "ENDED":
                finish(self.desk, books, row)
                row = books.rebalances.get(message.rebalance_id)
            return RebalanceResult.model_validate(row.result)

    @step
    def close_rebalance(self, message: CloseRebalance) -> RebalanceResult:
        """Ends a rebalance that executes nothing: refused, without trades, expired or cancelled.

        One that has begun to execute after all (a reset workflow can ask so late) is finished instead.
        """
        with self.desk.books.transaction(actor(message.by or "rebalancer")) as books:
            books.accounts.locked(message.account_id)
            row = books.rebalances.get(message.rebalance_id, lock=True)
            if row.stage in {"EXECUTING", "RECONCILING"}:
                finish_orphan(self.desk, books, row)
            elif row.stage != "ENDED":
                _end(self.desk, books, row, message.status, message.issue, _planned_findings(row.plan), [], [])  # type: ignore[arg-type]
            row = books.rebalances.get(message.rebalance_id)
            return RebalanceResult.model_validate(row.result)


def finish_orphan(desk: Desk, books: Transaction, row: Any) -> None:
    """Ends a rebalance that its workflow left behind: what the venue took is booked, what was not sent is not sent.

    Where nothing was begun it ends CANCELED; the queue keeps the account, with the reason.
    """
    if row.stage not in {"EXECUTING", "RECONCILING"}:
        _end(
            desk, books, row, "CANCELED", "its workflow ended before anything was executed: submit it again", [], [], []
        )
        return
    venue = desk.venues.venue(restored(row.snapshot).account.custodian)
    for order in books.orders.of(row.id):
        if order.status in {"NEW", "SENT"}:
            said = venue.answer(order.client_order_id)
            if said is None:
                books.orders.answered(
                    row.id, order.leg, "CANCELED", order.filled_quantity, order.filled_amount, "never sent"
                )
            else:
                books.orders.answered(
                    row.id, order.leg, said.status, said.filled_quantity, said.filled_amount, said.reason
                )
    finish(desk, books, row)


def finish(desk: Desk, books: Transaction, row: Any) -> None:
    """Books what was filled (EXEC-2), opens and closes sleeves (RECON-2), compares (RECON-1), ends the rebalance."""
    snapshot, policy = restored(row.snapshot), Policy.from_json(row.policy)
    orders = books.orders.of(row.id)
    done = fills(orders)
    increments = {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}
    plan = resized_buys(snapshot.account, execution.read(row.plan), done, increments)
    relief = Relief(snapshot.as_of, method_of(snapshot.account), policy)
    after = execution.book(snapshot.account, plan, done, relief)
    books.accounts.store_positions(row.account_id, snapshot.account, after)
    books.orders.booked(row.id)
    findings = [*_planned_findings(row.plan), *_not_filled(orders)]
    found = _breaks(desk, after)
    books.breaks.open(row.account_id, row.id, found)
    findings += reconciliation.findings(row.account_id, found)
    executed = any(fill.quantity for fill in done.values()) or bool(plan.crossings)
    _end(desk, books, row, outcome.of_account(findings, executed), None, findings, orders, found)


def _planned_findings(plan: Json | None) -> list[Finding]:
    if plan is None:
        return []
    return [Finding(each["rule"], each["severity"], each["message"], each["evidence"]) for each in plan["findings"]]


def _not_filled(orders: Any) -> list[Finding]:
    """An error for every order that did not fill as planned, saying what the venue said."""
    return [
        error(
            EXEC_2,
            f"the {order.side} of {plain(order.planned_quantity)} {order.symbol} ended {order.status} with "
            f"{plain(order.filled_quantity)} filled: {order.venue_reason or 'the venue gave no reason'}. Submit the "
            "account again",
            symbol=order.symbol,
            side=order.side,
            status=order.status,
            filled=plain(order.filled_quantity),
            planned=plain(order.planned_quantity),
            venue_reason=order.venue_reason,
        )
        for order in orders
        if order.status != "FILLED"
    ]


def _breaks(desk: Desk, after: Account) -> tuple[reconciliation.Break, ...]:
    try:
        custodian = desk.venues.custodian(after.custodian).ledger(after.id)
    except UnknownAtCustodian:
        custodian = reconciliation.Ledger(cash=ZERO, positions={})
    return reconciliation.compare(reconciliation.ledger(after), custodian)


def _end(
    desk: Desk,
    books: Transaction,
    row: Any,
    status: Status | None,
    issue: str | None,
    findings: list[Finding],
    orders: Any,
    found: Any,
) -> None:
    """Writes the result, moves the queue on (QUEUE-5), and notes to what the account is now rebalanced."""
    plan: Json = row.plan or {}
    status = status or outcome.of_account(findings, something_executed=False)
    issue = issue or outcome.issue(findings)
    if status in {"EXPIRED", "CANCELED"} and not issue:
        issue = "not approved before the end of the business day" if status == "EXPIRED" else "cancelled"
    result = RebalanceResult(
        rebalance_id=row.id,
        account_id=row.account_id,
        status=status,
        issue=issue,
        components=plan.get("components", []),
        orders=[_order(order) for order in orders],
        breaks=[
            {"kind": each.kind, "symbol": each.symbol, "expected": plain(each.expected), "actual": plain(each.actual)}
            for each in found
        ],
        findings=[
            {"rule": each.rule, "severity": each.severity, "message": each.message, "evidence": dict(each.evidence)}
            for each in findings
        ],
    )
    books.rebalances.end(row.id, status, issue, result.model_dump(mode="json"))
    if status in {"COMPLETE", "COMPLETE_WITH_ERRORS"} and row.snapshot is not None:
        snapshot = restored(row.snapshot)
        target = snapshot.target
        books.accounts.mark_rebalanced(
            row.account_id, target.id if target else None, target.version if target else None, snapshot.as_of
        )
    if status == "COMPLETE":
        books.queue.leave(row.account_id, f"{row.id} ended COMPLETE")
    else:
        books.queue.note_issue(row.account_id, issue)
    books.audit.record(
        "rebalance ended",
        account_id=row.account_id,
        rebalance_id=row.id,
        rule=QUEUE_5.code,
        after={"status": status, "issue": issue},
    )


def _order(order: Any) -> Json:
    return {
        "client_order_id": order.client_order_id,
        "side": order.side,
        "symbol": order.symbol,
        "quantity": plain(order.quantity),
        "filled": plain(order.filled_quantity),
        "amount": cents(order.filled_amount),
        "status": order.status,
        "rule": order.rule,
        "reason": order.venue_reason or order.reason,
    }
