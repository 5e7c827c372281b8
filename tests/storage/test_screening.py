"""Screening: nobody whom the rules would flag is taken for inside, and nearly everybody who is inside is found."""

import os
from datetime import date
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from domain.book import BookRefused
from domain.evaluation import evaluate
from storage.connection import Books
from storage.screening import Screened, Screening
from tests.storage.evaluated_books import books as generated_books
from tests.storage.small_book import loaded, rows

TODAY = date(2026, 11, 20)
TABLES = text(
    "TRUNCATE securities, prices, models, model_holdings, targets, target_components, accounts, book_days,"
    " queue_entries, audit_records, paper.accounts CASCADE"
)


def screened(books: Books, after: str = "", upto: str | None = None, size: int = 1000, most: int = 1000) -> Screened:
    with books.reading() as read:
        return Screening(read.connection, read.snapshots, TODAY, TODAY, False).page(after, upto, size, most)


def verdicts(books: Books) -> dict[str, str]:
    """What the rules say of every account with rebalancing on, one by one."""
    ids = [row[0] for row in rows(books, "SELECT id FROM accounts WHERE rebalancing")]
    with books.reading() as read:
        return {
            account_id: evaluate(*read.snapshots.take(account_id, None, TODAY)).kind for account_id in sorted(ids)
        }


@settings(max_examples=int(os.environ.get('N','60')), deadline=None, suppress_health_check=list(HealthCheck))
@given(book=generated_books(), changed=st.sets(st.integers(0, 19), max_size=2), size=st.integers(1, 30))
def test_who_is_not_doubtful_is_inside(books: Books, book: dict[str, Any], changed: set[int], size: int) -> None:
    with books.engine.begin() as connection:
        connection.execute(TABLES)
    try:
        loaded(books, book)
    except BookRefused:  # a component reached twice with bands that do not nest
        assume(False)
    with books.engine.begin() as connection:
        for at in changed:
            connection.execute(
                text("UPDATE accounts SET rebalanced_target_version = 7 WHERE id = :id AND first_rebalanced > '2000-1-1'"),
                {"id": f"A-{at:02}"},
            )
    said = verdicts(books)
    page, seen = Screened(0, "", ()), list[str]()
    while page.last is not None:
        page = screened(books, page.last, size=size)
        seen += page.doubtful
    for account_id in said.keys() - set(seen):
        assert said[account_id] == "inside", account_id
    assert set(seen) <= said.keys()
