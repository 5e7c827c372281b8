"""Books near the cases: no law is broken by what is beside what was thought of."""

import json
from random import Random

import pytest

from tests.laws.near import CHANGES, look_near, near
from tests.laws.tally import Tally

NUMBERS = range(6_000, 6_400)
SETTLES_LATER = 2  # LAW-9: an opening that cash can't carry today and can tomorrow, as a case has it


@pytest.fixture(scope="module")
def seen() -> Tally:
    return look_near(1, NUMBERS)


def test_no_law_is_broken(seen: Tally) -> None:
    found = {law: finds[0].says for law, finds in seen.finds.items() if law != "LAW-9"}
    assert found == {}
    assert seen.broken["LAW-9"] <= SETTLES_LATER


def test_enough_was_seen(seen: Tally) -> None:
    assert seen.seen["planned"] > 300
    for what in ("with orders", "kind raise_cash", "budgets", "households", "crossings", "openings", "rejections"):
        assert seen.seen[what] >= 5, what
    assert seen.seen["settled again"] > 150


def test_a_number_makes_the_same_book_again() -> None:
    assert json.dumps(near(1, 7)[1]) == json.dumps(near(1, 7)[1])


def test_every_change_changes_something() -> None:
    changed = set()
    for number in range(300):
        _, book, _ = near(2, number)
        for change in CHANGES:
            before = json.dumps(book)
            change(book, Random(number))
            if json.dumps(book) != before:
                changed.add(change.__name__)
    assert changed == {change.__name__ for change in CHANGES}
