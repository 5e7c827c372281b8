"""Packed positions: always those of the sleeves, whoever wrote them; what is missing is packed while it is read."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from sqlalchemy import Engine, text

from domain.books.book import BookRefused
from storage.accounts.reading import read_accounts
from storage.accounts.screening import unpacked
from storage.connection import Books
from storage.migrations import filling
from storage.record.verification import verify
from tests.storage.evaluated_books import books as generated_books
from tests.storage.small_book import by_hand, loaded, rows

numbers = itertools.count(1000)
Entry = tuple[str | None, str | None, float]  # model, symbol, quantity; None: of the managed sleeve, cash


def packed(books: Books) -> dict[str, Counter[Entry]]:
    """What the rows of all accounts say, their numbers looked up again."""
    symbols = dict(rows(books, "SELECT number, symbol FROM securities"))
    models = {-number: model for number, model in rows(books, "SELECT number, id FROM models")}
    found = {}
    for account_id, entries in rows(books, "SELECT account_id, entries FROM packed_positions"):
        found[account_id] = Counter[Entry]()
        for component, security, quantity in unpacked(entries).tolist():
            assert component < 0 or component == security  # of the managed sleeve each security is a component
            found[account_id][models.get(component), symbols.get(security), quantity] += 1
    return found


def positions(books: Books) -> dict[str, Counter[Entry]]:
    """The same, read from sleeves and holdings in Python."""
    found: dict[str, Counter[Entry]] = {
        account_id: Counter() for (account_id,) in rows(books, "SELECT id FROM accounts")
    }
    open_ = "s.status = 'open' AND s.kind <> 'protected'"
    for account_id, model, cash in rows(books, f"SELECT account_id, model_id, cash FROM sleeves s WHERE {open_}"):
        if cash:
            found[account_id][model, None, float(cash)] += 1
    held = f"SELECT account_id, model_id, symbol, quantity FROM sleeves s JOIN holdings ON sleeve_id = id WHERE {open_}"
    for account_id, model, symbol, quantity in rows(books, held):
        found[account_id][model, symbol, float(quantity)] += 1
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=generated_books(), second=generated_books())
def test_a_load_packs_what_it_writes(books: Books, first: dict[str, Any], second: dict[str, Any]) -> None:
    """A book, and another over it: sleeves opened, closed, replaced."""
    mine = f"{next(numbers)}-"
    try:
        for each in (first, second):
            loaded(books, json.loads(json.dumps(each, ensure_ascii=False).replace("§", mine)))
    except BookRefused:
        assume(False)
    assert packed(books) == positions(books)
    assert len(packed(books)) >= 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE holdings SET quantity = quantity + 1 FROM sleeves WHERE sleeves.id = sleeve_id AND account_id = 'A-1'",
        "DELETE FROM holdings USING sleeves WHERE sleeves.id = sleeve_id AND account_id = 'A-1' AND symbol = 'Z'",
        "INSERT INTO holdings (sleeve_id, symbol, quantity) SELECT id, 'Z', 1 FROM sleeves"
        " WHERE account_id = 'A-1' AND kind = 'managed'",
        "UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-1' AND kind = 'managed'",
        "UPDATE sleeves SET status = 'closed', closed_at = now() WHERE account_id = 'A-1' AND kind = 'model'",
        "INSERT INTO sleeves (account_id, kind, model_id, cash) VALUES ('A-1', 'model', 'N', 7)",
    ],
)
def test_whoever_writes_positions_takes_the_packed_row_away(books: Books, owner: Engine, statement: str) -> None:
    loaded(books)
    before = positions(books)["A-1"]
    with books.engine.begin() as connection:
        connection.execute(text(statement))
        by_hand(connection, "A-1")
    assert packed(books).keys() == {"A-2", "a-3"}
    assert filling.fill(owner) == 1
    assert filling.fill(owner) == 0
    assert packed(books) == positions(books)
    assert positions(books)["A-1"] != before


def test_what_a_rebalance_stores_is_packed(books: Books) -> None:
    """More cash, the model's sleeve closed, another holding: all in one storing."""
    loaded(books)
    with books.transaction() as work:
        before = read_accounts(work.connection, ["A-1"])["A-1"].account
        managed = replace(before.managed, cash=before.managed.cash + 5, holdings=before.managed.holdings[:1])
        work.accounts.store_positions("A-1", before, replace(before, managed=managed, model_sleeves=()))
    assert packed(books) == positions(books)
    assert {model for model, _, _ in packed(books)["A-1"]} == {None}


def test_a_row_written_past_the_triggers_is_found(books: Books, owner: Engine) -> None:
    loaded(books)
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-2'"))
        by_hand(connection, "A-2")
    with owner.connect() as connection:
        assert [(each.chain, each.kind) for each in verify(connection).faults] == [("account/A-2", "packed")]
        assert verify(connection, "A-1").faults == []
