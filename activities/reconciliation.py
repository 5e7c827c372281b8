"""Reconcile: fills into the books, the books against the custodian, and the rebalance to its end."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from activities.answers import all_said
from activities.context import Desk, actor, step
from activities.filled import executed, fills
from activities.handing_over import end_unsent
from activities.messages import CloseRebalance, RebalanceResult, Step
from activities.orders import CLOSED, Over, Sender, never_sent, not_sent
from domain.executing import reconciliation
from domain.executing.allocation import ALLOC_5
from domain.executing.booking import Fill, Relief, book
from domain.executing.execution import EXEC_2
from domain.executing.reconciliation import Ledger
from domain.queue import QUEUE_5, target_reasons
from domain.tax.lots import method_of
from domain.values import outcome
from domain.values.money import ZERO, cents, money, plain, to_cent
from domain.values.outcome import Status
from domain.values.policy import Policy
from domain.values.rules import Finding, error, info
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import restored
from storage.connection import Transaction
from storage.work.orders import OPEN
from storage.work.rebalances import SIGNAL, TRADING
from venues.port import StillWorking, UnknownAtCustodian, VenueOrder

Json = dict[str, Any]
GONE = "its workflow ended before it had its last word"
NO_LAST_WORD = "not every order of {} has its last word"


class ReconciliationSteps:
    """`reconcile` and `close_rebalance`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("reconcile")
    def reconcile(self, message: Step) -> RebalanceResult:
        """Books the fills, compares with the custodian, ends the rebalance: one transaction."""
        return conclude(self.desk, message.rebalance_id, message.account_id)

    @step("close_rebalance")
    def close_rebalance(self, message: CloseRebalance) -> RebalanceResult:
        """Ends a rebalance that executes nothing: refused, without trades, expired or cancelled.

        One that has begun to execute after all (a reset or cancelled workflow can ask so late) is finished instead,
        unless no order of it was sent: then none is, and it ends as it is asked to.
        """
        with self.desk.books.transaction(actor(message.by or "rebalancer")) as books:
            books.accounts.locked(message.account_id)
            row = books.rebalances.by_start(message.start_key)
            if row is None:  # cancelled before the first step had begun anything
                return RebalanceResult(rebalance_id="", account_id=message.account_id, status="CANCELED")
            taken_back = message.status == "CANCELED" and _take_back(books, row, message.issue or "", self.desk.now())
            if row.stage == "ENDED":
                return RebalanceResult.model_validate(row.result)
            if row.stage not in TRADING or taken_back:
                found = _findings(row.plan["findings"] if row.plan else message.findings)
                orders = books.orders.of(row.id)
                return _end(self.desk, books, row, message.status, message.issue, found, orders)  # type: ignore[arg-type]
            sender = Sender(self.desk, books, row)
        with contextlib.suppress(Over):
            sender.give_back(GONE)
        return conclude(self.desk, row.id, message.account_id)


def _take_back(books: Transaction, row: Any, why: str, now: datetime) -> bool:
    """Ends the orders of a rebalance of which none was sent; False where one was, or none was to be sent any more."""
    if row.stage != "EXECUTING":
        return False
    waiting = books.desk.not_released(row.id)
    orders = books.orders.of(row.id)
    if any(order.status != "NEW" for order in orders) or len(waiting) < len(books.desk.of(row.id)):
        return False
    end_unsent(books, waiting, f"not sent: {why}", why, now, leaves=True)
    books.desk.told([row.id], now)
    at_desk = {leg.leg for leg in waiting}
    return all(
        not_sent(books, row.id, order.leg, _as_sent(row, order), why) for order in orders if order.leg not in at_desk
    )


def _as_sent(row: Any, order: Any) -> VenueOrder:
    return VenueOrder(order.client_order_id, row.account_id, order.side, order.symbol, order.quantity, order.price)


def conclude(desk: Desk, rebalance_id: str, account_id: str) -> RebalanceResult:
    """Books and ends a rebalance whose orders have their last word. Raises StillWorking where one has not.

    The custodian is asked before the account is held: nothing else trades on it meanwhile (EXEC-3).
    """
    with desk.books.transaction(actor()) as books:
        it = books.rebalances.concluding(rebalance_id)
        if it.stage != "ENDED" and it.open:
            raise StillWorking(NO_LAST_WORD.format(rebalance_id))
    theirs = Ledger(ZERO, {}) if it.stage == "ENDED" else _stated(desk, it.custodian, account_id)
    with desk.books.transaction(actor()) as books:
        books.accounts.locked(account_id)
        row = books.rebalances.get(rebalance_id, lock=True)
        if row.stage == "ENDED":
            return RebalanceResult.model_validate(row.result)
        orders = books.orders.of(rebalance_id)
        _last_words(rebalance_id, orders)
        if row.stage == "EXECUTING":  # the desk told that all is over
            all_said(books, rebalance_id, account_id, Counter(order.status for order in orders))
        days = books.allocations.days_of(row.id) if it.in_blocks else {}
        return _finish(desk, books, row, fills(orders, days), orders, theirs)


