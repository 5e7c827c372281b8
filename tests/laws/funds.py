"""The settle test: accounts of whole-share funds held directly, planned, filled, and planned again (LAW-9).

Where few shares make a line, rounding decides where cash ends: it is counted how often that is outside its bands, and
how often a single step would have helped (DESTINATION-5).
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from domain.laws.booked_plan import BookedPlan
from domain.laws.landing import cash_bounds
from domain.laws.refusals import forbidden
from domain.plan import plan as planned
from domain.values.policy import MODES, Mode
from tests.laws.after import no_step_too_many
from tests.laws.books import AS_OF, text
from tests.laws.world import Members, filled

Json = dict[str, Any]
VALUES = (25_000, 50_000, 100_000, 250_000, 1_000_000)
TIMES = 6  # plans after one another: what still trades then trades for ever


def funds(seed: int, number: int, value: int) -> Json:
    """An account of 2 to 20 funds of 15 to 620 a share, drifted by up to a third; cash at 0 to 10 %, and now and then
    bands that the target gives.
    """
    random = Random(f"funds {seed} {number} {value}")
    count, cash = random.randint(2, 20), random.choice((0, 1, 2, 2, 5, 10))
    edges = [0, *sorted(random.sample(range(3, 98 - cash), count - 1)), 100 - cash]
    weights = [Decimal(after - before) / 100 for before, after in itertools.pairwise(edges)]
    symbols = [f"F{at:02}" for at in range(count)]
    prices = [Decimal(f"{random.uniform(15, 620):.2f}") for _ in symbols]
    held = []
    for symbol, price, weight in zip(symbols, prices, weights, strict=True):
        shares = int(value * weight * Decimal(f"{random.uniform(0.67, 1.33):.3f}") / price)
        if shares:
            lot = {"quantity": str(shares), "cost_per_share": str(price), "acquired": "2024-03-01"}
            held.append({"symbol": symbol, "lots": [lot]})
    return {
        "as_of": str(AS_OF),
        "securities": [{"symbol": s, "price": str(p)} for s, p in zip(symbols, prices, strict=True)],
        "targets": [
            {
                "id": "T",
                "components": [
                    {"security": s, "weight": str(w), **_bands(random)} for s, w in zip(symbols, weights, strict=True)
                ],
            }
        ],
        "accounts": [
            {
                "id": "A-1",
                "target": "T",
                "first_rebalanced": "2025-03-01",
                "tax_status": "exempt",
                "cash": text(value * Decimal(random.choice(("0.001", "0.02", "0.05", "0.3")))),
                "holdings": held,
            }
        ],
    }


def _bands(random: Random) -> Json:
    """What a target says of a component's bands: mostly nothing."""
    if random.random() < 0.85:
        return {}
    band, widths = random.choice((("threshold", ("0.05", "0.10", "0.50")), ("precision", ("0", "0.02", "0.10"))))
    return {band: {"relative": random.choice(widths)}}


@dataclass
class Funds:
    """How often what happened, of so many accounts; and the first accounts that trade again."""

    accounts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    again: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The counts as people read them."""
        for what in ("trade again", "trade for ever", "cash outside its band", "outside its threshold", "a step helps"):
            yield f"{what} {self.counts[what]:,}"


def settle(seed: int, count: int, value: int, mode: Mode) -> Funds:
    """Plans so many accounts again and again as if all were filled."""
    found = Funds()
    for number in range(count):
        members = Members(funds(seed, number, value))
        snapshot, policy = members.snapshot("A-1"), members.policy
        first = plan = planned(snapshot, policy, mode)
        found.accounts += 1
        books = BookedPlan.of(snapshot, first)
        low, high = cash_bounds(books, forbidden(snapshot, policy))
        cash = first.components[-1]
        total = first.managed_value or Decimal(0)
        if not low <= cash.planned_value <= high and mode != "exact":
            found.counts["cash outside its band"] += 1
        if not cash.threshold.lower * total <= cash.planned_value <= cash.threshold.upper * total:
            found.counts["outside its threshold"] += 1
        found.counts["a step helps"] += any(True for _ in no_step_too_many(snapshot, policy, first))
        for time in range(1, TIMES):
            snapshot = filled(snapshot, policy, plan)
            plan = planned(snapshot, policy, mode)
            if not plan.orders:
                break
            if time == 1:
                found.counts["trade again"] += 1
                found.again.append(f"funds {seed} {number} {value} {mode}: {plan.orders[0].reason}")
        else:
            found.counts["trade for ever"] += 1
    return found


def all_funds(seed: int, count: int) -> dict[tuple[int, Mode], Funds]:
    """Every value and mode."""
    return {(value, mode): settle(seed, count, value, mode) for value in VALUES for mode in MODES}
