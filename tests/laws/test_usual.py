"""Accounts as firms have them: no law is broken."""

import json

import pytest

from tests.laws.tally import Tally
from tests.laws.usual import look_usual, usual

NUMBERS = range(60)
SETTLES_LATER = (
    2  # LAW-9: what is too small today by itself, and tomorrow beside another's, or all of a holding (ORDER-3)
)


@pytest.fixture(scope="module")
def seen() -> Tally:
    return look_usual(1, NUMBERS)


def test_no_law_is_broken(seen: Tally) -> None:
    found = {law: finds[0].says for law, finds in seen.finds.items() if law != "LAW-9"}
    assert found == {}
    assert seen.broken["LAW-9"] <= SETTLES_LATER


def test_enough_was_seen(seen: Tally) -> None:
    assert seen.seen["planned"] > 150
    for what in ("with orders", "budgets", "crossings", "openings", "rejections"):
        assert seen.seen[what] >= 5, what
    assert seen.seen["settled again"] > 100
    assert seen.seen["buys sized again"] > 50


def test_a_number_makes_the_same_book_again() -> None:
    assert json.dumps(usual(1, 7)) == json.dumps(usual(1, 7))
