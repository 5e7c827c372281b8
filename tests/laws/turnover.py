"""Turnover beside a linear program's where nothing is rounded (DESTINATION-4): steps of parts of a cent, no minimum.

Components are sleeves and securities, all held already or, at times, some of them not: those land on their weight.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from domain.laws.landing import bounds
from domain.plan import plan as planned
from domain.rebalance_plan import RebalancePlan
from domain.values.policy import Mode
from tests.domain.linear_program import Room, least_turnover
from tests.laws.books import AS_OF, text
from tests.laws.world import Members

Json = dict[str, Any]


def even(seed: int, number: int, all_held: bool) -> Json:
    """An account of one to ten components, drifted by as much as chance has it, in shares of a millionth."""
    random = Random(f"even {seed} {number}")
    value, count = random.choice((10_000, 100_000, 3_000_000)), random.randint(1, 10)
    spread = random.choice((0.03, 0.2, 0.8))
    cut = [0, *sorted(random.sample(range(2, 100), count))]
    weights = [Decimal(after - before) / 100 for before, after in itertools.pairwise(cut)]
    lines: list[Json] = []
    models, holdings, sleeves = [], [], []
    for at, weight in enumerate(weights):
        held = {
            "symbol": f"S{at}",
            "quantity": f"{value * weight * Decimal(f'{random.uniform(1 - spread, 1 + spread):.4f}') / 10:.6f}",
        }
        missing = not all_held and random.random() < 0.2
        if random.random() < 0.4:
            models.append({"id": f"M{at}", "holdings": [{"symbol": f"S{at}", "weight": "1"}]})
            lines.append({"model": f"M{at}", "weight": str(weight)})
            sleeves += [] if missing else [{"model": f"M{at}", "holdings": [held]}]
        else:
            lines.append({"security": f"S{at}", "weight": str(weight)})
            holdings += [] if missing else [held]
        if random.random() < 0.2:
            lines[-1]["threshold"] = {"relative": random.choice(("0", "0.1", "1"))}
    return {
        "as_of": str(AS_OF),
        "policy": {"minimum_trade_amount": "0", "minimum_trade_weight": "0"},
        "securities": [{"symbol": f"S{at}", "price": "10.00", "quantity_increment": "0.000001"} for at in range(count)],
        "models": models,
        "targets": [{"id": "T", "components": lines}],
        "accounts": [
            {
                "id": "A-1",
                "target": "T",
                "first_rebalanced": "2025-03-01",
                "cash": text(value * Decimal(f"{random.uniform(0, 0.4):.3f}")),
                "holdings": holdings,
                "sleeves": sleeves,
            }
        ],
    }


@dataclass
class Turnover:
    """How many plans trade what a linear program finds to be the least; those that don't, in words."""

    mode: Mode
    accounts: int = 0
    least: int = 0
    unreachable: int = 0
    others: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The counts as people read them."""
        return (
            f"{self.accounts:,} accounts without rounding in {self.mode}: the least turnover in {self.least:,}"
            f"{f', for example not {self.others[0]}' if self.others else ''}"
        )


def compare_turnover(seed: int, count: int, mode: Mode, all_held: bool = False) -> Turnover:
    """Plans so many accounts, and solves each."""
    found = Turnover(mode)
    for number in range(count):
        members = Members(even(seed, number, all_held))
        plan = planned(members.snapshot("A-1"), members.policy, mode)
        *lines, cash = _rooms(plan)
        cents = 0.01 * len(plan.components)
        least = least_turnover(lines, Room(cash.value, cash.lower - cents, cash.upper + cents))
        if least is None:
            found.unreachable += 1
            continue
        found.accounts += 1
        traded = float(sum(abs(each.planned_value - each.current_value) for each in plan.components[:-1]))
        if abs(traded - least) <= 0.02 * len(plan.components):
            found.least += 1
        else:
            found.others.append(f"even {seed} {number}: {traded:,.2f} is traded, {least:,.2f} would do")
    return found


def _rooms(plan: RebalancePlan) -> Iterator[Room]:
    """What each component is worth and where it is to land; what is not held at all, on its weight (DESTINATION-1)."""
    total = plan.managed_value or Decimal(0)
    for each in plan.components:
        low, high = bounds(each, plan.mode)
        if not each.current_value and each.component != "cash":
            low = high = each.weight
        yield Room(float(each.current_value), float(low * total), float(high * total))
