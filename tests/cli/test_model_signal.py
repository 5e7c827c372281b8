"""`rebalancer model signal`: a model's new version, whole or not at all. What trades: tests/workflows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.actor import Actor
from storage.connection import Books
from storage.intake.receiving_signals import receive_signal
from tests.cli.conftest import Command, Said
from tests.storage.small_book import book, effects, loaded, rows

Signal = Callable[..., Said]
M3: dict[str, Any] = {
    "id": "M",
    "version": 3,
    "holdings": [{"symbol": "Y", "weight": "0.5"}, {"symbol": "X", "weight": "0.4"}, {"cash": True, "weight": "0.1"}],
}


@pytest.fixture
def signal(inside: Command, books: Books, database_url: str, tmp_path: Path) -> Signal:
    """`signal({"id": …})` or `signal("symbol,weight\\n…", "--id", "M", "--version", "3")`, without Temporal."""
    loaded(books)

    def run(given: Any, *words: str) -> Said:
        path = tmp_path / ("signal.csv" if isinstance(given, str) else "signal.json")
        path.write_text(given if isinstance(given, str) else json.dumps(given))
        return inside("model", "signal", str(path), *words, REBALANCER_DATABASE_URL=database_url)

    return run


def test_a_version_is_stored_beside_the_ones_before(signal: Signal, books: Books) -> None:
    received = receive_signal(books, M3, Actor("ann"))
    assert (received.version, received.before, received.sleeves, received.again) == (3, 2, 1, False)
    kept = rows(
        books, "SELECT symbol, weight FROM model_holdings WHERE model_id = 'M' AND version = 3 ORDER BY position"
    )
    assert [(symbol, str(weight.normalize())) for symbol, weight in kept] == [("Y", "0.5"), ("X", "0.4"), (None, "0.1")]
    assert rows(books, "SELECT version, name, investment_minimum FROM models WHERE id = 'M'") == [(3, "Em", 1000)]
    assert rows(books, "SELECT count(*) FROM queue_entries WHERE account_id = 'A-1'") == [(0,)]  # nobody is queued
    assert rows(books, "SELECT who, rule FROM audit_records WHERE action = 'model signal received'") == [
        ("ann", "SIGNAL-1")
    ]


HOLDINGS = M3["holdings"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (M3 | {"id": "NO"}, ['id: unknown model "NO": load a book that has it first']),
        (M3 | {"version": 2}, ["version: 2 is there already: a signal brings a version that is not"]),
        (M3 | {"version": 1}, ["version: 1 is below 2, which the database has: it only rises"]),
        (M3 | {"holdings": HOLDINGS[:2]}, ["holdings: the weights sum to 90 %, not 100 %"]),
        (M3 | {"holdings": [*HOLDINGS, HOLDINGS[0]]}, ['holdings[3]: "Y" is there twice', "sum to 150 %"]),
        (M3 | {"holdings": [{"symbol": "NO", "weight": "0.5"}, {"weight": "0.4"}]},
         ['holdings[0].symbol: unknown symbol "NO"', 'holdings[1]: give "symbol" or "cash"', "sum to 90 %"]),
        (M3 | {"holdings": [{"symbol": "X", "weight": "-1"}, {"symbol": "Y", "weight": 2}, 7]},
         ["holdings[0].weight: ", "holdings[1].weight: ", "holdings[2]: an object is needed"]),
        ({"id": "M", "holdings": HOLDINGS}, ["version: is missing"]),
        (M3 | {"version": "3"}, ["version: "]),
        (M3 | {"name": "New", "investment_minimum": "0"}, ["name: is not a key of a signal: there is id, version,",
                                                          "investment_minimum: is not a key of a signal"]),
        ({}, ["id: is missing", "version: is missing", "holdings: is missing"]),
        ([M3], ["is not one signal, an object with id, version and holdings"]),
    ],
)  # fmt: skip
def test_a_refused_signal_changes_nothing(signal: Signal, books: Books, given: Any, told: list[str]) -> None:
    before = effects(books)
    said = signal(given)
    assert (said.code, said.out) == (1, "")
    assert "signal.json refused" in said.err
    assert "models[0]" not in said.err
    for each in told:
        assert each in said.err
    assert effects(books) == before


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("symbol,weight\nY,0.5\nNO,0.4\nCASH,0.1\n", ['line 3: symbol: unknown symbol "NO"']),
        ("symbol,weight\nY,0.5\n\nY,0.4\n,0.1\n", ['line 4: "Y" is there twice']),
        ("symbol,weight\nY,0.5\nX,half\n", ["line 3: weight: "]),
        ("symbol,weight\nY,0.5\nX,0.4\n", ["the weights sum to 90 %, not 100 %"]),
        ("symbol\nY\n", ["the column weight is missing"]),
        ("symbol,weight\nY\n", ["line 2: 2 fields are needed, not 1"]),
    ],
)
def test_a_refused_table_names_its_lines(signal: Signal, books: Books, table: str, told: list[str]) -> None:
    before = effects(books)
    said = signal(table, "--id", "M", "--version", "3")
    assert (said.code, said.out) == (1, "")
    for each in told:
        assert each in said.err
    assert effects(books) == before


def test_nothing_is_stored_where_it_could_not_be_traded(signal: Signal, books: Books) -> None:
    before = effects(books)
    for said in (signal(M3), signal("symbol,weight\nY,0.5\nX,0.4\nCASH,0.1\n", "--id", "M", "--version", "3")):
        assert said.code == 1
        assert "Temporal does not answer" in said.err
    assert effects(books) == before


def test_a_security_called_cash_is_that_security(signal: Signal, books: Books) -> None:
    raw = book()
    raw["securities"].append({"symbol": "CASH", "price": "70.00"})
    loaded(books, raw)
    said = signal("symbol,weight\nCASH,0.5\n,0.5\nX,0.1\n", "--id", "M", "--version", "3")
    assert "the weights sum to 110 %" in said.err
    assert "twice" not in said.err


def test_a_table_needs_its_model_and_version_and_no_other_file_takes_them(signal: Signal) -> None:
    for said in (signal("symbol,weight\n"), signal("symbol,weight\n", "--id", "M"), signal(M3, "--version", "4")):
        assert said.code == 2
        assert "a CSV file needs --id and --version" in said.err


def test_a_signal_that_was_stored_and_never_begun_may_come_again(signal: Signal, books: Books) -> None:
    receive_signal(books, M3, Actor("ann"))
    before = effects(books)
    assert receive_signal(books, M3, Actor("ann")).again
    assert effects(books) == before
    with books.transaction() as transaction:
        transaction.signals.begin("M", 3)
    said = signal(M3)
    assert "version: 3 is there already" in said.err
