"""Concentration: a change too small to spread is made in fewer holdings.

Asked for every sleeve that grows or shrinks, unless it opens. The holding with the smallest order is left as it is and
the change is spread over the others anew, until every order reaches the minimum trade or one holding is left.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.planning.levels import Levels
from domain.planning.rounding import buy_quantities, sell_quantities
from domain.values.money import ZERO
from domain.values.rules import Rule
from domain.values.snapshot import Security, prices_of, step_costs_of

SLEEVE_4 = Rule(
    "SLEEVE-4", "A change too small to spread is made in fewer holdings, until every order is large enough."
)
SLEEVE_5 = Rule("SLEEVE-5", "Changes of securities held directly that are too small each are made in fewer.")

Amounts = dict[str, Decimal]


def concentrated(
    levels: Levels,
    held: Mapping[str, Decimal],
    market: Mapping[str, Security],
    smallest: Decimal,
    keeps_shares: bool = False,
    fewest: bool = False,
) -> tuple[Amounts, Amounts, Amounts]:
    """What each holding that moves is to be traded for, its shares (none below 0), and the amounts given up.

    `held` are shares, `smallest` the minimum trade. The sale of a whole holding is never too small (ORDER-3).
    `fewest`: sold is not a step more than brings the change (CASH-2).
    `keeps_shares`: what is less than a step of a holding waits for it in cash, and is no other's (SLEEVE-3).
    """
    costs, prices, growing = step_costs_of(market), prices_of(market), levels.growing
    if keeps_shares:
        for symbol, amount in levels.amounts().items():
            if amount < costs[symbol]:
                levels.wait(symbol, amount)
    fixed, amounts = levels.fixed, levels.amounts()
    if fixed:
        amounts = fixed | amounts
    first, left_out = amounts, list[str]()
    while True:
        quantities = buy_quantities(amounts, market) if growing else sell_quantities(amounts, held, market, fewest)
        small = [
            (amount // costs[symbol] * costs[symbol], symbol)
            for symbol, amount in amounts.items()
            if quantities[symbol] * prices[symbol] < smallest and symbol not in fixed
            if growing or quantities[symbol] != held[symbol]
        ]
        if not small or len(amounts) == len(fixed) + 1:
            break
        least = min(small)[0]
        given_up = max(symbol for amount, symbol in small if amount == least)
        left_out.append(given_up)
        levels.freeze(given_up)
        amounts = fixed | levels.amounts()
    return amounts, quantities, {symbol: first.get(symbol, ZERO) for symbol in left_out}
