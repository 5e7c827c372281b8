"""Filling: which holdings make up a model sleeve's new value, and how many shares that is.

Asked for every component that a plan changes. A sleeve comes closer to its model by the cash that flows anyway; it
never trades both ways for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.money import ONE, ZERO, down_to_increment, tidy, up_to_increment
from domain.restrictions import NO_LIMITS, Aim, Limits
from domain.rules import Rule
from domain.snapshot import Security, Sleeve

SLEEVE_1 = Rule("SLEEVE-1", "A sleeve receives or pays the change of its value in cash; remainders stay in it as cash.")
SLEEVE_2 = Rule("SLEEVE-2", "A growing sleeve only buys and a shrinking one only sells, towards its model.")
SLEEVE_3 = Rule("SLEEVE-3", "A sleeve whose value does not change is not traded by a rebalance.")
SLEEVE_4 = Rule(
    "SLEEVE-4", "A change too small to spread is made in fewer holdings, until every order is large enough."
)
ORDER_1 = Rule(
    "ORDER-1", "Buys round down and what is left buys single increments; sells that must raise cash round up."
)


@dataclass(frozen=True, slots=True)
class Fill:
    """What one sleeve trades: quantities by symbol, bought above 0 and sold below; `wanted` before rounding.

    `given_up` are the amounts that went to other holdings because they were too small to trade (SLEEVE-4), `blocked`
    those that may not be bought (above 0) or sold (RESTRICT-3, WASH-1).
    """

    quantities: Mapping[str, Decimal]
    wanted: Mapping[str, Decimal]
    given_up: Mapping[str, Decimal] = field(default_factory=dict)
    blocked: Mapping[str, Decimal] = field(default_factory=dict)


def level(values: Mapping[str, Decimal], weights: Mapping[str, Decimal], total: Decimal) -> Decimal | None:
    """The λ at which the holdings sum to `total` when each goes to max(value, λ·weight) where they grow, or to
    min(value, λ·weight) where they shrink (SLEEVE-2); None where they sum to it already.
    """
    rest = sum((values[symbol] for symbol in weights), ZERO)
    if total == rest:
        return None
    growing = total > rest
    order = sorted(weights, key=lambda symbol: (values[symbol] / weights[symbol], symbol), reverse=not growing)
    moved = ZERO
    for at, symbol in enumerate(order):
        moved += weights[symbol]
        rest -= values[symbol]
        reached = (total - rest) / moved
        following = order[at + 1] if at + 1 < len(order) else None
        if following is None:
            return reached
        edge = values[following] / weights[following]
        if (reached <= edge) if growing else (reached >= edge):
            return reached
    return None


def fill_sleeve(
    sleeve: Sleeve,
    aim: Aim | None,
    value: Decimal,
    change: Decimal,
    market: Mapping[str, Security],
    minimum: Decimal,
    allowed: Limits = NO_LIMITS,
) -> Fill:
    """The trades of a sleeve whose value goes from `value` to `value + change`.

    `aim` None sells everything. `minimum` is the smallest order worth making (ORDER-3); 0 for a sleeve that opens.
    What may not be traded stays where it is, and the other holdings make the change. What an exclusion or a
    substitution takes out is sold whatever the change, and what it brings is invested again (RESTRICT-1, RESTRICT-2).
    """
    held = {holding.symbol: holding.quantity for holding in sleeve.holdings}
    weights = aim.weights if aim else {}
    leaving = {symbol: held[symbol] * _price(market, symbol) for symbol in held if symbol not in weights}
    stays = {symbol: leaving.pop(symbol) for symbol in held if symbol in leaving and symbol in allowed.no_sell}
    dropped = {symbol: -held[symbol] for symbol in leaving}
    wanted = {symbol: -amount for symbol, amount in leaving.items()}
    blocked = {symbol: -amount for symbol, amount in stays.items() if not allowed.kept(symbol)}
    if aim is None:
        return Fill(dropped, wanted, blocked=blocked)
    values = {symbol: held.get(symbol, ZERO) * _price(market, symbol) for symbol in weights}
    after = value + change
    invested = tidy(after * (ONE - aim.cash_weight)) - sum(
        (max(ZERO, amount - aim.room.get(symbol, ZERO) * after) for symbol, amount in stays.items()), ZERO
    )
    forced = any(allowed.leaves(symbol) for symbol in dropped)
    growing = invested > sum(values.values(), ZERO) if forced else change > 0
    sign = 1 if growing else -1
    frozen = weights.keys() & (allowed.no_buy if growing else allowed.no_sell).keys()
    if frozen:
        blocked |= _blocked(values, weights, invested, frozen, sign)
        invested = max(ZERO, invested - sum((values[symbol] for symbol in frozen), ZERO))
        weights = {symbol: weight for symbol, weight in weights.items() if symbol not in frozen}
    goals = _goals(values, weights, invested, sign)
    if not goals:
        return Fill(dropped, wanted, blocked=blocked)  # the sleeve's cash alone makes the change, or what it drops does
    # How far a holding is from its model weight, in the direction of the change.
    distances = {symbol: sign * (weights[symbol] * after - values[symbol]) for symbol in goals}
    quantities, kept, given_up = _concentrated(goals, distances, held, market, minimum, growing)
    return Fill(
        dropped | {symbol: sign * quantity for symbol, quantity in quantities.items() if quantity},
        wanted | {symbol: sign * amount for symbol, amount in kept.items()},
        given_up,
        blocked,
    )


def _goals(
    values: Mapping[str, Decimal], weights: Mapping[str, Decimal], invested: Decimal, sign: int
) -> dict[str, Decimal]:
    """The amounts that move the holdings to `invested` in one direction, by λ; nothing where they are beyond it."""
    reached = level(values, weights, invested) if weights else None
    if reached is None or (invested - sum((values[symbol] for symbol in weights), ZERO)) * sign < 0:
        return {}
    return {
        symbol: amount
        for symbol, weight in weights.items()
        if (amount := sign * (tidy(reached * weight) - values[symbol])) > 0
    }


def _blocked(
    values: Mapping[str, Decimal],
    weights: Mapping[str, Decimal],
    invested: Decimal,
    frozen: Collection[str],
    sign: int,
) -> dict[str, Decimal]:
    """What would have been traded of what may not be."""
    goals = _goals(values, weights, invested, sign)
    return {symbol: sign * goals[symbol] for symbol in sorted(frozen) if symbol in goals}


def _concentrated(
    goals: dict[str, Decimal],
    distances: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    market: Mapping[str, Security],
    minimum: Decimal,
    growing: bool,
) -> tuple[dict[str, Decimal], dict[str, Decimal], dict[str, Decimal]]:
    """Rounded quantities, the amounts they stand for, and what was given up for them (SLEEVE-4)."""
    kept, given_up = dict(goals), dict[str, Decimal]()
    while True:
        quantities = buy_quantities(kept, market) if growing else sell_quantities(kept, held, market)
        small = [symbol for symbol in kept if _too_small(symbol, kept, quantities, held, market, minimum, growing)]
        if not small or len(kept) == 1:
            return quantities, kept, given_up
        smallest = min(small, key=lambda symbol: (kept[symbol], symbol))
        moved = _moved(kept, smallest, distances, held, market, growing)
        if moved is None:
            return quantities, kept, given_up
        given_up[smallest] = kept[smallest]
        kept = moved


def _too_small(
    symbol: str,
    kept: Mapping[str, Decimal],
    quantities: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    market: Mapping[str, Security],
    minimum: Decimal,
    growing: bool,
) -> bool:
    quantity = quantities[symbol]
    if not growing and quantity == held[symbol]:
        return False  # it completes the sale of the holding (ORDER-3)
    return kept[symbol] < minimum or ZERO < quantity * _price(market, symbol) < minimum


def _moved(
    kept: Mapping[str, Decimal],
    symbol: str,
    distances: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    market: Mapping[str, Security],
    growing: bool,
) -> dict[str, Decimal] | None:
    """The amounts with one given up for the holdings furthest from their model weights; None where none can take it."""
    others = {other: amount for other, amount in kept.items() if other != symbol}
    left = kept[symbol]
    for other in sorted(others, key=lambda each: (-distances[each], each)):
        room = left if growing else held[other] * _price(market, other) - others[other]
        taken = min(left, room)
        others[other] += taken
        left -= taken
        if left == 0:
            return others
    return None


def buy_quantities(
    goals: Mapping[str, Decimal], market: Mapping[str, Security], spare: Decimal = ZERO
) -> dict[str, Decimal]:
    """Whole increments for amounts to buy: rounded down, then what is left over, and `spare` cash besides, buys single
    increments, as long as each brings its holding closer: first where one brings it closer by most (ORDER-1).
    """
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal, Decimal]] = []
    left = spare
    for symbol, amount in goals.items():
        price, step = _price(market, symbol), market[symbol].quantity_increment
        quantities[symbol] = quantity = down_to_increment(amount / price, step)
        shortfall, cost = amount - quantity * price, step * price
        left += shortfall
        if shortfall * 2 > cost:
            closer.append((cost - shortfall * 2, symbol, step, cost))
    for _, symbol, step, cost in sorted(closer):
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
    quantities: dict[str, Decimal] = {}
    closer: list[tuple[Decimal, str, Decimal, Decimal]] = []
    beyond = ZERO
    for symbol, amount in goals.items():
        price, step, there = _price(market, symbol), market[symbol].quantity_increment, held[symbol]
        exact = amount / price
        down = down_to_increment(exact, step)
        quantities[symbol] = up = there if exact >= there else min(there, down if down == exact else down + step)
        excess, cost = up * price - amount, (up - down) * price
        beyond += excess
        if excess * 2 > cost > 0:
            closer.append((cost - excess * 2, symbol, down, cost))
    for _, symbol, down, cost in sorted(closer):
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
    return min(
        held,
        up_to_increment(amount / _price({security.symbol: security}, security.symbol), security.quantity_increment),
    )


def _price(market: Mapping[str, Security], symbol: str) -> Decimal:
    price = market[symbol].price
    if price is None:
        raise LookupError(f"{symbol} has no price: check the snapshot before planning it (CHECK-1)")
    return price
