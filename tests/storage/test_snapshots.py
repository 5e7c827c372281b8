"""Snapshots: what one account needs and no more, the same bytes every time, and the same plan after being kept."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from domain.plan import plan
from domain.telling import plan_json
from domain.values.money import plain
from domain.values.policy import MODES, Mode, Policy
from domain.values.snapshot import RebalancedTo, Snapshot
from domain.values.snapshot_json import kept, restored
from reading.files.books import read_whole
from reading.files.what_if import _snapshot as as_planned
from storage.accounts.snapshots import UnknownAccount
from storage.connection import Books
from tests.storage.small_book import TODAY, account, book, by_hand, loaded

NUMBERS = "0123456789"


def take(books: Books, account_id: str, as_of: date | None = None, today: date = TODAY) -> tuple[Snapshot, Policy]:
    with books.transaction() as transaction:
        return transaction.snapshots.take(account_id, as_of, today)


def taken(books: Books, *ids: str) -> list[tuple[Snapshot, Policy]]:
    with books.transaction() as transaction:
        return transaction.snapshots.of(ids, None, TODAY)


@contextmanager
def counted(books: Books) -> Iterator[list[str]]:
    """The statements that the block sends."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(books.engine, "before_cursor_execute", note)
    yield sent
    event.remove(books.engine, "before_cursor_execute", note)


def test_it_holds_what_the_account_needs(books: Books) -> None:
    loaded(books)
    snapshot, policy = take(books, "A-1")
    assert list(snapshot.targets) == ["CORE", "GROWTH"]
    assert list(snapshot.models) == ["M"]
    assert list(snapshot.securities) == ["X", "Y", "Z"]
    assert snapshot.rebalanced_to == RebalancedTo("GROWTH", 1)
    assert [(sale.symbol, sale.account_id) for sale in snapshot.household_sales] == [("Y", "A-2")]
    assert policy.minimum_trade_amount == 50
    assert snapshot.account.policy == {"four_eyes": False, "wash_sale_days": 10}
    smallest, _ = take(books, "a-3")
    assert (list(smallest.targets), list(smallest.models), list(smallest.securities)) == ([], [], ["Z"])


def test_a_closing_sleeve_brings_its_model(books: Books) -> None:
    raw = book()
    account(raw, "A-2")["sleeves"] = [{"model": "N", "cash": "3"}]
    loaded(books, raw)
    snapshot, _ = take(books, "A-2")
    assert list(snapshot.models) == ["N"]


def test_numbers_are_as_they_were_written(books: Books) -> None:
    loaded(books)
    snapshot, _ = take(books, "A-1")
    held = snapshot.account.managed.holdings[0]
    assert [str(lot.quantity) for lot in held.lots] == ["20", "10.5"]
    assert [str(lot.cost_per_share) for lot in held.lots] == ["90.1", "80"]
    assert str(snapshot.securities["X"].price) == "100"
    assert str(snapshot.securities["Y"].quantity_increment) == "0.001"
    assert str(snapshot.account.gain_budget) == "1000"


def test_an_account_that_nobody_knows(books: Books) -> None:
    with pytest.raises(UnknownAccount, match='unknown account "A-9"'):
        take(books, "A-9")
    loaded(books)
    with pytest.raises(UnknownAccount):
        take(books, "a-1")


def test_open_breaks_are_named_by_id(books: Books) -> None:
    loaded(books)
    with books.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO breaks (account_id, kind, symbol, expected, actual, resolved_at, resolved_by, note) VALUES"
                " ('A-1', 'quantity', 'X', 1, 2, NULL, NULL, NULL), ('A-1', 'cash', NULL, 1, 2, NULL, NULL, NULL),"
                " ('A-1', 'quantity', 'Y', 1, 2, now(), 'ann', 'found')"
            )
        )
        by_hand(connection, "A-1")
    assert take(books, "A-1")[0].open_breaks == ("1", "2")
    assert take(books, "A-2")[0].open_breaks == ()


# --- how old prices may be (QUEUE-3) ---------------------------------------------------------------------------------


def test_prices_grow_stale_where_no_newer_book_comes(books: Books) -> None:
    """
    A book of Friday 20th; two trading days allowed
    Monday       two trading days ago was the 19th, of which Z's price is
    Tuesday      the 20th: Z's is older, whatever the book's day (DAY-3)
    Wednesday    the 23rd: all are older
    """
    loaded(books)
    stale = {day: sorted(stale_symbols(take(books, "A-1", today=date(2026, 11, day))[0])) for day in (20, 23, 24, 25)}
    assert stale == {20: [], 23: [], 24: ["Z"], 25: ["X", "Y", "Z"]}


def test_unless_the_day_was_asked_for(books: Books) -> None:
    loaded(books)
    long_after = TODAY + timedelta(days=60)
    assert not stale_symbols(take(books, "A-1", as_of=TODAY, today=long_after)[0])
    assert take(books, "A-1", as_of=date(2026, 11, 19))[0].securities["X"].price is None


def test_or_the_book_is_a_historical_one(books: Books) -> None:
    loaded(books, {**book(), "historical": True}, today=TODAY + timedelta(days=60))
    assert not stale_symbols(take(books, "A-1", today=TODAY + timedelta(days=90))[0])


