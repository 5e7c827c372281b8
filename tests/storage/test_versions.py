"""Whether anything changed since a snapshot was taken is one question (EXEC-3): its answer is another after each change
of what a snapshot holds, and the same after all else.
"""

from datetime import date

import pytest
from sqlalchemy import Engine, text

from activities.execution import changed_since
from domain.values.snapshot_json import kept
from storage.connection import Books
from tests.storage.small_book import TODAY, book, loaded

OF_A_1 = "(SELECT id FROM sleeves WHERE account_id = 'A-1' AND status = 'open')"
CHANGES = {
    "cash": "UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-1' AND kind = 'managed'",
    "a sleeve": "INSERT INTO sleeves (account_id, kind, model_id, cash) VALUES ('A-1', 'model', 'N', 7)",
    "a quantity": f"UPDATE holdings SET quantity = quantity + 1 WHERE symbol = 'X' AND sleeve_id IN {OF_A_1}",
    "a holding": f"DELETE FROM holdings WHERE symbol = 'Z' AND sleeve_id IN {OF_A_1}",
    "a basis": f"UPDATE lots SET cost_per_share = 91 WHERE quantity = 20 AND sleeve_id IN {OF_A_1}",
    "a lot": f"DELETE FROM lots WHERE quantity = 20 AND sleeve_id IN {OF_A_1}",
    "a withdrawal": "INSERT INTO withdrawals (account_id, amount, due) VALUES ('A-1', 5, '2026-12-02')",
    "a withdrawal gone": "DELETE FROM withdrawals WHERE account_id = 'A-1'",
    "a restriction": "INSERT INTO restrictions (account_id, type, symbol) VALUES ('A-1', 'no_buy', 'Z')",
    "a sale": "UPDATE recent_sales SET gain = -13 WHERE account_id = 'A-1'",
    "a break": "INSERT INTO breaks (account_id, kind, symbol, expected, actual) VALUES ('A-1', 'quantity', 'X', 1, 2)",
    "the account": "UPDATE accounts SET lot_relief = 'fifo' WHERE id = 'A-1'",
    "its target": "UPDATE accounts SET target_id = 'ALL-X' WHERE id = 'A-1'",
    "to what it was rebalanced": "UPDATE accounts SET rebalanced_target_version = 7 WHERE id = 'A-1'",
    "a target's policy": "UPDATE targets SET policy = '{}' WHERE id = 'GROWTH'",
    "a weight": "UPDATE target_components SET weight = 0.29 WHERE target_id = 'GROWTH' AND symbol = 'X'",
    "a weight below": "UPDATE target_components SET weight = 0.4 WHERE target_id = 'CORE' AND symbol = 'Y'",
    "a minimum": "UPDATE models SET investment_minimum = 1001 WHERE id = 'M'",
    "a model's weight": "UPDATE model_holdings SET weight = 0.59 WHERE model_id = 'M' AND symbol = 'Y'",
    "a model's symbol": "UPDATE model_holdings SET symbol = 'X' WHERE model_id = 'M' AND symbol = 'Z'",
    "the day": "UPDATE book_days SET as_of = '2026-11-19'",
}
NO_CHANGE = {
    "a price": "UPDATE prices SET price = price + 1 WHERE symbol = 'X'",
    "another account's cash": "UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-2'",
    "another target": "UPDATE target_components SET weight = 0.97 WHERE target_id = 'ALL-X'",
    "a model that it has no part in": "UPDATE models SET investment_minimum = 5 WHERE id = 'N'",
}


@pytest.fixture
def owner_books(owner: Engine) -> Books:
    """The books for who may write past the guard, which wants a record of each change."""
    return Books(owner)


def seen(books: Books, account_id: str = "A-1", trade_date: date = TODAY) -> str | None:
    with books.transaction() as read:
        return read.snapshots.seen(account_id, trade_date)


def without_household(books: Books) -> None:
    loaded(books, {each: value for each, value in book().items() if each != "account_groups"})


def changed(books: Books, statement: str) -> tuple[list[str], bool]:
    """What the comparison of whole snapshots says of a statement, and whether the one question says the same."""
    with books.transaction() as read:
        before, _ = read.snapshots.take("A-1", None, TODAY)
    then = seen(books)
    with books.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        found = connection.execute(text(statement))
        assert found.rowcount >= 1
    with books.transaction() as read:
        now, _ = read.snapshots.take("A-1", None, TODAY)
    assert then is not None
    return changed_since(kept(before), kept(now)), seen(books) != then


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_every_change_shows(owner_books: Books, statement: str) -> None:
    without_household(owner_books)
    by_comparison, asked = changed(owner_books, statement)
    assert by_comparison != []
    assert asked


@pytest.mark.parametrize("statement", NO_CHANGE.values(), ids=NO_CHANGE)
def test_nothing_else_does(owner_books: Books, statement: str) -> None:
    without_household(owner_books)
    assert changed(owner_books, statement) == ([], False)


def test_another_trade_date_shows(books: Books) -> None:
    without_household(books)
    assert seen(books) == seen(books)
    assert seen(books) != seen(books, trade_date=date(2026, 11, 23))


def test_of_a_household_it_cannot_be_told(books: Books) -> None:
    """What the others trade counts, and is compared."""
    loaded(books)
    assert seen(books, "A-1") is None
    assert seen(books, "a-3") is not None
