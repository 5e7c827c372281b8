"""Lines on their way to a destination: openings that cash can't carry, and steps too large to make.

That turnover is the least there is, is `tests/laws/turnover`'s business.
"""

from decimal import Decimal

import pytest

from domain.planning.destination import Destined, destine, openings_to_reject, too_coarse
from domain.planning.lines import DESTINATION_1, DESTINATION_2, UNBOUNDED, Line, Reach, line
from domain.planning.moves import force
from domain.targets.components import Component
from domain.targets.sleeves import SleeveState
from domain.targets.targets import Band
from domain.values.money import ZERO
from domain.values.snapshot import Model

TOTAL = Decimal(100_000)
NONE: frozenset[str] = frozenset()


def component(key: str, weight: str, value: str, sleeve: SleeveState | None = None) -> Component:
    """A component with a threshold of ±20 % of its weight and a precision of ±4 %."""
    share = Decimal(weight)
    threshold, precision = (Band(share * (1 - half), share * (1 + half)) for half in (Decimal("0.2"), Decimal("0.04")))
    return Component(key, share, threshold, precision, Decimal(value), None, sleeve)


def on_its_way(key: str, weight: str, value: str, step: str | None, sleeve: SleeveState | None = None) -> Line:
    """A line of an account of 100,000.00 in `exact`."""
    reach = Reach(None if step is None else Decimal(step))
    return line(component(key, weight, value, sleeve), TOTAL, "exact", NONE, reach, Decimal(value))


def exactly(lacking: str) -> Destined:
    """50,000.00 X at 51,500.00 that can't be sold below `lacking` more, an opening M of 20,000.00, Y at 19,000.00 of
    25,000.00; cash 29,500.00 → 5,000.00, so many less.
    """
    lines = [
        on_its_way("security:X", "0.50", "51500", "0.01"),
        on_its_way("model:M", "0.20", "0", None, "opening"),
        on_its_way("security:Y", "0.25", "19000", "0.01"),
    ]
    lines[0].reach = Reach(Decimal("0.01"), least=Decimal(50_000))
    cash = Decimal(29_500) - Decimal(lacking)
    return destine(lines, cash, Band(Decimal(5_000), Decimal(5_000)), lambda: NONE)


@pytest.mark.parametrize(("off", "moves"), [("0.10", False), ("0.11", True)])
def test_the_cents_of_a_plan_before_move_no_sleeve(off: str, moves: bool) -> None:
    """Half a cent of each of 20 holdings' orders, and of the sleeve's funding, is 0.105."""
    sleeve = on_its_way("model:M", "0.20", str(20_000 - Decimal(off)), None, "open")
    sleeve.reach = Reach(cents=Decimal("0.105"))
    destined = destine([sleeve], Decimal(80_000), Band(ZERO, UNBOUNDED), lambda: NONE)
    assert bool(destined.destinations[0].change) is moves


@pytest.mark.parametrize(
    ("lacking", "opens", "buys", "cut"),
    [
        ("0", "20000", "6000", "0"),
        ("1500", "20000", "4500", "1500"),  # what opens a sleeve is cut last
        ("6000", "20000", "0", "6000"),
    ],
)
def test_buys_are_cut_by_what_is_lacking_openings_last(lacking: str, opens: str, buys: str, cut: str) -> None:
    destined = exactly(lacking)
    changes = {each.component.key: each.change for each in destined.destinations}
    assert changes == {"security:X": -1500, "model:M": Decimal(opens), "security:Y": Decimal(buys)}
    assert destined.cut == Decimal(cut)
    assert destined.cash == 5000
    rules = {each.component.key: each.rule for each in destined.destinations}
    assert rules["model:M"] is DESTINATION_1
    assert rules["security:Y"] is (DESTINATION_2 if cut != "0" else DESTINATION_1)


def opening(key: str, wanted: str, planned: str) -> Line:
    """An opening that cash has cut to `planned`."""
    found = on_its_way(key, str(Decimal(wanted) / TOTAL), "0", None, "opening")
    found.planned = Decimal(planned)
    return found


@pytest.mark.parametrize(
    ("minimum", "planned", "rejected"),
    [
        ("20000", "20000", None),
        ("20000", "19999.99", "19999.99"),
        ("18000", "18000", None),  # less than its weight, and enough
        ("18000.01", "18000", "18000"),
        ("0", "0.01", None),
        ("0", "0", "0"),  # nothing is left to open with
    ],
)
def test_an_opening_that_is_cut_below_its_minimum_is_rejected(minimum: str, planned: str, rejected: str | None) -> None:
    destined = Destined((), Decimal(0), Band(Decimal(0), Decimal(0)), {}, (opening("model:M", "20000", planned),))
    found = openings_to_reject(destined, {"M": Model("M", "M", "", Decimal(minimum), 1, ())})
    assert (found and found[1]) == (rejected and Decimal(rejected))


def test_of_two_openings_the_one_furthest_short_of_its_minimum_is_rejected_first() -> None:
    lines = (opening("model:A", "30000", "20000"), opening("model:B", "30000", "20000"))
    destined = Destined((), Decimal(0), Band(Decimal(0), Decimal(0)), {}, lines)
    models = {ref: Model(ref, ref, "", Decimal(minimum), 1, ()) for ref, minimum in (("A", "21000"), ("B", "25000"))}
    found = openings_to_reject(destined, models)
    assert found is not None
    assert found[0].key == "model:B"


@pytest.mark.parametrize(
    ("value", "step", "ends"),
    [
        ("15000", "100", "10000"),
        ("15030", "100", "10030"),  # 30.00 above, or 70.00 below
        ("15050", "100", "10050"),  # as far: not made
        ("15070", "100", "9970"),  # 70.00 above, or 30.00 below
        ("9930", "100", "10030"),
        ("9950", "100", "9950"),  # as far: not made
        ("15000", "10000", "15000"),  # 5,000.00 above, or as much below
        ("15100", "10000", "15100"),  # 100.00 nearer, but outside its threshold of 8,000.00 on the other side
        ("0", "7000", "7000"),  # nothing is held: to its weight, 3,000.00 below, or 4,000.00 above and outside
    ],
)
def test_steps_go_to_the_nearer_side_of_a_band(value: str, step: str, ends: str) -> None:
    """10 % of 100,000.00 in `exact`, with a threshold of 8,000.00 to 12,000.00 (DESTINATION-5)."""
    found = on_its_way("security:X", "0.10", value, step)
    force(found)
    assert found.planned == Decimal(ends)


def test_what_stays_as_its_step_is_too_large_is_known_by_its_side() -> None:
    found = on_its_way("security:X", "0.10", "15000", "10000")
    force(found)
    assert too_coarse(found, below=False)
    assert not too_coarse(found, below=True)
