"""Gain budget: how much net gain a plan may realise.

Asked of every plan of an account with a budget once its orders are known: sells beyond it are cut back, those first
that cost most tax for what they bring. A liquidation ignores its budget.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from planners.rules_1.lots import RelievedLot, tax
from planners.rules_1.money import ZERO, cents, down_to_increment, money, up_to_increment
from planners.rules_1.orders import MarketOrder, Netted, Trade, market_order
from planners.rules_1.policy import Policy
from planners.rules_1.purpose import Purpose
from planners.rules_1.rules import Finding, Rule, warning
from planners.rules_1.snapshot import Security, Snapshot

LOT_2 = Rule(
    "LOT-2", "A gain budget caps the net gain that a plan may realise; a liquidation ignores it with a warning."
)

Relieve = Callable[[Trade], Sequence[RelievedLot]]  # the lots that a sell gives up


def budget_of(snapshot: Snapshot, purpose: Purpose) -> Decimal | None:
    """The budget that a plan of the account has to keep; None where it has none, or is a liquidation (LOT-2)."""
    account = snapshot.account
    return None if purpose.liquidates(account.target_id) else account.gain_budget


def cut_back(
    netted: Netted, budget: Decimal, relieve: Relieve, market: Mapping[str, Security], smallest: Decimal, policy: Policy
) -> Netted:
    """The orders with sells cut back until their net gain is within the budget; what was cut is in `cut`.

    A sell that is left below the minimum trade is given up whole (ORDER-3). Gains of unknown basis count as nothing.
    """
    sells = {
        (order.symbol, trade.sleeve): trade for order in netted.orders if order.is_sell for trade in order.allocations
    }
    pieces = {key: list(relieve(trade)) for key, trade in sells.items()}
    while (excess := sum((each.gain or ZERO for given in pieces.values() for each in given), ZERO) - budget) > 0:
        key, from_ = _dearest(pieces, market, policy)
        trade, security = sells[key], market[key[0]]
        gone = _shares_beyond(pieces[key][from_:], excess, security)
        left = max(ZERO, down_to_increment(-trade.quantity - gone, security.quantity_increment))
        sells[key] = replace(trade, quantity=-left, completes=False)
        ordered = [each for other, each in sells.items() if other[0] == key[0] and each.quantity]
        amount = -sum((each.quantity for each in ordered), ZERO) * (security.price or ZERO)
        if amount < smallest and not any(each.completes for each in ordered):
            for other in [other for other in sells if other[0] == key[0]]:
                sells[other], pieces[other] = replace(sells[other], quantity=ZERO), []
        pieces[key] = list(relieve(sells[key])) if sells[key].quantity else []
    return _cut(netted, sells, market)


def _dearest(
    pieces: dict[tuple[str, str], list[RelievedLot]], market: Mapping[str, Security], policy: Policy
) -> tuple[tuple[str, str], int]:
    """The sell, and from which of its lots on, that costs most tax for what it brings; then most gain; then by key."""
    best: tuple[Decimal, Decimal, tuple[str, str], int] | None = None
    for key in sorted(pieces):
        price = market[key[0]].price or ZERO
        cost = gain = brought = ZERO
        for at in reversed(range(len(pieces[key]))):
            each = pieces[key][at]
            cost, gain = cost + tax(each, policy), gain + (each.gain or ZERO)
            brought += each.lot.quantity * price
            if gain > 0 and (best is None or (cost / brought, gain / brought) > best[:2]):
                best = cost / brought, gain / brought, key, at
    assert best is not None, "a net gain above 0 comes from some lot"
    return best[2], best[3]


def _shares_beyond(last: Sequence[RelievedLot], excess: Decimal, security: Security) -> Decimal:
    """How many of the last lots' shares must stay for the gain to fall by `excess`, in increments, all at most."""
    whole = sum((each.lot.quantity for each in last), ZERO)
    first = last[0]
    if len(last) > 1 or not first.gain or first.gain <= excess:
        return whole
    return min(whole, up_to_increment(excess * first.lot.quantity / first.gain, security.quantity_increment))


def _cut(netted: Netted, sells: Mapping[tuple[str, str], Trade], market: Mapping[str, Security]) -> Netted:
    orders, cut = [], []
    for order in netted.orders:
        if not order.is_sell:
            orders.append(order)
            continue
        now = [(trade, sells[order.symbol, trade.sleeve]) for trade in order.allocations]
        kept = tuple(new for _, new in now if new.quantity)
        gone = tuple(
            replace(old, quantity=old.quantity - new.quantity) for old, new in now if old.quantity != new.quantity
        )
        if kept:
            orders.append(market_order(market[order.symbol], kept))
        if gone:
            cut.append(market_order(market[order.symbol], gone))
    return replace(netted, orders=tuple(orders), cut=tuple(cut))


def kept_to(budget: Decimal, cut: Iterable[MarketOrder], gain: Decimal) -> list[Finding]:
    """A warning where a budget cut sells back."""
    symbols = sorted({order.symbol for order in cut})
    if not symbols:
        return []
    return [
        warning(
            LOT_2,
            f"the gain budget of {money(budget)} cuts back what is sold of {', '.join(symbols)}; the plan realises a "
            f"net gain of {money(gain)}",
            gain_budget=cents(budget),
            gain=cents(gain),
            symbols=symbols,
        )
    ]


def ignored(snapshot: Snapshot) -> list[Finding]:
    """A warning where a liquidation sells past a gain budget."""
    account = snapshot.account
    if account.gain_budget is None or account.target_id is not None or not account.holds_securities:
        return []
    return [
        warning(
            LOT_2,
            f"account {account.id} has a gain budget of {money(account.gain_budget)}, which its liquidation ignores",
            gain_budget=account.gain_budget,
        )
    ]
