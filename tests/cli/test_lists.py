"""Listings: by filter and page, as a table, as JSON and as CSV, which say the same."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from storage.actor import Actor
from storage.connection import Books
from storage.work.requests import NewRequest
from tests.cli.conftest import Command
from tests.cli.rebalanced import REQUEST, executed, pending

LISTS = ("account list", "model list", "target list", "request list", "signal list", "history")


def listed(loaded: Command, words: str) -> list[dict[str, Any]]:
    said = loaded(*words.split(), "--format", "json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = said.json
    return found


def arrived(desk: Books) -> None:
    """A request of ann for A-103, and a signal for DIVIDEND."""
    with desk.transaction(Actor("ann")) as books:
        chosen = {"accounts": 1}
        books.requests.create(
            NewRequest(REQUEST, "w#r", "w", "ann", chosen, "best_fit", "required", "raise_cash", Decimal("500.00"), ())
        )
        books.signals.receive("DIVIDEND", 1, 2)


@pytest.mark.parametrize("words", LISTS)
def test_csv_has_the_lines_of_json_under_its_keys(loaded: Command, desk: Books, words: str) -> None:
    executed(desk, pending(desk, "A-103"))
    arrived(desk)
    as_json = listed(loaded, words)
    assert as_json, "a listing of nothing says nothing"
    said = loaded(*words.split(), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert len(rows) == len(as_json)
    told = {True: "true", False: "false", None: ""}
    for row, each in zip(rows, as_json, strict=True):
        assert row == {key: told.get(value, str(value)) if isinstance(value, bool | None) else str(value)
                       for key, value in each.items()}  # fmt: skip
    page = loaded(*words.split())
    assert page.code == 0
    assert "{" not in page.out
    assert "None" not in page.out


def test_requests_and_signals_by_filter(loaded: Command, desk: Books) -> None:
    arrived(desk)
    (found,) = listed(loaded, "request list --requested-by ann --status running")
    assert (found["request_id"], found["status"], found["amount"]) == (REQUEST, "IN_PROGRESS", "500.00")
    assert listed(loaded, "request list --requested-by ben") == []
    assert listed(loaded, "request list --since 2999-01-01") == []
    (signal,) = listed(loaded, "signal list --model DIVIDEND")
    assert (signal["version"], signal["status"], signal["received_by"]) == (2, "NOT_STARTED", "ann")
    assert listed(loaded, "signal list --model GROWTH") == []


def test_accounts_with_value_and_cash(loaded: Command) -> None:
    """A-106: managed 4,318.02 and DIVIDEND 1,152.24 are 5,470.26 of cash."""
    found = {each["account_id"]: each for each in listed(loaded, "account list")}
    assert len(found) >= 13
    assert (found["A-106"]["managed_value"], found["A-106"]["cash"]) == ("117679.11", "5470.26")
    assert (found["A-106"]["target"], found["A-106"]["queued"]) == (None, "NO_TARGET")


def test_accounts_by_filter(loaded: Command) -> None:
    every = listed(loaded, "account list")
    for flag, key, value in (("--rebalancing", "rebalancing", "off"), ("--status", "status", "open")):
        wanted = [each for each in every if each[key] in (value, value == "on")]
        assert listed(loaded, f"account list {flag} {value}") == wanted
        assert wanted, f"the book has none where {key} is {value}"
    target = next(each["target"] for each in every if each["target"])
    assert listed(loaded, f"account list --target {target}") == [each for each in every if each["target"] == target]
    assert loaded("account", "list", "--target", "NOBODYS").out.startswith("No account is like that.\n")


def test_pages_follow_each_other(loaded: Command) -> None:
    every = listed(loaded, "account list")
    said = loaded("account", "list", "--size", "5", "--format", "json")
    assert (said.json, said.err) == (every[:5], "there are more: --page 2, or another --size\n")
    last = loaded("account", "list", "--size", "5", "--page", str(-(-len(every) // 5)), "--format", "json")
    assert (last.json, last.err) == (every[-(len(every) % 5 or 5) :], "")


def test_a_model_whole(loaded: Command) -> None:
    told = loaded("model", "show", "DIVIDEND", "--format", "json").json
    (line,) = (each for each in listed(loaded, "model list") if each["model_id"] == "DIVIDEND")
    assert (len(told["holdings"]), told["accounts"]) == (
        line["holdings"] - (told["cash_weight"] != "0"),
        line["accounts"],
    )
    assert f"DIVIDEND · {told['name']} · version {told['version']}" in loaded("model", "show", "DIVIDEND").out
    said = loaded("model", "show", "X")
    assert (said.code, said.err) == (1, "rebalancer: model X is unknown: rebalancer model list has those there are\n")


def test_what_has_not_ended(loaded: Command, desk: Books) -> None:
    executed(desk, pending(desk, "A-103"))
    waits = pending(desk, "A-110")
    assert [each["rebalance_id"] for each in listed(loaded, "history --open")] == [waits]
    assert len(listed(loaded, "history")) == 2


def test_money_of_a_table_is_as_people_read_it_and_of_csv_as_programs_do(loaded: Command) -> None:
    amount = next(each["cash"] for each in loaded("account", "list", "--format", "json").json if len(each["cash"]) > 8)
    assert f"{Decimal(amount):,.2f}" in loaded("account", "list").out
    assert f",{amount}," in loaded("account", "list", "--format", "csv").out