def end_unexecuted(desk: Desk, rebalance_id: str, account_id: str) -> None:
    """Ends a rebalance of which nothing was executed, and whose workflow is gone, as CANCELED."""
    with desk.books.transaction(actor()) as books:
        books.accounts.locked(account_id)
        row = books.rebalances.get(rebalance_id, lock=True)
        if row.stage in TRADING:  # approved at the last moment: tried again, it is ended as what it now is
            raise StillWorking(f"{rebalance_id} has begun to execute")
        if row.stage != "ENDED":
            gone = "its workflow ended before anything was executed: submit it again"
            _end(desk, books, row, "CANCELED", gone, _findings(row.plan["findings"] if row.plan else []))


def _last_words(rebalance_id: str, orders: Sequence[Any]) -> None:
    if any(order.status in OPEN for order in orders):
        raise StillWorking(NO_LAST_WORD.format(rebalance_id))


def _stated(desk: Desk, custodian: str, account_id: str) -> Ledger | None:
    """The custodian's figures; an account that it does not have is empty there. None where it can't be asked."""
    if not desk.venues.states(custodian):
        return None
    try:
        return desk.venues.custodian(custodian).ledger(account_id)
    except UnknownAtCustodian:
        return Ledger(ZERO, {})


def end_without_trades(desk: Desk, books: Transaction, row: Any, findings: list[Finding]) -> None:
    """Ends a rebalance whose plan has nothing to execute, as its findings say."""
    _end(desk, books, row, None, None, findings)


def _finish(
    desk: Desk, books: Transaction, row: Any, done: dict[int, Fill], orders: Sequence[Any], theirs: Ledger | None
) -> RebalanceResult:
    """Books what was filled (EXEC-2), opens and closes sleeves (RECON-2), compares (RECON-1), ends the rebalance."""
    snapshot, policy = restored(row.snapshot), Policy.from_json(row.policy)
    numbers = snapshot.numbers(policy)
    day = books.market.book_day()
    if day is not None and day.historical:  # it trades on its own day (DAY-3)
        done = {leg: replace(fill, traded=None, days=()) for leg, fill in done.items()}
    plan = executed(row, snapshot, orders)
    relief = Relief(snapshot.trade_date, method_of(snapshot.account), numbers)
    booked = book(snapshot.account, plan, done, relief)
    books.accounts.store_positions(row.account_id, snapshot.account, booked.account)
    if snapshot.account.tax_status == "taxable":
        books.accounts.note_sales(row.account_id, row.id, booked.sales)
    books.orders.booked(row.id, desk.now())
    _note_costs(books, row, orders)
    if theirs is not None:
        ours = reconciliation.ledger(booked.account)
        books.breaks.open(row.account_id, row.id, reconciliation.compare(ours, theirs))
    opened = books.breaks.of_rebalance(row.id)
    findings = [
        *_findings(row.plan["findings"]),
        *_not_filled(orders),
        *_at_another_price(orders),
        *_at_costs(orders),
        *reconciliation.findings(row.account_id, opened.items()),
        *([] if theirs is not None else [_not_compared(snapshot.account.custodian)]),
    ]
    traded = any(fill.quantity for fill in done.values()) or any(each.quantity for each in plan.crossings)
    if not traded and orders and all(order.venue_reason == never_sent(CLOSED) for order in orders):
        late = f"approved by {row.approved_by}, but nothing could be sent before the exchange's close"
        return _end(desk, books, row, "EXPIRED", late, findings, orders, opened)
    return _end(desk, books, row, outcome.of_account(findings, traded), None, findings, orders, opened)


def _note_costs(books: Transaction, row: Any, orders: Iterable[Any]) -> None:
    """The record of commissions and fees: what of the account's cash, basis and proceeds they are (ALLOC-5)."""
    costs = {order.client_order_id: order.costs for order in orders if order.costs}
    if costs:
        books.audit.record(
            "costs booked",
            account_id=row.account_id,
            rebalance_id=row.id,
            rule=ALLOC_5.code,
            after={
                "costs": cents(sum(costs.values(), ZERO)),
                "orders": {key: cents(each) for key, each in costs.items()},
            },
        )


def _not_compared(custodian: str) -> Finding:
    told = f"{custodian} can't be asked for its figures: the books are compared with its next statement"
    return info(reconciliation.RECON_1, told, custodian=custodian)


def _findings(raw: Iterable[Json]) -> list[Finding]:
    return [Finding(each["rule"], each["severity"], each["message"], each["evidence"]) for each in raw]


