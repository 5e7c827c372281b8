"""Concentration: a change too small to spread is made in fewer holdings.

Asked for every sleeve that grows or shrinks, unless it opens. The smallest order is given up and its amount goes to the
holding furthest from its model weight, again until every order reaches the minimum trade.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from heapq import heapify, heappop, heappush

from planners.rules_1.money import ZERO
from planners.rules_1.rounding import buy_quantities, sell_quantities
from planners.rules_1.rules import Rule
from planners.rules_1.snapshot import Security, prices_of, step_costs_of

SLEEVE_4 = Rule(
    "SLEEVE-4", "A change too small to spread is made in fewer holdings, until every order is large enough."
)

Amounts = dict[str, Decimal]


def concentrated(
    goals: Amounts,
    nearness: Callable[[str], tuple[Decimal, str]],
    held: Mapping[str, Decimal],
    market: Mapping[str, Security],
    minimum: Decimal,
    growing: bool,
) -> tuple[Amounts, Amounts, Amounts]:
    """The shares to buy or to sell, the amounts that they stand for, and the amounts given up for them, all above 0.

    `nearness` sorts first the holding that is furthest from its model weight in that direction; `held` are shares.
    """
    costs = step_costs_of(market)
    at_risk = [symbol for symbol, amount in goals.items() if amount - costs[symbol] < minimum]
    if not at_risk:
        return _rounded(goals, held, market, growing), goals, {}  # large enough however they are rounded
    prices = prices_of(market)
    kept, given_up = dict(goals), Amounts()
    room = None if growing else {symbol: held[symbol] * prices[symbol] for symbol in kept}
    takers: list[str] = []  # sorted where one is asked for
    if min(kept.values()) < minimum:
        takers = sorted(goals, key=nearness)
        _give_up_below(minimum, kept, given_up, takers, room)
    while True:
        quantities = _rounded(kept, held, market, growing)
        small = [
            (amount, symbol)
            for symbol in at_risk  # what others give up only makes them larger
            if (amount := kept.get(symbol)) is not None
            if amount < minimum or ZERO < quantities[symbol] * prices[symbol] < minimum
            if growing or quantities[symbol] != held[symbol]  # what completes the sale of a holding is made (ORDER-3)
        ]
        if not small or len(kept) == 1:
            return quantities, kept, given_up
        takers = takers or sorted(goals, key=nearness)
        if not _give_up(min(small)[1], kept, given_up, takers, room):
            return quantities, kept, given_up


def _rounded(amounts: Amounts, held: Mapping[str, Decimal], market: Mapping[str, Security], growing: bool) -> Amounts:
    return buy_quantities(amounts, market) if growing else sell_quantities(amounts, held, market)


def _give_up_below(
    minimum: Decimal, kept: Amounts, given_up: Amounts, takers: Sequence[str], room: Mapping[str, Decimal] | None
) -> None:
    """Gives up what is too small before it is rounded, smallest first, as long as it sells no holding whole.

    As many steps as there are holdings, and none of them looks at all: what grows in between is put back in its place.
    """
    smallest = [(amount, symbol) for symbol, amount in kept.items()]
    heapify(smallest)
    while len(kept) > 1:
        amount, symbol = heappop(smallest)
        if symbol not in kept:
            continue
        if kept[symbol] != amount:
            heappush(smallest, (kept[symbol], symbol))
            continue
        whole = room is not None and room[symbol] - amount < minimum  # it might complete its sale
        if amount >= minimum or whole or not _give_up(symbol, kept, given_up, takers, room):
            return


def _give_up(
    symbol: str, kept: Amounts, given_up: Amounts, takers: Sequence[str], room: Mapping[str, Decimal] | None
) -> bool:
    """Moves an amount to the holdings furthest from their model weights, as `room` to sell lets it; False if none can.

    Nothing changes where the others can't take all of it.
    """
    left, taken = kept[symbol], Amounts()
    for other in takers:
        if other == symbol or other not in kept:
            continue
        part = left if room is None else min(left, room[other] - kept[other])
        taken[other] = part
        left -= part
        if not left:
            break
    if left:
        return False
    given_up[symbol] = kept.pop(symbol)
    for other, part in taken.items():
        kept[other] += part
    return True
