"""Gain budget: how much net gain a plan may realise.

Asked of every plan of an account with a budget once its sells are known: they are cut back, lot by lot and in whole
steps, exactly to the budget; those first that cost most tax for what they bring. What counts is what is recognised: a
loss that a wash sale disallows makes no room, and a lot of unknown cost is all gain. A liquidation ignores its budget.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from domain.planning.orders import Netted, Trade, market_order
from domain.tax.lots import RelievedLot, tax
from domain.values.money import ZERO, cents, money, to_cent, up_to_increment
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Finding, Rule, warning
from domain.values.snapshot import Security, Snapshot

LOT_2 = Rule(
    "LOT-2", "A gain budget caps the net gain that a plan recognises; a liquidation ignores it with a warning."
)

Place = tuple[str, str]  # a symbol and the sleeve that sells it
Relieve = Callable[[Trade], Sequence[RelievedLot]]  # the lots that a sell gives up, in the order of relief
# What of each lot that is given up of one symbol is recognised, over all sleeves, in the order given.
Recognise = Callable[[str, Sequence[RelievedLot]], Sequence[Decimal]]


def budget_of(snapshot: Snapshot, liquidation: bool) -> Decimal | None:
    """The budget that a plan of the account has to keep; None where it has none, or is a liquidation (LOT-2)."""
    return None if liquidation else snapshot.account.gain_budget


@record
class _Piece:
    """Shares of one lot that a sell gives up: what they bring, and what of that is recognised as gain."""

    shares: Decimal
    brings: Decimal
    gain: Decimal
    tax: Decimal


def cut_back(
    netted: Netted,
    budget: Decimal,
    relieve: Relieve,
    recognise: Recognise,
    market: Mapping[str, Security],
    smallest: Decimal,
    policy: Policy,
) -> Netted:
    """The orders with sells cut back until the gain that they recognise is within the budget; what goes is in `cut`.

    An order that is left below the minimum trade is given up whole (ORDER-3). Every turn sells fewer shares, so it
    ends: at the latest with nothing sold, which realises nothing.
    """
    sells = {
        (order.symbol, trade.sleeve): trade for order in netted.orders if order.is_sell for trade in order.allocations
    }
    pieces = _pieces(sells, sells, relieve, recognise, market, policy)
    while (excess := sum((each.gain for given in pieces.values() for each in given), ZERO) - budget) > 0:
        place, gone = _dearest(pieces, excess, market)
        sells[place] = _less(sells[place], gone, market[place[0]])
        _drop_small(place[0], sells, market, smallest)
        changed = [each for each in sells if each[0] == place[0]]
        pieces |= _pieces(sells, changed, relieve, recognise, market, policy)
    return _cut(netted, sells, market)


def _pieces(
    sells: Mapping[Place, Trade],
    places: Iterable[Place],
    relieve: Relieve,
    recognise: Recognise,
    market: Mapping[str, Security],
    policy: Policy,
) -> dict[Place, list[_Piece]]:
    """The lots that sells give up, by place, with what is recognised of them; all places of a symbol at once."""
    given = {place: list(relieve(sells[place])) if sells[place].quantity else [] for place in places}
    found: dict[Place, list[_Piece]] = {place: [] for place in given}
    for symbol in dict.fromkeys(symbol for symbol, _ in given):
        here = [place for place in given if place[0] == symbol]
        lots = [each for place in here for each in given[place]]
        gains = iter(recognise(symbol, lots))
        for place in here:
            for each in given[place]:
                recognised = next(gains)
                # What a disallowed loss does not save is no tax saved; everything else is taxed as its lot is.
                cost = tax(each, policy) if each.gain == recognised else _tax_of(recognised, each, policy)
                shares = each.lot.quantity
                found[place].append(_Piece(shares, market[symbol].worth(shares), recognised, cost))
    return found


def _tax_of(gain: Decimal, relieved: RelievedLot, policy: Policy) -> Decimal:
    """The tax of a gain; the dearer rate where the books don't know since when the lot is held."""
    rates = {"long": policy.tax_rate_long, "short": policy.tax_rate_short}
    return gain * (rates[relieved.term] if relieved.term else max(rates.values()))


