"""The proof after a chaos run: what has to be true whatever happened, read from the books and the custodian's ledger.

Each check says what it looked at, and every place where it is not so.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, func, select

from domain.executing.reconciliation import Ledger, compare, ledger
from domain.values.money import ZERO
from storage.connection import Books, Transaction
from storage.record import verification as audit_verification
from storage.schema.audit import audit_records
from storage.schema.execution import breaks, evaluations, orders, paper_accounts, paper_orders, paper_positions
from storage.schema.execution import rebalances as runs
from storage.schema.tables import queue_entries
from tests.chaos import desk_proof
from tests.chaos.desk_proof import DESK_CHECKS, DeskRecords
from tests.chaos.quiet import OF_THE_VENUE

LAST_WORDS = {"FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "EXPIRED"}


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: how many things it looked at, and what was wrong."""

    says: str
    looked_at: int
    wrong: tuple[str, ...]
    seldom: bool = False  # a run of seconds may have nothing to look at for it


@dataclass(frozen=True, slots=True)
class Records:
    """All that the checks read, at one moment."""

    begun: dict[str, Ledger]  # what the custodian had before the run
    accounts: dict[str, Any]
    custodian: dict[str, Ledger]
    runs: list[Any]
    orders: list[Any]
    at_venue: dict[str, Any]
    breaks: list[Any]
    queue: list[Any]
    audit: dict[tuple[str | None, str], int]
    evaluations: list[Any]
    lost: frozenset[str] = frozenset()  # orders of the time between a backup and its restore, by their IDs
    foreign: frozenset[str] = frozenset()  # orders that the venue was made to have as somebody else's
    sent_since: frozenset[str] = frozenset()  # sent after a backup that has them as never sent, and then restored
    desk: DeskRecords = field(default_factory=DeskRecords)

    def alone(self) -> list[Any]:
        """The orders that go to a venue by themselves, and not in a block."""
        return [order for order in self.orders if (order.rebalance_id, order.leg) not in self.desk.legs]


def custodian(books: Transaction) -> dict[str, Ledger]:
    """The paper custodian's own figures of every account."""
    held: dict[str, dict[str, Decimal]] = {}
    for row in books.execute(select(paper_positions)):
        held.setdefault(row.account_id, {})[row.symbol] = row.quantity
    return {
        row.account_id: Ledger(row.cash, held.get(row.account_id, {})) for row in books.execute(select(paper_accounts))
    }


def read(
    books: Books,
    begun: dict[str, Ledger],
    lost: frozenset[str] = frozenset(),
    foreign: frozenset[str] = frozenset(),
    sent_since: frozenset[str] = frozenset(),
) -> Records:
    """Everything, in one transaction."""
    with books.transaction() as read:
        day = read.market.book_day()
        assert day is not None
        taken = [read.snapshots.take(account, None, day.as_of)[0].account for account in begun]
        counted = select(audit_records.c.rebalance_id, audit_records.c.action, func.count())
        by_action = read.execute(counted.group_by(audit_records.c.rebalance_id, audit_records.c.action))
        return Records(
            begun=begun,
            accounts={account.id: account for account in taken},
            custodian=custodian(read),
            runs=_all(read, runs),
            orders=_all(read, orders),
            at_venue={row.client_order_id: row for row in _all(read, paper_orders)},
            breaks=_all(read, breaks),
            queue=_all(read, queue_entries),
            audit={(rebalance_id, action): count for rebalance_id, action, count in by_action},
            evaluations=_all(read, evaluations),
            lost=lost,
            foreign=foreign,
            sent_since=sent_since,
            desk=desk_proof.read(read),
        )


def checked(books: Books, records: Records) -> list[Checked]:
    """Every check, with the audit record's own."""
    done = []
    for check, looked_at in CHECKS.items():
        says = (check.__doc__ or "").strip().splitlines()[0]
        done.append(Checked(says, looked_at(records), tuple(check(records))))
    for its, looked_at_ in DESK_CHECKS.items():
        says = (its.__doc__ or "").strip().splitlines()[0]
        done.append(Checked(says, looked_at_(records.desk), tuple(its(records.desk, records.lost)), True))
    with audit_verification.snapshot(books.engine) as connection:
        verified = audit_verification.verify(connection)
    done.append(
        Checked("The audit record's chains are whole.", sum(records.audit.values()), tuple(map(str, verified.faults)))
    )
    return done


