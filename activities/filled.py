"""What the venue did, as the domain sees it: fills by leg, and what of a plan is executed.

The cash of a fill is what was paid or received in all: commissions and fees add to what a buy cost, and lessen what a
sell brought, in cash as in basis and proceeds (IRS Publication 550; Reg. 1.263(a)-1(e)).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from domain.executing import execution
from domain.executing.booking import ExecutablePlan, Fill, Leg
from domain.executing.execution import TAIL, resized_buys
from domain.values.money import ZERO, to_cent
from domain.values.snapshot import Snapshot
from storage.work.orders import OPEN

DayOf = tuple[date, Decimal, Decimal]  # a trade date's part of a fill: shares, cash with its costs


def executed(row: Any, snapshot: Snapshot, orders: Iterable[Any]) -> ExecutablePlan:
    """What of the plan is executed: as its buys were last sized, or as planned where none was sized yet."""
    if row.execution is not None:
        return execution.restored(row.execution)
    plan, done = execution.read(row.plan), fills(orders)
    return resized_buys(snapshot.account, plan, done, increments_of(snapshot)) if done else plan


def fills(orders: Iterable[Any], days: Mapping[int, Sequence[DayOf]] = MappingProxyType({})) -> dict[int, Fill]:
    """What the venue did, by leg, with the day on which it did (DAY-2). `days` are those of blocks, by leg.

    A fractional tail is a part of its leg (BLOCK-2).
    """
    done: dict[int, Fill] = {}
    tails = []
    for order in orders:
        fill = Fill(order.filled_quantity, cash_of(order), order.trade_date, tuple(days.get(order.leg, ())))
        if order.leg > TAIL:
            tails.append((order.leg - TAIL, fill))
        else:
            done[order.leg] = fill
    for leg, tail in tails:
        done[leg] = _together(done[leg], tail)
    return done


def cash_of(order: Any) -> Decimal:
    """What an order's fills cost in all, or brought after costs."""
    cash: Decimal = order.filled_amount + (order.costs if order.side == "buy" else -order.costs)
    return cash


def _together(whole: Fill, tail: Fill) -> Fill:
    if not tail.quantity:
        return whole
    if not whole.quantity:
        return tail
    if tail.traded is None or whole.traded is None:
        return Fill(whole.quantity + tail.quantity, whole.amount + tail.amount, whole.traded or tail.traded)
    days = {day: (quantity, amount) for day, quantity, amount in whole.days}
    if not days:
        days[whole.traded] = (whole.quantity, whole.amount)
    had = days.get(tail.traded, (ZERO, ZERO))
    days[tail.traded] = (had[0] + tail.quantity, had[1] + tail.amount)
    return Fill(
        whole.quantity + tail.quantity,
        whole.amount + tail.amount,
        max(days),
        tuple((day, *each) for day, each in sorted(days.items())),
    )


def increments_of(snapshot: Snapshot) -> dict[str, Any]:
    """What each security is traded in."""
    return {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}


def expected(leg: Leg, order: Any) -> Fill:
    """What an order will have brought or cost: what was filled, and, while it is open, the rest at the plan's price."""
    rest = max(ZERO, leg.quantity - order.filled_quantity) if order.status in OPEN else ZERO
    return Fill(order.filled_quantity + rest, cash_of(order) + to_cent(rest * leg.price))
