"""Sizing: a plan's buys on the cash that its sells bring, and sleeves that end whole (ORDER-4, SLEEVE-3, LAW-2).

Asked by `proposal` once orders and crossings are settled. `affording` says what goes; here it goes, with what was to
pay for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from domain.planning.affording import Bought, afforded
from domain.planning.case import Case
from domain.planning.destination import Destined
from domain.planning.orders import MarketOrder, Netted, market_order
from domain.planning.settlement import Settlement, settle
from domain.values.money import CENT, ZERO, down_to_cent
from domain.values.snapshot import MANAGED


def lowest_cash(case: Case, destined: Destined) -> Decimal:
    """Below which buys may not take the managed sleeve's cash: what withdrawals reserve and cash's lower bound.

    In whole cents, as what comes back for it from sleeves is.
    """
    return down_to_cent(case.valuation.reserved + max(ZERO, min(destined.cash_band.lower, destined.cash)))


def _bought(case: Case, netted: Netted) -> list[Bought]:
    """What every sleeve buys on the market."""
    market = case.snapshot.securities
    return [
        Bought(
            trade.sleeve,
            order.symbol,
            trade.quantity,
            market[order.symbol].priced,
            market[order.symbol].quantity_increment,
            trade.opens,
        )
        for order in netted.orders
        if not order.is_sell
        for trade in order.allocations
    ]


def unpaid(case: Case, destined: Destined, netted: Netted, after: Settlement) -> tuple[Bought, ...]:
    """What of the buys the cash there is does not pay for: where sells bring less than they were to (ORDER-4)."""
    before = case.valuation.sleeve_cash
    own = {
        key: short
        for key, cash in after.cash.items()
        if key != MANAGED and (short := min(ZERO, before.get(key, ZERO)) - cash) > 0
    }
    short = lowest_cash(case, destined) - after.cash[MANAGED]
    if after.cash[MANAGED] >= case.valuation.reserved and short <= CENT * (1 + len(netted.orders)):
        short = ZERO  # the cents of orders, nothing more
    all_before, all_after = sum(before.values(), ZERO), sum(after.cash.values(), ZERO)
    together = min(ZERO, all_before) - all_after
    if not own and short <= 0 and together <= 0:
        return ()
    short += CENT * (1 + len(netted.orders)) if short > 0 else ZERO  # what rounding to cents may take besides
    return afforded(_bought(case, netted), own, short, after.funded, together)


def without(netted: Netted, gone: Iterable[Bought], case: Case) -> Netted:
    """The orders without what can't be paid for; an order that is left too small goes whole (ORDER-3)."""
    market, less = case.snapshot.securities, {(each.sleeve, each.symbol): each.quantity for each in gone}
    orders, skipped = list[MarketOrder](), list(netted.skipped)
    for order in netted.orders:
        kept = [
            trade.part(left)
            for trade in order.allocations
            if (left := trade.quantity - (ZERO if order.is_sell else less.get(trade.place, ZERO)))
        ]
        if len(kept) == len(order.allocations) and not any(trade.place in less for trade in order.allocations):
            orders.append(order)
        elif kept:
            smaller = market_order(market[order.symbol], kept)
            small = smaller.amount < case.smallest and not any(trade.opens for trade in kept)
            (skipped if small else orders).append(smaller)
    return replace(netted, orders=tuple(orders), skipped=tuple(skipped))


def settled_without(case: Case, destined: Destined, netted: Netted, gone: Iterable[Bought]) -> Settlement:
    """The account as it settles then: sleeves receive as much less as they buy less, and lack nothing at the end."""
    full = case.purpose.kind == "full"
    books = settle(case.snapshot.account, netted.orders, netted.crossings, destined.destinations, full)
    saved: dict[str, Decimal] = {}
    for each in gone:
        saved[each.sleeve] = saved.get(each.sleeve, ZERO) + each.cost
    for key in sorted(saved.keys() - {MANAGED}):
        short = lowest_cash(case, destined) - books.cash[MANAGED]
        books.fund(key, -down_to_cent(max(ZERO, min(short, saved[key], books.cash[key]))))
    make_whole(books, case.valuation.sleeve_cash)
    return books


def take_back(case: Case, destined: Destined, books: Settlement) -> None:
    """What the managed sleeve lacks comes back first from sleeves that were given more than they spend.

    What opens keeps what its minimum asks.
    """
    short = lowest_cash(case, destined) - books.cash[MANAGED]
    for each in destined.destinations:
        if short <= CENT:
            return
        component = each.component
        if component.kind != "model" or each.change <= 0:
            continue
        most = books.funded.get(component.key, ZERO)
        if component.sleeve == "opening":
            most -= case.snapshot.models[component.ref].investment_minimum
        back = down_to_cent(min(short, each.change, max(ZERO, most), max(ZERO, books.cash[component.key])))
        if back > 0:
            books.fund(component.key, -back)
            short -= back


def make_whole(books: Settlement, before: Mapping[str, Decimal]) -> None:
    """What a sleeve still lacks the managed one pays; and that pays no overdraft beyond what it has itself (LAW-2)."""
    for key in sorted(books.cash.keys() - {MANAGED}):
        lacks = min(ZERO, before.get(key, ZERO)) - books.cash[key]
        if lacks > 0:
            books.fund(key, lacks)
    over = min(ZERO, before[MANAGED]) - books.cash[MANAGED]
    for key in sorted(books.cash.keys() - {MANAGED}):
        if over <= 0:
            return
        was = min(ZERO, before.get(key, ZERO))
        mended = min(ZERO, books.cash[key]) - was  # of its own overdraft
        back = min(over, max(ZERO, books.cash[key] - was), max(ZERO, mended, books.funded.get(key, ZERO)))
        books.fund(key, -back)
        over -= back