def every_order_once(records: Records) -> Iterator[str]:
    """Every order was executed at most once: the custodian's ledger moved by its orders' fills and nothing else."""
    expected = {name: (each.cash, dict(each.positions)) for name, each in records.begun.items()}
    for name, order in records.at_venue.items():
        if name in records.foreign:
            continue  # it says that it filled, and moved nothing
        cash, held = expected[order.account_id]
        sign = 1 if order.side == "buy" else -1
        held[order.symbol] = held.get(order.symbol, ZERO) + sign * order.filled_quantity
        expected[order.account_id] = (cash - sign * order.filled_amount, held)
    for account, symbol, shares, money in desk_proof.moved(records.desk):
        cash, held = expected[account]
        held[symbol] = held.get(symbol, ZERO) + shares
        expected[account] = (cash + money, held)
    for name, (cash, held) in expected.items():
        there = {symbol: quantity for symbol, quantity in held.items() if quantity}
        for each in compare(Ledger(cash, there), records.custodian[name]):
            yield f"{name}: by its orders {each.symbol or 'cash'} is {each.expected}, the custodian has {each.actual}"


def orders_agree(records: Records) -> Iterator[str]:
    """Every order has its last word, and it is the venue's; the venue has no order that we do not know."""
    ours = {order.client_order_id: order for order in records.alone()}
    for order in records.orders:
        if order.status not in LAST_WORDS:
            yield f"{order.client_order_id}: is {order.status}"
    told = {each.rebalance_id for each in records.breaks if each.kind == "foreign_answer"}
    for name in records.at_venue.keys() - ours.keys() - records.lost - records.foreign:
        yield f"{name}: only the venue knows it"
    for name, order in ours.items():
        there = records.at_venue.get(name)
        if name in records.foreign:
            continue  # `foreign_answers_refused`
        if there is not None and _sized_anew(records, order, there) and order.rebalance_id in told:
            continue
        if there is None and (order.status != "CANCELED" or order.filled_quantity) and order.status in LAST_WORDS:
            yield f"{name}: {order.status} here, and the venue never had it"
        elif there is not None and (there.status, there.filled_quantity, there.filled_amount) != (
            order.status,
            order.filled_quantity,
            order.filled_amount,
        ):
            here = f"{order.status} {order.filled_quantity} here ({order.venue_reason})"
            yield f"{name}: {here}, {there.status} {there.filled_quantity} there"


def _sized_anew(records: Records, order: Any, there: Any) -> bool:
    """True of a buy that was sent since a backup, and after the restore has another size, as sells at the desk were not
    traded again: what the venue has is then another order (EXEC-1), and the comparison has brought it into the books.
    """
    refused = order.client_order_id in records.sent_since and order.status == "REJECTED" and not order.filled_quantity
    same = (order.side, order.symbol) == (there.side, there.symbol)
    return refused and same and order.side == "buy" and order.quantity != there.quantity


def books_agree(records: Records) -> Iterator[str]:
    """Money and shares are conserved: all sleeves together are the custodian's account, to the cent and the share."""
    for name, account in records.accounts.items():
        for each in compare(ledger(account), records.custodian[name]):
            yield f"{name}: the books have {each.expected} {each.symbol or 'cash'}, the custodian {each.actual}"
    for each in records.breaks:
        if each.resolved_at is None or (each.kind not in OF_THE_VENUE and not records.lost):
            yield f"{each.account_id}: break {each.id} of {each.kind} was opened"


def foreign_answers_refused(records: Records) -> Iterator[str]:
    """An answer about another order is refused: nothing of it is booked, and a break tells."""
    told = {each.rebalance_id for each in records.breaks if each.kind == "foreign_answer"}
    for order in _foreign(records):
        if order.status not in {"REJECTED", "CANCELED"} or order.filled_quantity:
            yield f"{order.client_order_id}: {order.status} {order.filled_quantity}, by another order's answer"
        if order.status == "REJECTED" and order.rebalance_id not in told:
            yield f"{order.client_order_id}: no break tells of another order's answer"


def overfills_told(records: Records) -> Iterator[str]:
    """What the venue filled beyond an order is booked, and a break tells."""
    told = {each.rebalance_id for each in records.breaks if each.kind == "overfill"}
    for order in records.orders:
        if order.filled_quantity > order.quantity and order.rebalance_id not in told:
            yield f"{order.client_order_id}: {order.filled_quantity} of {order.quantity} filled, and no break tells"


def _foreign(records: Records) -> list[Any]:
    return [order for order in records.alone() if order.client_order_id in records.foreign and order.sent_at]


