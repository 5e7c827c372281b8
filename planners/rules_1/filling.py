"""Filling: which holdings make up a model sleeve's new value, and how many shares that is.

Asked for every component that a plan changes. A sleeve comes closer to its model by the cash that flows anyway; it
never trades both ways for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal

from planners.rules_1.concentration import Amounts, concentrated
from planners.rules_1.money import ONE, ZERO, tidy
from planners.rules_1.record import record
from planners.rules_1.restrictions import NO_LIMITS, Aim, Limits
from planners.rules_1.rounding import shares_to_sell
from planners.rules_1.rules import Rule
from planners.rules_1.snapshot import Security, Sleeve, prices_of

SLEEVE_1 = Rule("SLEEVE-1", "A sleeve receives or pays the change of its value in cash; remainders stay in it as cash.")
SLEEVE_2 = Rule("SLEEVE-2", "A growing sleeve only buys and a shrinking one only sells, towards its model.")
SLEEVE_3 = Rule("SLEEVE-3", "A sleeve whose value does not change is not traded by a rebalance.")


@record
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
    rest = _sum_of(values, weights)
    return None if total == rest or not weights else _level(values, weights, total, total > rest)[0]


def _sum_of(values: Mapping[str, Decimal], symbols: Iterable[str]) -> Decimal:
    return sum([values[symbol] for symbol in symbols], ZERO)


def _level(
    values: Mapping[str, Decimal], weights: Mapping[str, Decimal], total: Decimal, growing: bool
) -> tuple[Decimal, Mapping[str, Decimal]]:
    """λ, and the weights of the holdings that move.

    All of them move at first. Who is beyond its λ·weight stays, which takes λ further from him, so he stays for good:
    a few rounds, each of fewer holdings, find what sorting all of them by value ÷ weight would.
    """
    moving, left, share = dict(weights), total, sum(weights.values(), ZERO)
    while True:
        reached = left / share
        if growing:
            beyond = [symbol for symbol, weight in moving.items() if values[symbol] > reached * weight]
        else:
            beyond = [symbol for symbol, weight in moving.items() if values[symbol] < reached * weight]
        if not beyond:
            return reached, moving
        for symbol in beyond:
            left -= values[symbol]
            share -= moving.pop(symbol)


def fill_sleeve(
    sleeve: Sleeve,
    aim: Aim | None,
    value: Decimal,
    change: Decimal,
    market: Mapping[str, Security],
    minimum: Decimal,
    allowed: Limits = NO_LIMITS,
    one_way: bool = False,
    not_raised: Decimal = ZERO,
) -> Fill:
    """The trades of a sleeve whose value goes from `value` to `value + change`.

    `aim` None sells everything. `minimum` is the smallest order worth making (ORDER-3); 0 for a sleeve that opens.
    What may not be traded stays where it is, and the other holdings make the change. What an exclusion or a
    substitution takes out is sold whatever the change, and what it brings is invested again (RESTRICT-1, RESTRICT-2),
    but for `not_raised`, which sells of this sleeve were found not to bring. `one_way`: nothing trades against the
    change, and no more than it (CASH-2).
    """
    prices = prices_of(market)
    held = {holding.symbol: holding.quantity for holding in sleeve.holdings}
    worth = {symbol: quantity * prices[symbol] for symbol, quantity in held.items()}
    weights = aim.weights if aim else {}
    leaving = {symbol: amount for symbol, amount in worth.items() if symbol not in weights}
    stays = {symbol: leaving.pop(symbol) for symbol in [*leaving] if symbol in allowed.no_sell}
    blocked = {symbol: -amount for symbol, amount in stays.items() if not allowed.kept(symbol)}
    if one_way and change > 0:
        stays, leaving = stays | leaving, {}
    dropped = {symbol: -held[symbol] for symbol in leaving}
    wanted = {symbol: -amount for symbol, amount in leaving.items()}
    if aim is None:
        return Fill(dropped, wanted, blocked=blocked)
    values = worth if worth.keys() >= weights.keys() else dict.fromkeys(weights, ZERO) | worth
    after = value + change
    invested = tidy(after * (ONE - aim.cash_weight))
    for symbol, amount in stays.items():
        invested -= max(ZERO, amount - aim.room.get(symbol, ZERO) * after)
    invested = max(ZERO, invested - not_raised)  # what stays may be worth more than the sleeve shall be
    if one_way and leaving:
        needed = _sum_of(values, weights) + _sum_of(leaving, leaving) - invested
        dropped, enough = _first_out(leaving, held, needed, market)
        if enough:
            return Fill(dropped, {symbol: wanted[symbol] for symbol in dropped}, blocked=blocked)
    forced = any(allowed.leaves(symbol) for symbol in dropped) if dropped and not one_way else False
    growing = invested > _sum_of(values, weights) if forced else change > 0
    frozen = weights.keys() & (allowed.no_buy if growing else allowed.no_sell).keys()
    if frozen:
        reached, moving = _reach(values, weights, invested, growing)
        asked = {symbol: moving[symbol] for symbol in sorted(frozen & moving.keys())}
        stopped = _amounts(values, asked, reached, growing)
        blocked |= stopped if growing else _negated(stopped)
        invested = max(ZERO, invested - _sum_of(values, frozen))
        weights = {symbol: weight for symbol, weight in weights.items() if symbol not in frozen}
    goals = goals_of(values, weights, invested, growing)
    if not goals:
        return Fill(dropped, wanted, blocked=blocked)  # the sleeve's cash alone makes the change, or what it drops does

    def nearness(symbol: str) -> tuple[Decimal, str]:
        """Below 0 as far as a holding is from its model weight, in the direction of the change; ties by symbol."""
        beyond = values[symbol] - weights[symbol] * after
        return (beyond if growing else -beyond), symbol

    quantities, kept, given_up = concentrated(goals, nearness, held, market, minimum, growing)
    traded = {symbol: quantity for symbol, quantity in quantities.items() if quantity}
    if not growing:
        traded, kept = _negated(traded), _negated(kept)
    return Fill(dropped | traded, wanted | kept, given_up, blocked)


def _negated(amounts: Amounts) -> Amounts:
    return {symbol: -amount for symbol, amount in amounts.items()}


def _first_out(
    leaving: Mapping[str, Decimal], held: Mapping[str, Decimal], needed: Decimal, market: Mapping[str, Security]
) -> tuple[dict[str, Decimal], bool]:
    """What is sold of the holdings that have no weight, by symbol, to raise an amount; True where that is enough."""
    sold: dict[str, Decimal] = {}
    for symbol in sorted(leaving):
        if needed <= 0:
            break
        quantity = shares_to_sell(min(needed, leaving[symbol]), held[symbol], market[symbol])
        sold[symbol] = -quantity
        needed -= quantity * prices_of(market)[symbol]
    return sold, needed <= 0


def goals_of(
    values: Mapping[str, Decimal], weights: Mapping[str, Decimal], invested: Decimal, growing: bool
) -> dict[str, Decimal]:
    """The amounts that move the holdings to `invested` in one direction, by λ; nothing where they are beyond it."""
    reached, moving = _reach(values, weights, invested, growing)
    return _amounts(values, moving, reached, growing)


def _reach(
    values: Mapping[str, Decimal], weights: Mapping[str, Decimal], invested: Decimal, growing: bool
) -> tuple[Decimal, Mapping[str, Decimal]]:
    """λ and the weights of what moves to it; no holding where they are all beyond `invested`."""
    rest = _sum_of(values, weights)
    if not weights or (invested <= rest if growing else invested >= rest):
        return ZERO, {}
    return _level(values, weights, invested, growing)


def _amounts(
    values: Mapping[str, Decimal], moving: Mapping[str, Decimal], reached: Decimal, growing: bool
) -> dict[str, Decimal]:
    goals = {}
    for symbol, weight in moving.items():
        amount = tidy(reached * weight) - values[symbol]
        if amount and (amount > ZERO) is growing:
            goals[symbol] = amount if growing else -amount
    return goals
