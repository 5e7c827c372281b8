"""Accounts as firms have them: no law is broken."""

import json

import pytest

from domain.values.policy import Mode
from domain.values.purpose import FULL
from tests.laws.at_large import broken
from tests.laws.books import Asked
from tests.laws.tally import Tally
from tests.laws.usual import ACCOUNT, look_usual, usual
from tests.laws.world import Members

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


# Seed, number and mode of accounts that searches found, and what was wrong with each.
FOUND = [
    (93, 112, "best_fit", "bought for cash that a gain budget kept from coming, and was refused (LAW-8)"),
    (93, 112, "min_transaction", "told of cash that was never there (LAW-11)"),
    (93, 338, "exact", "a sleeve paid less, as the rest of what crossed was too small to sell (LAW-9)"),
    (93, 268, "min_transaction", "sold for 100.07, as a sleeve was a cent below its band (LAW-9)"),
    (93, 263, "best_fit", "sold for 178.40, as a sleeve was two cents below its band (LAW-9)"),
    (94, 580, "best_fit", "left idle cash that bought for 172.82 the day after (LAW-9)"),
    (94, 115, "min_transaction", "left idle cash that bought for 143.47 the day after (LAW-9)"),
    (94, 665, "best_fit", "paid less than it was to, as too few holdings were left to sell (LAW-9)"),
]


@pytest.mark.parametrize(("seed", "number", "mode", "was"), FOUND)
def test_what_was_found_stays_mended(seed: int, number: int, mode: Mode, was: str) -> None:
    tally = Tally()
    assert list(broken(Members(usual(seed, number)), Asked(ACCOUNT, mode, FULL), tally)) == [], was
    assert tally.seen["settled again"] == 1


def test_enough_was_seen(seen: Tally) -> None:
    assert seen.seen["planned"] > 150
    for what in ("with orders", "budgets", "crossings", "openings", "rejections"):
        assert seen.seen[what] >= 5, what
    assert seen.seen["settled again"] > 100
    assert seen.seen["buys sized again"] > 50


def test_a_number_makes_the_same_book_again() -> None:
    assert json.dumps(usual(1, 7)) == json.dumps(usual(1, 7))
