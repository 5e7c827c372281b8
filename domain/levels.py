"""Levels: how a change of a sleeve's value is spread over its holdings (SLEEVE-2).

Growing: holding i goes to max(value, λ·weight); shrinking: min(value, λ·weight), with λ such that the holdings sum to
the goal. Who is frozen stays where it is, or makes a part of the change, and the others make the rest.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.money import ZERO, tidy


class Levels:
    """The holdings of one sleeve on their way to a goal, in amounts, all in one direction."""

    __slots__ = ("_amounts", "fixed", "growing", "left", "values", "weights")

    def __init__(
        self, values: Mapping[str, Decimal], weights: Mapping[str, Decimal], goal: Decimal, growing: bool
    ) -> None:
        self.values, self.growing = values, growing
        self.weights = dict(weights)
        self._amounts: dict[str, Decimal] | None = None  # worked out already
        self.fixed: dict[str, Decimal] = {}  # the parts that frozen holdings make, all above 0
        self.left = goal  # what the holdings that are not frozen shall come to together

    def freeze(self, symbol: str, change: Decimal = ZERO) -> None:
        """Leaves a holding out of the change, but for a part of it (above 0)."""
        del self.weights[symbol]
        self._amounts = None
        if change:
            self.fixed[symbol] = change
        self.left -= self.values[symbol] + (change if self.growing else -change)

    def wait(self, symbol: str, amount: Decimal) -> None:
        """Keeps an amount for a holding in cash."""
        del self.weights[symbol]
        self._amounts = None
        self.left -= self.values[symbol] + amount

    def level(self) -> tuple[Decimal, Mapping[str, Decimal]] | None:
        """λ, and the weights of the holdings that move; None where nothing has to.

        All of them move at first. Who is beyond its λ·weight stays, which takes λ further from it, so it stays for
        good: a few turns, each of fewer holdings, find what sorting all of them by value ÷ weight would.
        """
        values, growing, left = self.values, self.growing, max(self.left, ZERO)  # what is frozen may be worth more
        total = sum([values[symbol] for symbol in self.weights], ZERO)
        if not self.weights or (left <= total if growing else left >= total):
            return None
        moving, share = self.weights, sum(self.weights.values(), ZERO)
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
                share -= moving[symbol]
            gone = set(beyond)
            moving = {symbol: weight for symbol, weight in moving.items() if symbol not in gone}

    def amounts(self) -> dict[str, Decimal]:
        """What each holding that moves is bought, or sold, for; all above 0."""
        if self._amounts is None:
            self._amounts = self._spread()
        return self._amounts

    def _spread(self) -> dict[str, Decimal]:
        found = self.level()
        if found is None:
            return {}
        (reached, moving), values = found, self.values
        if self.growing:
            amounts = {symbol: tidy(reached * weight) - values[symbol] for symbol, weight in moving.items()}
        else:
            amounts = {symbol: values[symbol] - tidy(reached * weight) for symbol, weight in moving.items()}
        return {symbol: amount for symbol, amount in amounts.items() if amount > 0}
