"""Rounding: how many shares an amount is, in whole increments.

Asked for every amount to buy or to sell, of a sleeve's holdings together and of the managed sleeve's.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.money import ZERO, up_to_increment
from domain.rules import Rule
from domain.snapshot import Security, increments_of, prices_of

ORDER_1 = Rule(
    "ORDER-1", "Buys round down and what is left buys single increments; sells that must raise cash round up."
)


def buy_quantities(
    goals: Mapping[str, Decimal], market: Mapping[str, Security], spare: Decimal = ZERO
) -> dict[str, Decimal]:
    """Whole increments for amounts to buy: rounded down, then what is left over, and `spare` cash besides, buys single
    increments, as long as each brings its holding closer: first where one brings it closer by most (ORDER-1).
    """
    prices, steps = prices_of(market), increments_of(market)
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal, Decimal]] = []
    left = spare
    for symbol, amount in goals.items():
        step = steps[symbol]
        cost = step * prices[symbol]
        units, shortfall = divmod(amount, cost)
        quantities[symbol] = units * step
        left += shortfall
        further = cost - shortfall * 2
        if further < 0:
            closer.append((further, symbol, step, cost))
    closer.sort()
    for _, symbol, step, cost in closer:
        if cost <= left:
            quantities[symbol] += step
            left -= cost
    return quantities


def sell_quantities(
    goals: Mapping[str, Decimal], held: Mapping[str, Decimal], market: Mapping[str, Security]
) -> dict[str, Decimal]:
    """Whole increments for amounts to sell that together raise their sum: rounded up, then single increments are kept
    after all where that brings the holding closer by most, as long as the cash is raised (ORDER-1). Never more than is
    held; selling all of a holding sells its odd fraction too.
    """
    prices, steps = prices_of(market), increments_of(market)
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal, Decimal]] = []
    beyond = ZERO
    for symbol, amount in goals.items():
        price, step, up = prices[symbol], steps[symbol], held[symbol]
        if amount >= up * price:
            quantities[symbol] = up
            beyond += up * price - amount
            continue
        units, over = divmod(amount, step * price)
        down = units * step
        if over:
            up = min(up, down + step)
            excess, cost = up * price - amount, (up - down) * price
            beyond += excess
            if excess * 2 > cost:
                closer.append((cost - excess * 2, symbol, down, cost))
        else:
            up = down
        quantities[symbol] = up
    closer.sort()
    for _, symbol, down, cost in closer:
        if cost <= beyond:
            quantities[symbol] = down
            beyond -= cost
    return quantities


def shares_to_sell(amount: Decimal, held: Decimal, security: Security) -> Decimal:
    """Shares of one holding that raise at least `amount`, rounded up to the increment and never more than is held;
    0 for an amount of 0 or less (ORDER-1).
    """
    if amount <= 0:
        return ZERO
    return min(held, up_to_increment(amount / (security.price or ZERO), security.quantity_increment))
