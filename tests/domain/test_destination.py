"""Component values before any share is rounded: the least turnover, to the cent, and cash that closes the plan."""

from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.components import NOTHING, Component
from domain.destination import DESTINATION_2, Destined, destination_band, destine, openings_to_reject
from domain.policy import Mode
from domain.sleeves import SleeveState
from domain.snapshot import Model
from domain.targets import Band
from tests.domain.linear_program import Room, least_turnover
from tests.domain.strategies import MODES

CENT = Decimal("0.01")
Kind = Literal["security", "open", "opening", "closing", "unassigned", "rejected"]


def component(key: str, weight: str, value: str, sleeve: SleeveState | None = None, wide: str = "0.2") -> Component:
    """A component with a threshold of ±20 % of its weight and a precision of ±4 %."""
    share, half = Decimal(weight), Decimal(wide)
    threshold = Band(share * (1 - half), min(Decimal(1), share * (1 + half)))
    precision = Band(share * (1 - half / 5), min(Decimal(1), share * (1 + half / 5)))
    return Component(key, share, threshold, precision, Decimal(value), None, sleeve)


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[Component], set[str]]:
    """Components with cash last, whose values are anything, and the keys of those that may not open."""
    kinds: list[Kind] = draw(
        st.lists(st.sampled_from(("security", "open", "opening", "closing", "unassigned", "rejected")), max_size=7)
    )
    left, found, rejected = 100, [], set()
    for at, kind in enumerate(kinds):
        cents = draw(st.integers(0, 9_999_999))
        if kind in ("closing", "unassigned"):
            key = f"model:{at}" if kind == "closing" else f"unassigned:{at}"
            state: SleeveState | None = "closing" if kind == "closing" else None
            found.append(Component(key, Decimal(0), NOTHING, NOTHING, cents * CENT, None, state))
            continue
        percent = draw(st.integers(1 if kind in ("opening", "rejected") else 0, 40))
        if percent > left:
            continue
        left -= percent
        if kind in ("opening", "rejected"):
            cents = 0
        key = f"security:{at}" if kind == "security" else f"model:{at}"
        sleeve: SleeveState | None = {"open": "open", "opening": "opening", "rejected": "opening"}.get(kind)  # type: ignore[assignment]
        wide = draw(st.sampled_from(("0", "0.05", "0.2", "0.9", "1")))
        found.append(component(key, str(Decimal(percent) / 100), str(cents * CENT), sleeve, wide))
        if kind == "rejected":
            rejected.add(key)
    cash = Decimal(draw(st.integers(-10_000, 9_999_999))) * CENT
    wide = draw(st.sampled_from(("0", "0.05", "0.2")))
    found.append(component("cash", str(Decimal(left) / 100), str(cash), None, wide))
    return found, rejected


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(accounts(), MODES)
def test_turnover_is_the_least_to_the_cent(account: tuple[list[Component], set[str]], mode: Mode) -> None:
    components, rejected = account
    total = sum((each.value for each in components), Decimal(0))
    if total <= 0:
        return
    destined = destine(components, rejected, total, mode)
    rooms = [room(each, total, mode, each.key in rejected) for each in components]
    stays = float(sum((each.weight for each in components if each.key in rejected), Decimal(0)) * total)
    *others, cash = rooms
    cents = 0.01 * len(components)
    least = least_turnover(others, Room(cash.value, cash.lower - 1e-9 * float(total), cash.upper + stays))
    assert least is not None
    turnover = float(sum((abs(each.change) for each in destined.destinations), Decimal(0)))
    assert turnover == pytest.approx(least, abs=cents)
    for destination, between in zip(destined.destinations, others, strict=True):
        assert between.lower - 0.01 <= float(destination.value) <= between.upper + 0.01
    assert cash.lower - 1e-6 <= float(destined.cash) <= cash.upper + stays + cents
    assert destined.cash == components[-1].value - sum((each.change for each in destined.destinations), Decimal(0))


