"""Concentration: a change too small to spread is made in fewer holdings.

Asked for every sleeve that grows or shrinks, unless it opens. The holding with the smallest order is left as it is and
the change is spread over the others anew, until every order reaches the minimum trade or one holding is left.
"""

import heapq
from collections.abc import Iterator, Mapping
from decimal import Decimal

from domain.planning.levels import Levels
from domain.planning.rounding import buy_quantities, sell_quantities
from domain.values.money import ZERO, tidy
from domain.values.rules import Rule
from domain.values.snapshot import Security, prices_of, step_costs_of

SLEEVE_4 = Rule(
    "SLEEVE-4", "A change too small to spread is made in fewer holdings, until every order is large enough."
)
SLEEVE_5 = Rule("SLEEVE-5", "Changes of securities held directly that are too small each are made in fewer.")

Amounts = dict[str, Decimal]
FEW = 8  # so many orders that are too small are looked at one by one: to keep them in a queue would cost more


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
        before = len(left_out)
        if len(small) > FEW:
            left_out += _too_small_however_rounded(levels, held, costs, smallest)
        if len(left_out) == before:
            least = min(small)[0]
            left_out.append(max(symbol for amount, symbol in small if amount == least))
            levels.freeze(left_out[-1])
        amounts = fixed | levels.amounts()
    return amounts, quantities, {symbol: first.get(symbol, ZERO) for symbol in left_out}


def _too_small_however_rounded(
    levels: Levels, held: Mapping[str, Decimal], costs: Mapping[str, Decimal], smallest: Decimal
) -> Iterator[str]:
    """Gives up holdings one by one, as long as the smallest order is too small even rounded up: so nothing has to be
    rounded to know it. One holding is left.

    Whoever is given up makes the orders of all others grow. So what an order came to earlier is the least that it comes
    to now, and only the smallest of a queue has to be worked out anew.
    """
    values, weights, growing = levels.values, dict(levels.weights), levels.growing
    moving = levels.amounts()
    last_first = {symbol: at for at, symbol in enumerate(sorted(weights, reverse=True))}
    queue = [(ZERO, last_first[symbol], symbol) for symbol in moving]
    heapq.heapify(queue)
    beyond = [(values[symbol] / weights[symbol], symbol) for symbol in weights if symbol not in moving]
    beyond.sort(reverse=growing)  # the next one to move is the last
    left = levels.left - sum([values[symbol] for _, symbol in beyond], ZERO)
    share = sum([weights[symbol] for symbol in moving], ZERO)
    while len(queue) > 1:
        reached = left / share
        known, place, symbol = queue[0]
        amount = abs(tidy(reached * weights[symbol]) - values[symbol])
        cost = costs[symbol]
        least = amount // cost * cost
        if least > known:
            heapq.heapreplace(queue, (least, place, symbol))
            continue
        nearest = least if growing and amount - least <= cost / 2 else least + cost
        if nearest >= smallest or not (growing or nearest < values[symbol]):
            return
        heapq.heappop(queue)
        levels.freeze(symbol)
        yield symbol
        left -= values[symbol]
        share -= weights[symbol]
        while beyond and (left > beyond[-1][0] * share if growing else left < beyond[-1][0] * share):
            _, joins = beyond.pop()
            left += values[joins]
            share += weights[joins]
            heapq.heappush(queue, (ZERO, last_first[joins], joins))