def test_a_target_or_an_account_may_allow_another_age(books: Books) -> None:
    raw = book()
    account(raw, "A-1")["policy"]["price_max_age_days"] = 4
    loaded(books, raw)
    assert not stale_symbols(take(books, "A-1", today=date(2026, 11, 25))[0])


def stale_symbols(snapshot: Snapshot) -> set[str]:
    return {each.symbol for each in snapshot.securities.values() if each.price_as_of < snapshot.fresh_from}


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_go_through_the_accounts_with_rebalancing_on_by_key(books: Books) -> None:
    raw = book()
    account(raw, "a-3")["rebalancing"] = True
    raw["accounts"] += [{"id": each, "cash": "1"} for each in ("Ä-1", "B-1", "A-10")]
    loaded(books, raw)
    some = taken(books, "Ä-1", "A-10", "a-3", "B-1", "A-2", "nobody")
    assert [snapshot.account.id for snapshot, _ in some] == ["A-10", "A-2", "B-1", "a-3", "Ä-1"]
    assert taken(books, "nobody") == taken(books) == []
    for snapshot, policy in some:
        assert take(books, snapshot.account.id) == (snapshot, policy)


def test_many_accounts_take_as_many_queries_as_one_account(books: Books) -> None:
    raw = book()
    raw["accounts"] += [raw["accounts"][0] | {"id": f"C-{at}"} for at in range(40)]
    loaded(books, raw)
    with counted(books) as for_one:
        taken(books, "A-1")
    with counted(books) as for_all:
        assert len(taken(books, "A-1", "A-2", *(f"C-{at}" for at in range(40)))) == 42
    assert len(for_all) == len(for_one) < 20


# --- kept and restored -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["demo.yaml", "analyst-case.json", "household.yaml"])
@pytest.mark.parametrize("mode", MODES)
def test_a_kept_snapshot_gives_the_same_plan_byte_for_byte(books: Books, examples: Path, name: str, mode: Mode) -> None:
    load_example(books, examples / name)
    for account_id in example_ids(books):
        snapshot, policy = take(books, account_id)
        raw = json.loads(json.dumps(kept(snapshot)))
        assert restored(raw) == snapshot
        assert plan_json.dumps(plan(restored(raw), policy, mode)) == plan_json.dumps(plan(snapshot, policy, mode))


def test_what_is_kept_has_the_same_bytes_again(books: Books) -> None:
    loaded(books)
    for account_id in ("A-1", "A-2", "a-3"):
        kept_once = json.dumps(kept(take(books, account_id)[0]))
        assert json.dumps(kept(take(books, account_id)[0])) == kept_once
        assert json.dumps(kept(restored(json.loads(kept_once)))) == kept_once


def test_jsonb_gives_it_back(books: Books) -> None:
    loaded(books)
    snapshot, _ = take(books, "A-1")
    with books.engine.connect() as connection:
        raw = connection.scalar(text("SELECT CAST(:raw AS jsonb)"), {"raw": json.dumps(kept(snapshot))})
    assert json.dumps(kept(restored(raw))) == json.dumps(kept(snapshot))


def test_types_of_overridden_numbers_come_back(books: Books) -> None:
    raw = book()
    account(raw, "A-1")["policy"] = {"four_eyes": True, "wash_sale_days": 0, "tax_rate_long": "0.150"}
    loaded(books, raw)
    back = restored(json.loads(json.dumps(kept(take(books, "A-1")[0]))))
    assert {key: type(value) for key, value in back.account.policy.items()} == {
        "four_eyes": bool,
        "tax_rate_long": Decimal,
        "wash_sale_days": int,
    }
    assert back.targets["GROWTH"].policy == {"threshold_relative": Decimal("0.10")}


# --- the database plans what the file plans --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["demo.yaml", "analyst-case.json", "household.yaml"])
def test_stored_books_give_the_plans_of_the_file(books: Books, examples: Path, name: str) -> None:
    load_example(books, examples / name)
    market, accounts = read_whole(examples / name)
    by_id = {each.id: each for each in accounts}
    for each in accounts:
        of_file, numbers = as_planned(each, market, by_id)
        stored, policy = take(books, each.id)
        assert policy == numbers
        assert told(stored, policy) == told(of_file, numbers)


def told(snapshot: Snapshot, policy: Policy) -> Any:
    """A plan whose evidence has no trailing zeros: a file's `1.50` is `1.5` in the database."""
    raw = plan_json.as_json(plan(snapshot, policy))
    for finding in raw["findings"]:  # type: ignore[attr-defined]
        finding["evidence"] = without_zeros(finding["evidence"])
    return raw


def without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_zeros(each) for key, each in value.items()}
    if isinstance(value, str) and value[:1] in NUMBERS and value.replace(".", "", 1).isdigit():
        return plain(Decimal(value))
    return value


def load_example(books: Books, path: Path) -> None:
    from reading.files.book_file import open_book

    opened = open_book(path)
    loaded(books, opened.market | {"accounts": list(opened.accounts)})


def example_ids(books: Books) -> list[str]:
    with books.engine.connect() as connection:
        return list(connection.scalars(text("SELECT id FROM accounts")))
