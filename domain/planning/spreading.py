"""Spreading: the change of a sleeve over what its model names, until it is settled.

Asked by `filling` once it is known what leaves the sleeve. What rounding or the minimum trade leaves is traded at once
where it would be traded once the plan is filled (LAW-9): idle cash is invested, and others raise what too few do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.planning.concentration import concentrated
from domain.planning.levels import Levels
from domain.planning.rounding import sell_quantities
from domain.targets.restrictions import Limits
from domain.values.money import CENT, ZERO
from domain.values.record import record
from domain.values.snapshot import Security, prices_of

Amounts = Mapping[str, Decimal]
Spread = tuple[dict[str, Decimal], dict[str, Decimal], dict[str, Decimal]]  # amounts, shares, and what was given up


@record
class Held:
    """Of one sleeve: the shares of a symbol that may be sold, and bought, at most, where that was found out.
    Empty where nothing is known to be in the way.
    """

    sold: Mapping[str, Decimal] = field(default_factory=dict)
    bought: Mapping[str, Decimal] = field(default_factory=dict)


NOT_HELD = Held()


@dataclass(slots=True)
class Spreading:
    """What a sleeve's model names: its values and weights by symbol, the goal that they sum to in the end, the shares
    held, and what bounds them. Amounts in the account's currency.
    """

    named: Amounts
    weights: Amounts
    goal: Decimal
    growing: bool
    shares: Amounts
    smallest: Decimal
    market: Mapping[str, Security]
    allowed: Limits
    held: Held

    def levels(self, blocked: dict[str, Decimal]) -> Levels:
        """How the change is spread; notes in `blocked` what restrictions keep from it (RESTRICT-3, WASH-1)."""
        levels = Levels(self.named, self.weights, self.goal, self.growing)
        freeze(levels, self.allowed, self.held, blocked, prices_of(self.market))
        return levels

    def settled(self, spread: Spread, most: Decimal) -> Spread:
        """The trades of a full rebalance, after which the sleeve has no more idle cash than its threshold (`most`), and
        pays what it is to, as far as there is an order for it (SLEEVE-3, SLEEVE-4).
        """
        needed = abs(self.goal - sum(self.named.values(), ZERO))
        if self.growing:
            return self._traded_further(spread) if needed - self._worth(spread[1]) > most else spread
        raised = self._worth(spread[1])
        while spread[2] and needed - raised > CENT:  # each turn sells more, or is the last
            spread, before = self._traded_further(spread), raised
            raised = self._worth(spread[1])
            if raised == before:
                break
        if raised - needed <= most:
            return spread
        amounts, _, given_up = spread
        fewest = sell_quantities(amounts, self.shares, self.market, fewest=True)
        if self._worth(fewest) - needed <= most:
            return amounts, fewest, given_up
        return self._finer(amounts, needed, most) or (amounts, self._idling_least(fewest, needed, most), given_up)

    def _worth(self, quantities: Amounts) -> Decimal:
        prices = prices_of(self.market)
        return sum([quantity * prices[symbol] for symbol, quantity in quantities.items()], ZERO)

    def _traded_further(self, spread: Spread) -> Spread:
        """With what it would trade once these trades are filled: what would be no order by itself is none."""
        amounts, traded, given_up = spread
        prices, sign = prices_of(self.market), 1 if self.growing else -1
        filled = {
            symbol: value + sign * traded[symbol] * prices[symbol] if symbol in traded else value
            for symbol, value in self.named.items()
        }
        remaining = {symbol: quantity - traded.get(symbol, ZERO) for symbol, quantity in self.shares.items()}
        known = self.held.bought if self.growing else self.held.sold
        left = {symbol: max(ZERO, most - traded.get(symbol, ZERO)) for symbol, most in known.items()}
        levels = Levels(filled, self.weights, self.goal, self.growing)
        freeze(levels, self.allowed, Held(bought=left) if self.growing else Held(sold=left), {}, prices)
        more, moved, _ = concentrated(levels, remaining, self.market, self.smallest, keeps_shares=self.growing)
        orders = {
            symbol: quantity
            for symbol, quantity in moved.items()
            if quantity and (quantity * prices[symbol] >= self.smallest or quantity == remaining.get(symbol))
        }
        return (
            amounts | {symbol: amounts.get(symbol, ZERO) + more[symbol] for symbol in orders},
            traded | {symbol: traded.get(symbol, ZERO) + quantity for symbol, quantity in orders.items()},
            {symbol: amount for symbol, amount in given_up.items() if symbol not in orders},
        )

    def _finer(self, amounts: Amounts, needed: Decimal, most: Decimal) -> Spread | None:
        """Sales that raise what is needed and leave no more idle cash than `most`: holdings of which one step is more
        than that sell no step beyond their part, the dearest first, and the others make the rest. None where there are
        none.
        """
        market = self.market
        dear = sorted(
            (each for each in amounts if market[each].step > most), key=lambda each: (-market[each].step, each)
        )
        for last in range(1, len(dear) + 1):
            levels = self.levels({})
            for each in dear[:last]:
                if each in levels.weights:
                    levels.freeze(each, amounts[each] // market[each].step * market[each].step)
            found = concentrated(levels, self.shares, self.market, self.smallest)
            if ZERO <= self._worth(found[1]) - needed <= most:
                return found
        return None

    def _idling_least(self, sold: dict[str, Decimal], needed: Decimal, most: Decimal) -> dict[str, Decimal]:
        """The sales, which leave the sleeve more idle cash than its threshold (`most`), but for one step where it would
        pay less by no more than that is beyond (DESTINATION-6); of a whole holding that is its odd fraction.
        """
        beyond = self._worth(sold) - needed
        best, least = sold, beyond - most
        for symbol in sorted(sold):
            step = sold[symbol] % self.market[symbol].quantity_increment or self.market[symbol].quantity_increment
            off = abs(self.market[symbol].worth(step) - beyond)
            if sold[symbol] >= step and off < least:
                best, least = {**sold, symbol: sold[symbol] - step}, off
        return best


def freeze(
    levels: Levels, allowed: Limits, held: Held, blocked: dict[str, Decimal], prices: Mapping[str, Decimal]
) -> None:
    """Takes what may not be traded out of the change, or leaves it the part that may; notes what restrictions block.

    Whoever is frozen leaves more to the others, so that one of them may have to be frozen next: each at most once.
    """
    growing = levels.growing
    forbidden = allowed.no_buy if growing else allowed.no_sell
    known = held.bought if growing else held.sold
    if not forbidden and not known:
        return
    limits = {symbol: known[symbol] * prices[symbol] for symbol in levels.weights.keys() & known.keys()}
    limits |= dict.fromkeys(levels.weights.keys() & forbidden.keys(), ZERO)
    for symbol in sorted(symbol for symbol, limit in limits.items() if not limit and not levels.amount_of(symbol)):
        levels.freeze(symbol)  # beyond its level now: it must not move either where others give up their part later
        del limits[symbol]
    while limits:
        asked = {symbol: levels.amount_of(symbol) for symbol in limits}
        over = {symbol: amount for symbol, amount in asked.items() if amount > limits[symbol]}
        if not over:
            return
        for symbol in sorted(over):
            if symbol in forbidden and not allowed.kept(symbol):
                blocked[symbol] = over[symbol] if growing else -over[symbol]
            levels.freeze(symbol, limits.pop(symbol))
