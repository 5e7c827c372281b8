"""The witness of the benchmark and of the laws is itself right: the exact program finds what trying all ways finds."""

import itertools
from random import Random

import pytest

from benchmarks.accounts import Shape, snapshots
from benchmarks.rounding import exact
from benchmarks.wanted import Position, Wanted, planned_quantities, wanted
from domain.plan import plan


def small(random: Random) -> Wanted:
    """Four holdings in two sleeves, all to be bought, with cash for their desired values and no more."""
    positions = tuple(
        Position((f"model:M{at % 2}", f"S{at}"), 0.0, random.uniform(20, 90), random.uniform(100, 300))
        for at in range(4)
    )
    budgets = {
        sleeve: sum(each.desired for each in positions if each.place[0] == sleeve)
        for sleeve in ("model:M0", "model:M1")
    }
    return Wanted(sum(budgets.values()), positions, budgets)


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_program_is_as_good_as_the_best_of_all_ways(seed: int) -> None:
    case = small(Random(seed))
    ways = itertools.product(*(range(int(each.desired / each.price) + 2) for each in case.positions))
    affordable = [
        found
        for way in ways
        for found in [{each.place: float(shares) for each, shares in zip(case.positions, way, strict=True)}]
        if all(
            sum(found[each.place] * each.price for each in case.positions if each.place[0] == sleeve) <= budget
            for sleeve, budget in case.budgets.items()
        )
    ]
    best = min(case.residual(found) for found in affordable)
    found = exact(case)()
    assert found in affordable
    assert case.residual(found) == pytest.approx(best, abs=0.01)


def test_desired_values_are_what_the_plan_rounded() -> None:
    ready, policy = snapshots(Shape(), 5)
    for snapshot in ready:
        made = plan(snapshot, policy)
        case, quantities = wanted(snapshot, policy), planned_quantities(snapshot, made)
        assert len(case.positions) >= Shape().positions
        for each in case.positions:
            assert abs(quantities[each.place] * each.price - each.desired) <= each.price