def lots_sum(records: Records) -> Iterator[str]:
    """Lots sum to holdings; no sleeve is overdrawn, and none holds nothing of something."""
    for name, account in records.accounts.items():
        for sleeve in account.sleeves:
            if sleeve.cash < 0:
                yield f"{name} {sleeve.key}: {sleeve.cash} in cash"
        for holding in (*(each for sleeve in account.sleeves for each in sleeve.holdings), *account.protected):
            if holding.quantity != sum((lot.quantity for lot in holding.lots), ZERO) or holding.quantity <= 0:
                yield f"{name} {holding.symbol}: {holding.quantity}, in lots {[lot.quantity for lot in holding.lots]}"


def all_ended(records: Records) -> Iterator[str]:
    """Every rebalance has its final status, the one that its orders say, and what was filled is booked."""
    of: dict[str, list[Any]] = {}
    for order in records.orders:
        of.setdefault(order.rebalance_id, []).append(order)
    for row in records.runs:
        mine = of.get(row.id, [])
        filled = any(order.filled_quantity for order in mine)
        if row.stage != "ENDED":
            yield f"{row.id} of {row.account_id}: {row.stage}"
        elif row.status == "COMPLETE" and any(order.status != "FILLED" for order in mine):
            yield f"{row.id}: COMPLETE, though not every order was filled"
        elif filled and row.status not in {"COMPLETE", "COMPLETE_WITH_ERRORS"}:
            yield f"{row.id}: {row.status}, though something was filled"
        elif any(order.filled_quantity and order.booked_at is None for order in mine):
            yield f"{row.id}: a fill is not booked"


def queue_consistent(records: Records) -> Iterator[str]:
    """The queue is consistent: out of it after COMPLETE, in it with the issue after anything else (QUEUE-5)."""
    newest: dict[str, Any] = {}
    whole = (each for each in records.runs if each.ended_at and each.kind == "full")  # a signal leaves the queue alone
    for row in sorted(whole, key=lambda each: each.ended_at):
        newest[row.account_id] = row
    open_ones = {each.account_id: each for each in records.queue if each.left_at is None}
    left = {(each.account_id, each.left_at) for each in records.queue if each.left_at is not None}
    for name, row in newest.items():
        entry = open_ones.get(name)
        if row.status == "COMPLETE" and entry is not None and entry.queued_at < row.ended_at:
            yield f"{name}: in the queue since {entry.queued_at}, though {row.id} ended COMPLETE {row.ended_at}"
        left_later = any(account == name and at > row.ended_at for account, at in left)
        if row.status != "COMPLETE" and entry is None and not left_later:
            yield f"{name}: not in the queue, though {row.id} ended {row.status}"


def effects_recorded(records: Records) -> Iterator[str]:
    """Every effect has its audit record, once: start, end, approval, each order's last word, the booking."""
    per = records.audit
    for row in records.runs:
        for action in ("rebalance started", "rebalance ended"):
            if per.get((row.id, action), 0) != 1:
                yield f'{row.id}: {per.get((row.id, action), 0)} records of "{action}"'
        if row.approved_by and per.get((row.id, "approved"), 0) != 1:
            yield f"{row.id}: {per.get((row.id, 'approved'), 0)} records of its approval"
    words = Counter(
        (order.rebalance_id, f"order {order.status.lower().replace('_', ' ')}") for order in records.alone()
    )
    for key, count in words.items():
        if per.get(key, 0) != count:
            yield f"{key[0]}: {count} {key[1]}, {per.get(key, 0)} records of it"


def evaluations_ended(records: Records) -> Iterator[str]:
    """Every evaluation has ended."""
    for row in records.evaluations:
        if row.ended_at is None:
            yield f"{row.id} has not ended"


CHECKS: dict[Callable[[Records], Iterator[str]], Callable[[Records], int]] = {
    every_order_once: lambda records: len(records.at_venue),
    orders_agree: lambda records: len(records.orders),
    books_agree: lambda records: len(records.accounts),
    lots_sum: lambda records: len(records.accounts),
    all_ended: lambda records: len(records.runs),
    queue_consistent: lambda records: len(records.queue),
    effects_recorded: lambda records: sum(records.audit.values()),
    evaluations_ended: lambda records: len(records.evaluations),
    overfills_told: lambda records: len(records.orders),
    foreign_answers_refused: lambda records: len(records.orders),
}


def _all(books: Transaction, table: Table) -> list[Any]:
    return list(books.execute(select(table)))