def _not_filled(orders: Any) -> list[Finding]:
    """An error for every order that did not fill as planned, saying what the venue said and what to do."""
    return [
        error(
            EXEC_2,
            f"the {order.side} of {plain(order.planned_quantity)} {order.symbol} ended {order.status} with "
            f"{plain(order.filled_quantity)} filled: {order.venue_reason or 'the venue gave no reason'}. "
            + ("Correct what the venue names, then submit" if order.status == "REJECTED" else "Submit")
            + " the account again",
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


def _at_another_price(orders: Any) -> list[Finding]:
    """Says which fills were not at the price that was planned."""
    found = []
    for order in orders:
        expected = to_cent(order.filled_quantity * order.price)
        if order.filled_quantity and order.filled_amount != expected:
            found.append(
                info(
                    EXEC_2,
                    f"the {order.side} of {plain(order.filled_quantity)} {order.symbol} "
                    f"{'cost' if order.side == 'buy' else 'brought'} {money(order.filled_amount)}, planned were "
                    f"{money(expected)}",
                    symbol=order.symbol,
                    side=order.side,
                    amount=cents(order.filled_amount),
                    planned=cents(expected),
                )
            )
    return found


def _at_costs(orders: Any) -> list[Finding]:
    """Says what fills cost besides their price, and where that is in the books."""
    return [
        info(
            ALLOC_5,
            f"the {order.side} of {plain(order.filled_quantity)} {order.symbol} cost {money(order.costs)} in"
            f" commissions and fees, which are in its {'basis' if order.side == 'buy' else 'proceeds'}",
            symbol=order.symbol,
            side=order.side,
            costs=cents(order.costs),
        )
        for order in orders
        if order.costs
    ]


def _end(
    desk: Desk,
    books: Transaction,
    row: Any,
    status: Status | None,
    issue: str | None,
    findings: list[Finding],
    orders: Iterable[Any] = (),
    found: Mapping[int, reconciliation.Break] = MappingProxyType({}),
) -> RebalanceResult:
    """Writes the result; a rebalance that is none of a signal also moves the queue on."""
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
            {
                "id": number,
                "kind": each.kind,
                "symbol": each.symbol,
                "expected": plain(each.expected),
                "actual": plain(each.actual),
            }
            for number, each in found.items()
        ],
        findings=[
            {"rule": each.rule, "severity": each.severity, "message": each.message, "evidence": dict(each.evidence)}
            for each in findings
        ],
    )
    planned = row.plan_digest is not None
    books.rebalances.end(row.id, status, issue, result.model_dump(mode="json"), planned)
    if row.kind != SIGNAL:  # a signal leaves the queue as it is
        _move_on(desk, books, row, status, issue)
    books.audit.record(
        "rebalance ended",
        account_id=row.account_id,
        rebalance_id=row.id,
        rule=QUEUE_5.code,
        after={"status": status, "issue": issue},
    )
    return result


def _move_on(desk: Desk, books: Transaction, row: Any, status: Status, issue: str | None) -> None:
    """Notes to what the account is now rebalanced, and moves the queue on (QUEUE-5)."""
    whole = row.kind == "full"  # cash raised or invested does not bring an account to its target
    if whole and status in {"COMPLETE", "COMPLETE_WITH_ERRORS"}:
        snapshot = restored(row.snapshot)
        target = snapshot.target
        books.accounts.mark_rebalanced(
            row.account_id, target.id if target else None, target.version if target else None, snapshot.as_of
        )
    if whole and status == "COMPLETE":
        _leave_queue(desk, books, row, snapshot)
    elif status == "COMPLETE":
        entry = books.queue.entry(row.account_id)
        if entry is not None and entry.reasons == ["MANUAL"]:
            books.queue.leave(row.account_id, f"{row.id} ended COMPLETE")
    else:
        books.queue.note_issue(row.account_id, issue)


def _leave_queue(desk: Desk, books: Transaction, row: Any, before: Snapshot) -> None:
    """The account leaves the queue, unless its target became another while it was rebalanced (QUEUE-1, QUEUE-5)."""
    account = books.accounts.locked(row.account_id)
    targets = books.snapshots.targets(account.target_id)
    books.queue.leave(row.account_id, f"{row.id} ended COMPLETE")
    changed = (account.target_id, targets) != (before.account.target_id, before.targets)
    if changed and account.rebalancing:
        now, _ = books.snapshots.take(row.account_id, None, desk.today())
        reasons = target_reasons(now) or {"TARGET_CHANGED": {"from": before.account.target_id, "to": None}}
        books.queue.add(row.account_id, reasons)


def _order(order: Any) -> Json:
    return {
        "client_order_id": order.client_order_id,
        "side": order.side,
        "symbol": order.symbol,
        "quantity": plain(order.quantity),
        "filled": plain(order.filled_quantity),
        "amount": cents(order.filled_amount),
        **({"costs": cents(order.costs)} if order.costs else {}),
        "status": order.status,
        "rule": order.rule,
        "reason": order.venue_reason or order.reason,
    }
