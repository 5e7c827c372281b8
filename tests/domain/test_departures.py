"""Departures from the allocation rule: with a reason and a second person, conserved, and lasting (ALLOC-9)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from domain.executing import allocation
from domain.executing.allocation import DayFilled, Segment, capacity, cumulative, days
from domain.executing.blocks import left
from domain.executing.departures import Departure, DepartureRefused, departed

BLOCK = "B-000001"
FIRST = (allocation.segment(BLOCK, 1, 0, {"101": 500, "102": 300, "103": 120, "104": 75, "105": 5}),)
MOVED = {"101": -3, "105": 3}  # at 397 filled 101 has 198 and 105 has 2 of its 5


def asked(moves: Mapping[str, int], why: str = "105 closes today", by: str = "ann", approved: str = "ben") -> Departure:
    return Departure(moves, why, by, approved)


def day_one(departure: Departure) -> tuple[Segment, ...]:
    return departed(BLOCK, FIRST, 0, 397, departure)


def test_a_day_departs_and_what_follows_is_by_what_each_lacks() -> None:
    """105 has its order at once; 101 lacks 305 and gets them from the next segment. Shares and cents stay whole."""
    segments = day_one(asked(MOVED))
    assert cumulative(segments, 396) == cumulative(FIRST, 396)
    assert cumulative(segments, 397) == {"101": 195, "102": 120, "103": 48, "104": 29, "105": 5}
    assert cumulative(segments, 1000) == dict(FIRST[0].targets)
    filled = [DayFilled(date(2026, 11, 20), 397, Decimal("113984.58")), DayFilled(date(2026, 11, 23), 603, Decimal(9))]
    (_, one), (_, two) = days(segments, filled)
    assert [one[account].units for account in sorted(one)] == [195, 120, 48, 29, 5]
    assert sum(part.amount for part in one.values()) == Decimal("113984.58")
    assert "105" not in two


def test_a_bust_below_it_takes_it_back_and_filled_again_it_is_there_again() -> None:
    """ALLOC-7: a function of what is filled, as all of it is."""
    segments = day_one(asked(MOVED))
    assert cumulative(segments, 390) == cumulative(FIRST, 390)
    assert cumulative(segments, 397)["105"] == 5


def test_who_leaves_at_the_same_fill_does_not_undo_it() -> None:
    """BLOCK-5"""
    segments = left(BLOCK, day_one(asked(MOVED)), "104", 397, 75 - 29)
    assert cumulative(segments, 397)["105"] == 5
    assert cumulative(segments, capacity(segments)) == {"101": 500, "102": 300, "103": 120, "104": 29, "105": 5}


@pytest.mark.parametrize(
    ("departure", "told"),
    [
        (asked(MOVED, why=" "), "needs a reason"),
        (asked(MOVED, by="Ann", approved="ann "), "somebody else has to approve"),
        (asked({"101": -3, "105": 2}), "-1 units would come from nowhere"),
        (asked({}), "a departure moves some"),
        (asked({"105": -3, "101": 3}), "105 has 2 of the day and can't give 3"),
        (asked({"101": -4, "105": 4}), "105 lacks 3 and can't receive 4"),
        (asked({"101": -1, "999": 1}), "999 lacks 0 and can't receive 1"),
    ],
)
def test_what_may_not_depart_is_refused(departure: Departure, told: str) -> None:
    with pytest.raises(DepartureRefused, match=told):
        day_one(departure)


def test_only_what_the_day_brought_can_be_given() -> None:
    """What earlier days brought is booked."""
    with pytest.raises(DepartureRefused, match="103 has 1 of the day"):
        departed(BLOCK, FIRST, 390, 397, asked({"103": -2, "101": 2}))
