"""Rounding: how many shares an amount is, in whole increments.

Asked for every amount to buy or to sell, of a sleeve's holdings together and of the managed sleeve's.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.values.money import CENT, ZERO, up_to_increment
from domain.values.rules import Rule
from domain.values.snapshot import Security, increments_of, prices_of, step_costs_of

ORDER_1 = Rule(
    "ORDER-1", "Buys round down and what is left buys single increments; sells that must raise cash round up."
)


def buy_quantities(goals: Mapping[str, Decimal], market: Mapping[str, Security]) -> dict[str, Decimal]:
    """Whole increments for amounts to buy: rounded down, then what is left over buys single increments, as long as each
    brings its holding closer: first where one brings it closer by most (ORDER-1).
    """
    steps, costs = increments_of(market), step_costs_of(market)
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal]] = []
    left = ZERO
    for symbol, amount in goals.items():
        cost = costs[symbol]
        units, shortfall = divmod(amount, cost)
        quantities[symbol] = units * steps[symbol]
        left += shortfall
        excess = cost - shortfall
        if shortfall > excess:
            closer.append((excess - shortfall, symbol, cost))
    closer.sort()
    for _, symbol, cost in closer:
        if cost <= left:
            quantities[symbol] += steps[symbol]
            left -= cost
    return quantities


def sell_quantities(
    goals: Mapping[str, Decimal], held: Mapping[str, Decimal], market: Mapping[str, Security], fewest: bool = False
) -> dict[str, Decimal]:
    """Whole increments for amounts to sell that together raise their sum: rounded up, then single increments are kept
    after all where that brings the holding closer by most, as long as the cash is raised (ORDER-1). Never more than is
    held; selling all of a holding sells its odd fraction too.

    `fewest`: nor is a step sold without which the cash is raised all the same, the dearest first (CASH-2).
    """
    prices, steps, costs = prices_of(market), increments_of(market), step_costs_of(market)
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal, Decimal]] = []
    beyond = ZERO
    for symbol, amount in goals.items():
        whole, price, cost = held[symbol], prices[symbol], costs[symbol]
        worth = whole * price
        if amount > worth - CENT and (amount >= worth or worth >= CENT):  # nothing but cents' rounding would be left
            quantities[symbol] = whole
            beyond += worth - amount
            continue
        units, over = divmod(amount, cost)
        down = up = units * steps[symbol]
        if over:
            up = down + steps[symbol]
            if up > whole:
                up, cost = whole, (whole - down) * price  # its odd fraction
            excess = cost - over
            beyond += excess
            if excess > over:
                closer.append((over - excess, symbol, down, cost))
        quantities[symbol] = up
    closer.sort()
    for _, symbol, down, cost in closer:
        if cost <= beyond:
            quantities[symbol] = down
            beyond -= cost
    if fewest:
        for symbol in sorted(quantities, key=lambda each: (-costs[each], each)):
            if not quantities[symbol] % steps[symbol]:
                more = min(beyond // costs[symbol], quantities[symbol] // steps[symbol])
                quantities[symbol] -= more * steps[symbol]
                beyond -= more * costs[symbol]
    return quantities


def shares_to_sell(amount: Decimal, held: Decimal, security: Security) -> Decimal:
    """Shares of one holding that raise at least `amount`, rounded up to the increment and never more than is held;
    0 for an amount of 0 or less (ORDER-1).
    """
    if amount <= 0:
        return ZERO
    return min(held, up_to_increment(amount / security.priced, security.quantity_increment))
