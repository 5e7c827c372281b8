"""Screening: nobody whom the rules would flag is taken for inside, and nearly everybody who is inside is found."""

import itertools
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from domain.books.book import BookRefused
from domain.evaluation import evaluate
from storage.accounts.screening import Screened, Screening
from storage.connection import Books
from tests.storage.evaluated_books import books as generated_books
from tests.storage.small_book import by_hand, loaded, rows

TODAY = date(2026, 11, 20)
OLD_VERSION = text("UPDATE accounts SET rebalanced_target_version = 7 WHERE id = :id AND first_rebalanced IS NOT NULL")
numbers = itertools.count(1000)


def screened(books: Books, after: str, upto: str | None, size: int = 1000, most: int = 1000) -> Screened:
    with books.reading() as read:
        return Screening(read.connection, read.snapshots, TODAY, TODAY, False).page(after, upto, size, most)


def verdicts(books: Books, beginning: str) -> dict[str, str]:
    """What the rules say of every account with rebalancing on, one by one."""
    query = "SELECT id FROM accounts WHERE rebalancing AND starts_with(id, :beginning) ORDER BY id"
    ids = [row[0] for row in rows(books, query, beginning=beginning)]
    with books.reading() as read:
        return {each: evaluate(*read.snapshots.take(each, None, TODAY)).kind for each in ids}


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    book=generated_books(),
    changed=st.sets(st.integers(0, 19), max_size=2),
    size=st.integers(1, 30),
    most=st.integers(1, 9),
)
def test_who_is_not_doubtful_is_inside(
    books: Books, book: dict[str, Any], changed: set[int], size: int, most: int
) -> None:
    """Whatever the book: what the screening answers, and what the rules answer where it does not, is the rules' answer.

    Every example has names of its own, as the database keeps those of the others.
    """
    mine = f"{next(numbers)}-"
    try:
        loaded(books, json.loads(json.dumps(book, ensure_ascii=False).replace("§", mine)))
    except BookRefused:  # a component reached twice with bands that do not nest
        assume(False)
    with books.engine.begin() as connection:
        for at in changed:
            connection.execute(OLD_VERSION, {"id": f"{mine}A-{at:02}"})
            by_hand(connection, f"{mine}A-{at:02}")
    said = verdicts(books, mine)
    last, accounts, doubtful = mine, 0, list[str]()
    while True:
        page = screened(books, last, f"{mine}~", size, most)
        if page.last is None:
            break
        assert page.accounts <= size
        assert len(page.doubtful) <= most
        last, accounts, doubtful = page.last, accounts + page.accounts, [*doubtful, *page.doubtful]
    assert accounts == len(said)
    assert set(doubtful) <= said.keys()
    assert {account_id for account_id in said.keys() - set(doubtful) if said[account_id] != "inside"} == set()


def small(**accounts: dict[str, Any]) -> dict[str, Any]:
    """GROWTH: 60 % of model M, half X and half Y; 38 % Z; 2 % cash. All prices are 1; a 100 that is on its weights."""
    on_weights = {
        "target": "GROWTH",
        "first_rebalanced": "2025-01-02",
        "cash": "2",
        "holdings": [{"symbol": "Z", "quantity": "38"}],
        "sleeves": [{"model": "M", "holdings": [{"symbol": "X", "quantity": "30"}, {"symbol": "Y", "quantity": "30"}]}],
    }
    half = {"weight": "0.5"}
    return {
        "as_of": "2026-11-20",
        "securities": [{"symbol": each, "price": "1"} for each in ("X", "Y", "Z", "OTHER")],
        "models": [{"id": "M", "holdings": [{"symbol": "X"} | half, {"symbol": "Y"} | half]}],
        "targets": [
            {"id": "GROWTH", "components": [{"model": "M", "weight": "0.60"}, {"security": "Z", "weight": "0.38"}]}
        ],
        "accounts": [on_weights | given | {"id": name} for name, given in accounts.items()],
    }


def test_it_is_seldom_in_doubt(books: Books) -> None:
    """What is inside by a distance is found: on its weights, off them, under an override, without a target."""
    book = small(
        on_weights={},
        far_off={"cash": "2.9"},
        protected={"protected": [{"symbol": "OTHER", "quantity": "9"}]},
        narrower={"policy": {"threshold_relative": "0.01"}},
        cash_only={"target": None, "holdings": [], "sleeves": []},
        off={"rebalancing": False, "cash": "90"},
    )
    loaded(books, book)
    assert screened(books, "", None) == Screened(5, "protected", [])


@pytest.mark.parametrize(
    "given",
    [
        {"cash": "4"},  # 3.92 % of 102, above 3 %
        {"status": "frozen"},
        {"first_rebalanced": None},
        {"holdings": []},
        {"holdings": [{"symbol": "Z", "quantity": "38"}, {"symbol": "OTHER", "quantity": "0.000001"}]},
        {"withdrawals": [{"amount": "0.01", "due": "2026-12-01"}]},
        {"restrictions": [{"type": "no_buy", "symbol": "OTHER"}]},
        {"sleeves": []},
        {"cash": "-1"},
        {"policy": {"threshold_relative": "0", "cash_threshold_floor": "0"}},
        {"target": None},
    ],
    ids=str,
)
def test_what_is_not_sure_is_in_doubt(books: Books, given: dict[str, Any]) -> None:
    loaded(books, small(only=given))
    assert screened(books, "", None) == Screened(1, "only", ["only"])


def test_a_value_exactly_on_a_bound_is_left_to_the_rules(books: Books) -> None:
    """Cash is 3 of 100, and its band ends at 3 %: inside, as the rules say; here that is not for certain."""
    on_bound = {"cash": "3", "holdings": [{"symbol": "Z", "quantity": "37"}]}
    loaded(books, small(only=on_bound))
    assert screened(books, "", None).doubtful == ["only"]
    assert verdicts(books, "only") == {"only": "inside"}


def test_a_price_that_is_missing_or_old_is_left_to_the_rules(books: Books) -> None:
    book = small(only={})
    book["securities"][0]["price_as_of"] = "2026-11-13"
    loaded(books, book)
    assert screened(books, "", None).doubtful == ["only"]
    assert verdicts(books, "only") == {"only": "unable_to_check"}