def room(each: Component, total: Decimal, mode: Mode, rejected: bool) -> Room:
    """Between which amounts a component must land."""
    if rejected or each.goes_to_zero:
        return Room(float(each.value), 0, 0)
    band = destination_band(each, mode)
    if each.sleeve == "opening":
        band = Band(each.weight, each.weight)
    return Room(float(each.value), float(band.lower * total), float(band.upper * total))


def exactly(not_raised: str) -> Destined:
    """50,000.00 X at 51,500.00, an opening M of 20,000.00, Y at 19,000.00 of 25,000.00; cash 29,500.00 → 5,000.00."""
    components = [
        component("security:X", "0.50", "51500"),
        component("model:M", "0.20", "0", "opening"),
        component("security:Y", "0.25", "19000"),
        component("cash", "0.05", "29500"),
    ]
    return destine(components, (), Decimal(100_000), "exact", Decimal(not_raised))


@pytest.mark.parametrize(
    ("not_raised", "opens", "buys", "cut"),
    [
        ("0", "20000", "6000", "0"),
        ("1500", "20000", "4500", "1500"),  # what opens a sleeve is cut last
        ("6000", "20000", "0", "6000"),
        ("8000", "18000", "0", "8000"),
        ("30000", "0", "0", "26000"),  # there is nothing more to cut
    ],
)
def test_buys_are_cut_by_what_was_not_raised_openings_last(not_raised: str, opens: str, buys: str, cut: str) -> None:
    destined = exactly(not_raised)
    changes = {each.component.key: each.change for each in destined.destinations}
    assert changes == {"security:X": -1500, "model:M": Decimal(opens), "security:Y": Decimal(buys)}
    assert destined.cut == Decimal(cut)
    cut_ones = {each.component.key for each in destined.destinations if each.rule is DESTINATION_2}
    assert cut_ones == {key for key, full in (("model:M", 20000), ("security:Y", 6000)) if changes[key] != full}


@pytest.mark.parametrize(
    ("minimum", "not_raised", "rejected"),
    [
        ("20000", "6000", None),
        ("20000", "6000.01", "19999.99"),
        ("18000", "8000", None),
        ("18000.01", "8000", "18000"),
        ("0", "25999.99", None),
        ("0", "26000", "0"),  # nothing is left to open with
    ],
)
def test_an_opening_that_is_cut_below_its_minimum_is_rejected(
    minimum: str, not_raised: str, rejected: str | None
) -> None:
    model = Model("M", "M", "", Decimal(minimum), 1, ())
    found = openings_to_reject(exactly(not_raised), {"M": model})
    assert (found and found[1]) == (rejected and Decimal(rejected))


def test_of_two_openings_the_one_furthest_short_of_its_minimum_is_rejected_first() -> None:
    components = [
        component("model:A", "0.30", "0", "opening"),
        component("model:B", "0.30", "0", "opening"),
        component("cash", "0.40", "100000"),
    ]
    destined = destine(components, (), Decimal(100_000), "exact", Decimal(20_000))  # 20,000.00 each
    models = {ref: Model(ref, ref, "", Decimal(minimum), 1, ()) for ref, minimum in (("A", "21000"), ("B", "25000"))}
    found = openings_to_reject(destined, models)
    assert found is not None
    assert found[0].key == "model:B"


def test_amounts_are_whole_cents_on_the_inner_side_of_the_band() -> None:
    """A third of 100.00 is 33.333…: bought up to 33.34, sold down by 33.34, and never more cash than there is."""
    third = Decimal(1) / 3
    bands = Band(third, third)
    components = [
        Component("security:X", third, bands, bands, Decimal(0), "below", None),
        Component("security:Y", third, bands, bands, Decimal("66.67"), "above", None),
        component("cash", "0.33", "33.33", None, "1"),
    ]
    destined = destine(components, (), Decimal(100), "exact")
    assert [each.change for each in destined.destinations] == [Decimal("33.34"), Decimal("-33.34")]
    assert destined.cash == Decimal("33.33")