def _dearest(
    pieces: Mapping[Place, Sequence[_Piece]], excess: Decimal, market: Mapping[str, Security]
) -> tuple[Place, Decimal]:
    """The sell that costs most tax for what it brings (then most gain, then the first key), and how many of its shares
    must stay for the excess to go; all of its dearest tail where that is not enough.

    The shares that are given up last are the ones to stay, as a relief method fixes the order of the others.
    """
    best: tuple[Decimal, Decimal, Place, int] | None = None
    for place in sorted(pieces):
        cost = gain = brought = ZERO
        for at in reversed(range(len(pieces[place]))):
            each = pieces[place][at]
            cost, gain, brought = cost + each.tax, gain + each.gain, brought + each.brings
            if gain > 0 and (best is None or (cost / brought, gain / brought) > best[:2]):
                best = cost / brought, gain / brought, place, at
    assert best is not None, "a net gain above 0 comes from some lot"
    _, _, place, first = best
    tail = pieces[place][first:]
    shares = removed = ZERO
    for each in reversed(tail):
        if each.gain > 0 and removed + each.gain >= excess:
            part = (excess - removed) * each.shares / each.gain
            return place, up_to_increment(shares + part, market[place[0]].quantity_increment)
        shares, removed = shares + each.shares, removed + each.gain
    return place, shares


def _less(trade: Trade, gone: Decimal, security: Security) -> Trade:
    """The sell with at least so many shares fewer, in whole increments; one that sold odd fractions sells none."""
    left = max(ZERO, -trade.quantity - gone)
    left -= left % security.quantity_increment
    return replace(trade, quantity=-left, completes=False)


def _drop_small(symbol: str, sells: dict[Place, Trade], market: Mapping[str, Security], smallest: Decimal) -> None:
    """Gives up what is left of a security's order where that is too small for one (ORDER-3)."""
    here = [place for place in sells if place[0] == symbol]
    left = -sum((sells[place].quantity for place in here), ZERO)
    if to_cent(market[symbol].worth(left)) < smallest and not any(sells[place].completes for place in here):
        for place in here:
            sells[place] = sells[place].part(ZERO)


def _cut(netted: Netted, sells: Mapping[Place, Trade], market: Mapping[str, Security]) -> Netted:
    orders, cut = [], []
    for order in netted.orders:
        if not order.is_sell:
            orders.append(order)
            continue
        now = [(trade, sells[order.symbol, trade.sleeve]) for trade in order.allocations]
        kept = tuple(new for _, new in now if new.quantity)
        gone = tuple(old.part(old.quantity - new.quantity) for old, new in now if old.quantity != new.quantity)
        if kept:
            orders.append(market_order(market[order.symbol], kept))
        if gone:
            cut.append(market_order(market[order.symbol], gone))
    return replace(netted, orders=tuple(orders), cut=tuple(cut))


def kept_to(budget: Decimal, symbols: Sequence[str], gain: Decimal) -> list[Finding]:
    """A warning where a budget cut back the sells of some symbols; `gain` is what the plan recognises."""
    return [
        warning(
            LOT_2,
            f"the gain budget of {money(budget)} cuts back what is sold of {', '.join(symbols)}; the plan recognises a "
            f"net gain of {money(gain)}",
            gain_budget=cents(budget),
            gain=cents(gain),
            symbols=symbols,
        )
    ]


def ignored(snapshot: Snapshot) -> list[Finding]:
    """A warning where a liquidation sells past a gain budget."""
    account = snapshot.account
    if account.gain_budget is None or not account.holds_securities:
        return []
    return [
        warning(
            LOT_2,
            f"account {account.id} has a gain budget of {money(account.gain_budget)}, which its liquidation ignores",
            gain_budget=account.gain_budget,
        )
    ]
