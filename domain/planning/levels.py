"""Levels: how a change of a sleeve's value is spread over its holdings (SLEEVE-2).

Growing: holding i goes to max(value, λ·weight); shrinking: min(value, λ·weight), with λ such that the holdings sum to
the goal. Who is frozen stays where it is, or makes a part of the change, and the others make the rest.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.values.money import ZERO, tidy


class Levels:
    """The holdings of one sleeve on their way to a goal, in amounts, all in one direction; each has a weight."""

    __slots__ = (
        "_amounts",
        "_level",
        "_moved",
        "_pairs",
        "_share",
        "_total",
        "fixed",
        "growing",
        "left",
        "values",
        "weights",
    )

    def __init__(
        self, values: Mapping[str, Decimal], weights: Mapping[str, Decimal], goal: Decimal, growing: bool
    ) -> None:
        self.values, self.growing = values, growing
        self.weights = dict(weights)
        self._pairs = {symbol: (values[symbol], weight) for symbol, weight in weights.items()}
        self._total = sum(values.values(), ZERO)
        self._share = sum(weights.values(), ZERO)
        self._level: Level | None = None  # worked out already
        self._amounts: dict[str, Decimal] | None = None  # likewise
        self._moved: dict[str, tuple[Decimal, Decimal]] = {}  # what moved before something was frozen
        self.fixed: dict[str, Decimal] = {}  # the parts that frozen holdings make, all above 0
        self.left = goal  # what the holdings that are not frozen shall come to together

    def freeze(self, symbol: str, change: Decimal = ZERO) -> None:
        """Leaves a holding out of the change, but for a part of it (above 0)."""
        self._without(symbol, change if self.growing else -change)
        if change:
            self.fixed[symbol] = change

    def wait(self, symbol: str, amount: Decimal) -> None:
        """Keeps an amount for a holding in cash."""
        self._without(symbol, amount)

    def _without(self, symbol: str, keeps: Decimal) -> None:
        value = self.values[symbol]
        if self._level and (keeps or self.amount_of(symbol)):  # else it did not move: nothing changes for the others
            self._moved = dict(self._level[1])
            self._level = self._amounts = None
        self._moved.pop(symbol, None)
        self._share -= self.weights.pop(symbol)
        del self._pairs[symbol]
        self._total -= value
        self.left -= value + keeps

    def level(self) -> Decimal | None:
        """λ; None where nothing has to move."""
        reached, moving = self._leveled()
        return reached if moving else None

    def _leveled(self) -> "Level":
        """λ, and value and weight of each holding that moves: of none where nothing has to.

        All holdings move at first. Who is beyond its λ·weight stays, which takes λ further from it, so it stays for
        good: a few turns, each of fewer holdings, find what sorting all of them by value ÷ weight would.

        Who moved before others were frozen moves further now, and some of those who stayed may have to join.
        """
        growing = self.growing
        left, share = max(self.left, ZERO), self._share  # what is frozen may be worth more
        if not self.weights or (left <= self._total if growing else left >= self._total):
            return ZERO, {}
        moving = self._pairs.copy()
        if self._moved:
            stayed = [symbol for symbol in moving if symbol not in self._moved]
            for symbol in stayed:
                value, weight = moving.pop(symbol)
                left -= value
                share -= weight
            joining = [symbol for symbol in stayed if self._inside(symbol, left, share)]
            if not joining:
                return left / share, moving
            moving = {symbol: pair for symbol, pair in self._pairs.items() if symbol in moving or symbol in joining}
            for symbol in joining:
                value, weight = moving[symbol]
                left += value
                share += weight
        while True:  # value ÷ weight against λ = left ÷ share, without a division: products of few digits are quick
            if growing:
                beyond = [symbol for symbol, (value, weight) in moving.items() if value * share > left * weight]
            else:
                beyond = [symbol for symbol, (value, weight) in moving.items() if value * share < left * weight]
            if not beyond:
                return left / share, moving
            for symbol in beyond:
                value, weight = moving.pop(symbol)
                left -= value
                share -= weight

    def _inside(self, symbol: str, left: Decimal, share: Decimal) -> bool:
        """True for a holding that has not reached its λ·weight."""
        value, weight = self._pairs[symbol]
        return value * share < left * weight if self.growing else value * share > left * weight

    def amount_of(self, symbol: str) -> Decimal:
        """What one holding is bought, or sold, for; 0 where it does not move. Quicker than the amounts of all."""
        if self._level is None:
            self._level = self._leveled()
        reached, moving = self._level
        if symbol not in moving:
            return ZERO
        value, weight = moving[symbol]
        level = tidy(reached * weight)
        return max(ZERO, level - value if self.growing else value - level)

    def amounts(self) -> dict[str, Decimal]:
        """What each holding that moves is bought, or sold, for; all above 0."""
        if self._amounts is None:
            if self._level is None:
                self._level = self._leveled()
            reached, moving = self._level
            changes = {symbol: tidy(reached * weight) - value for symbol, (value, weight) in moving.items()}
            if self.growing:
                self._amounts = {symbol: change for symbol, change in changes.items() if change > ZERO}
            else:
                self._amounts = {symbol: -change for symbol, change in changes.items() if change < ZERO}
        return self._amounts


Level = tuple[Decimal, Mapping[str, tuple[Decimal, Decimal]]]  # λ, and value and weight of each holding that moves
