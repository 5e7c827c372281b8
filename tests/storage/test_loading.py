"""Loading: all or nothing, nothing twice, and whoever needs a rebalance for it is in the queue at once."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.books.book import BookRefused
from domain.values.snapshot import RecentSale
from policy import in_force
from reading.files.book_file import open_book
from reading.files.books import read_whole
from storage.actor import Actor
from storage.connection import Books
from storage.intake import loading
from storage.intake.loading_rows import comparable
from tests.storage.small_book import TODAY, account, audited, book, contents, last_audit, loaded, rows


def queue(books: Books) -> dict[str, dict[str, Any]]:
    with books.transaction() as transaction:
        return {entry.account_id: entry.evidence for entry in transaction.queue.entries()}


def versions(books: Books) -> dict[str, int]:
    return dict(rows(books, "SELECT id, version FROM targets"))


def test_a_load_says_what_it_did(books: Books) -> None:
    report = loaded(books)
    assert (report.created, report.replaced, report.unchanged) == (3, 0, 0)
    assert report.queued == {"FIRST_REBALANCE": 1}
    assert report.market.created["models"] == ["M", "N"]
    assert report.changed_anything


def test_loading_the_same_book_again_changes_nothing(books: Books) -> None:
    loaded(books)
    before = contents(books)
    report = loaded(books)
    assert not report.changed_anything
    assert report.unchanged == 3
    assert contents(books) == before


@pytest.mark.parametrize("name", ["demo.yaml", "analyst-case.json", "household.yaml"])
def test_what_is_stored_is_what_the_file_says(books: Books, examples: Path, name: str) -> None:
    market, accounts = read_whole(examples / name)
    for expected in ({}, {"unchanged": len(accounts)}):
        opened = open_book(examples / name)
        report = loading.load(books, opened.market, opened.accounts, in_force(market.as_of), TODAY, Actor("ann"))
        assert expected == {} or report.unchanged == expected["unchanged"]
    with books.transaction() as transaction:
        stored = transaction.market.market(market.as_of)
        assert stored.securities == market.securities
        assert stored.models == market.models
        assert stored.targets == market.targets
        for each in accounts:
            assert comparable(transaction.snapshots.take(each.id, None, TODAY)[0].account) == comparable(each)


def test_small_batches_give_the_same(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 1)
    done: list[int] = []
    raw = book()
    accounts = raw.pop("accounts")
    loading.load(books, raw, iter(accounts), in_force(TODAY), TODAY, Actor("ann"), done.append)
    assert done == [1, 2, 3, 3]
    assert not loaded(books).changed_anything


# --- refused: all problems, and nothing has changed ------------------------------------------------------------------


def refused(books: Books, raw: dict[str, Any]) -> list[str]:
    before = contents(books)
    with pytest.raises(BookRefused) as flaw:
        loaded(books, raw)
    assert contents(books) == before
    return [str(problem) for problem in flaw.value.problems]


def test_every_problem_is_told_with_its_path(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 1)
    raw = book()
    account(raw, "A-2")["target"] = "NONE"
    account(raw, "a-3")["cash"] = "much"
    raw["accounts"].append(dict(raw["accounts"][0]))
    assert refused(books, raw) == [
        'accounts[1].target: unknown target "NONE"',
        'accounts[2].cash: input should be a valid decimal, not "much"',
        'accounts[3].id: "A-1" is there twice',
    ]


def test_a_sum_that_is_too_large_to_keep(books: Books) -> None:
    raw = book()
    lot = {"quantity": "9000000000000000", "cost_per_share": "1", "acquired": "2025-01-02"}
    account(raw, "A-2")["holdings"] = [{"symbol": "X", "lots": [lot, lot]}]
    told = "a quantity or an amount, or a sum of them, has more than 16 digits before the point"
    assert refused(books, raw) == [f"accounts[0] to accounts[2]: {told}"]


def test_a_group_may_name_accounts_of_the_database_only(books: Books) -> None:
    groups = [{"id": "G", "accounts": ["A-1", "A-9"]}]
    assert refused(books, book(account_groups=groups)) == ['account_groups.G: unknown account "A-9"']
    loaded(books)
    assert refused(books, book(accounts=[], account_groups=groups)) == ['account_groups.G: unknown account "A-9"']


def test_a_book_may_refer_to_what_the_database_has(books: Books) -> None:
    loaded(books)
    more = {"as_of": "2026-11-20", "policy": book()["policy"]}
    report = loaded(books, more | {"accounts": [{"id": "A-4", "target": "GROWTH", "cash": "1"}]})
    assert (report.created, report.market.created) == (1, {})


def test_a_model_that_falls_back_or_changes_without_a_version_is_refused(books: Books) -> None:
    loaded(books)
    raw = book()
    raw["models"][0]["version"] = 1
    raw["models"][1]["holdings"] = [{"symbol": "X", "weight": "1"}]
    assert refused(books, raw) == [
        "models[0].version: 1 is below 2, which the database has: versions only rise",
        "models[1].holdings: version 1 has other holdings in the database: a change needs a higher version",
    ]


def test_a_higher_model_version_is_kept_beside_the_old_one(books: Books) -> None:
    loaded(books)
    raw = book()
    raw["models"][1] |= {"version": 7, "holdings": [{"symbol": "X", "weight": "1"}]}
    assert loaded(books, raw).market.replaced == {"models": ["N"]}
    assert rows(books, "SELECT version, symbol FROM model_holdings WHERE model_id = 'N' ORDER BY 1") == [
        (1, "Z"),
        (7, "X"),
    ]


def test_a_sub_target_that_its_parent_in_the_database_can_not_contain(books: Books) -> None:
    loaded(books)
    parent = {"target": "GROWTH", "weight": "0.5"}
    raw = {
        "as_of": "2026-11-20",
        "targets": [{"id": "CORE", "components": [{"security": "Y", "weight": "0.5"}, parent]}],
    }
    told = refused(books, raw)
    assert "targets[0]: targets form a cycle: CORE → GROWTH → CORE (TARGET-2)" in told


@pytest.mark.parametrize("stage", ["EXECUTING", "RECONCILING"])
def test_an_account_that_trades_now_is_not_replaced(books: Books, stage: str) -> None:
    loaded(books)
    start_rebalance(books, stage)
    assert loaded(books).unchanged == 3  # the same book still is no problem
    raw = book()
    account(raw, "A-2")["cash"] = "1"
    told = "account A-2 can't be replaced while rebalance R-1 trades on it: load again when it has ended"
    assert refused(books, raw) == [f"accounts[1]: {told}"]


def test_one_that_waits_for_its_approval_is(books: Books) -> None:
    loaded(books)
    start_rebalance(books, "PENDING_APPROVAL")
    raw = book()
    account(raw, "A-2")["cash"] = "1"
    assert loaded(books, raw).replaced == 1


def test_what_we_sold_ourselves_stays_noted_whatever_a_book_says(books: Books) -> None:
    loaded(books)
    start_rebalance(books, "PENDING_APPROVAL")
    sale = RecentSale("Y", date(2026, 11, 5), Decimal(3), Decimal(-30), "A-2", Decimal(60), date(2024, 1, 2))
    with books.transaction(Actor("ann")) as transaction:
        transaction.accounts.note_sales("A-2", "R-1", [sale, replace(sale, gain=Decimal(-12))])
    assert loaded(books).unchanged == 3  # a book's silence about it is no difference
    raw = book()
    account(raw, "A-2")["recent_sales"] = []
    assert loaded(books, raw).replaced == 1
    kept = [replace(sale, rebalance_id="R-1"), replace(sale, gain=Decimal(-12), rebalance_id="R-1")]
    with books.transaction() as transaction:
        assert list(transaction.snapshots.take("A-2", None, TODAY)[0].account.recent_sales) == kept
    [(noted,)] = rows(books, "SELECT after FROM audit_records WHERE action = 'sales noted'")
    assert [each["gain"] for each in noted["Y"]] == ["-30", "-12"]  # every lot of it


def start_rebalance(books: Books, stage: str) -> None:
    with books.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO rebalances"
                " (id, account_id, start_key, workflow_id, kind, mode, approval, requested_by, stage)"
                " VALUES ('R-1', 'A-2', 'k', 'w', 'full', 'exact', 'required', 'ann', :stage)"
            ),
            {"stage": stage},
        )


# --- replaced by id --------------------------------------------------------------------------------------------------


def test_an_account_is_replaced_whole_and_others_stay(books: Books) -> None:
    loaded(books)
    before = rows(books, "SELECT id FROM sleeves WHERE account_id = 'A-1' AND model_id = 'M'")
    at = last_audit(books)
    raw = book()
    one = account(raw, "A-1")
    one["cash"] = "7"
    one["holdings"] = [{"symbol": "Z", "quantity": "3"}]
    one["sleeves"].append({"model": "N", "cash": "1"})
    del one["protected"], one["withdrawals"], one["recent_sales"], one["lot_relief"]
    one["restrictions"] = [{"type": "no_buy", "symbol": "X"}]
    raw["accounts"] = [one]
    report = loaded(books, raw)
    assert (report.created, report.replaced, report.unchanged) == (0, 1, 0)
    assert audited(books, at) == [("account replaced", "A-1"), ("book loaded", None)]
    with books.transaction() as transaction:
        stored = transaction.snapshots.take("A-1", None, TODAY)[0].account
        assert transaction.snapshots.take("A-2", None, TODAY)[0].account.name == "Two"
    assert stored.managed.cash == 7
    assert [held.symbol for held in stored.managed.holdings] == ["Z"]
    assert [sleeve.key for sleeve in stored.model_sleeves] == ["model:M", "model:N"]
    assert (stored.protected, stored.withdrawals, stored.recent_sales, stored.lot_relief) == ((), (), (), None)
    assert [each.type for each in stored.restrictions] == ["no_buy"]
    assert rows(books, "SELECT id FROM sleeves WHERE account_id = 'A-1' AND model_id = 'M'") == before
    assert rows(books, "SELECT household_id FROM accounts WHERE id = 'A-1'") == [("FAMILY",)]


def test_a_sleeve_that_the_book_no_longer_names_is_closed(books: Books) -> None:
    loaded(books)
    raw = book()
    account(raw, "A-1")["sleeves"] = []
    loaded(books, raw)
    closed = (
        "SELECT status, cash, (SELECT count(*) FROM holdings WHERE sleeve_id = id) FROM sleeves WHERE model_id = 'M'"
    )
    assert rows(books, closed) == [("closed", 0, 0)]
    assert loaded(books).replaced == 1  # and opened anew
    assert rows(books, "SELECT count(*) FROM sleeves WHERE model_id = 'M'") == [(2,)]


def test_households_are_replaced_by_id(books: Books) -> None:
    loaded(books)
    report = loaded(books, {"as_of": "2026-11-20", "account_groups": [{"id": "FAMILY", "accounts": ["A-2", "a-3"]}]})
    assert report.households == 2
    homes = rows(books, 'SELECT id, household_id FROM accounts ORDER BY id COLLATE "C"')
    assert homes == [("A-1", None), ("A-2", "FAMILY"), ("a-3", "FAMILY")]


def test_the_paper_custodian_holds_what_the_book_says(books: Books) -> None:
    loaded(books)
    assert rows(books, "SELECT * FROM paper.accounts ORDER BY 1") == [("A-1", Decimal("512.25")), ("A-2", 10000)]
    held = rows(books, "SELECT symbol, quantity FROM paper.positions WHERE account_id = 'A-1' ORDER BY 1")
    assert held == [("X", Decimal("35.5")), ("Y", Decimal("80.125")), ("Z", 70)]
    raw = book()
    account(raw, "A-1")["custodian"] = "OTHER"
    account(raw, "A-2")["holdings"] = [{"symbol": "X", "quantity": "1"}]
    loaded(books, raw)
    assert rows(books, "SELECT account_id FROM paper.accounts") == [("A-2",)]
    assert rows(books, "SELECT account_id, symbol, quantity FROM paper.positions") == [("A-2", "X", 1)]


# --- prices and the business day -------------------------------------------------------------------------------------


def test_prices_are_kept_by_day_and_corrections_are_audited(books: Books) -> None:
    loaded(books)
    raw = book(as_of="2026-11-23", accounts=[])
    raw["securities"][0]["price"] = "101.50"
    raw["securities"][1] = {
        "symbol": "Y",
        "name": "Why",
        "price": "51.00",
        "price_as_of": "2026-11-20",
        "quantity_increment": "0.001",
    }
    report = loaded(books, raw)
    assert report.market.created["prices"] == ["X"]
    assert report.market.replaced["prices"] == ["Y"]
    prices = rows(books, "SELECT symbol, as_of, price FROM prices WHERE symbol <> 'Z' ORDER BY 1, 2")
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    assert prices == [("X", friday, 100), ("X", monday, Decimal("101.5")), ("Y", friday, 51)]
    correction = rows(books, "SELECT before, after FROM audit_records WHERE action = 'prices loaded' ORDER BY id")[-1]
    assert correction == ({"Y 2026-11-20": "50"}, {"prices": 2, "Y 2026-11-20": "51.00"})
    with books.transaction() as transaction:
        assert transaction.market.market(friday).securities["X"].price == 100
        assert transaction.market.market(monday).securities["X"].price == Decimal("101.5")
        assert transaction.market.market(date(2026, 11, 19)).securities["X"].price is None


@pytest.mark.parametrize(
    ("later", "historical", "asked", "oldest"),
    [
        (0, False, False, "2026-11-18"),  # two trading days before Friday the 20th
        (3, False, False, "2026-11-19"),  # Monday the 23rd
        (4, False, False, "2026-11-20"),  # Tuesday: the book's own prices just count
        (6, False, False, "2026-11-23"),  # Thanksgiving counts from Wednesday: they don't
        (30, False, False, "2026-12-16"),
        (30, False, True, "2026-11-18"),  # somebody asked for that day
        (30, True, False, "2026-11-18"),
        (1900, True, False, "2026-11-18"),
    ],
)
def test_how_old_a_price_may_be(books: Books, later: int, historical: bool, asked: bool, oldest: str) -> None:
    """DAY-3: counted from the clock's day, or the book's own where it says that it is historical; two are allowed."""
    today = TODAY + timedelta(days=later)
    report = loaded(books, book(historical=historical), today=today)
    with books.transaction() as transaction:
        day = transaction.market.book_day()
        assert day is not None
        assert (day.as_of, day.historical) == (TODAY, historical)
        assert transaction.market.policy(TODAY).minimum_trade_amount == 50
        assert transaction.market.fresh_from(TODAY, today, asked, 2) == date.fromisoformat(oldest)
    if not asked:
        assert report.stale_from == (date.fromisoformat(oldest) if date.fromisoformat(oldest) > TODAY else None)


def test_a_book_that_does_not_say_so_can_be_loaded_as_a_historical_one(books: Books) -> None:
    raw = book()
    accounts = raw.pop("accounts")
    loading.load(books, raw, iter(accounts), in_force(TODAY), TODAY, Actor("ann"), historical=True)
    with books.transaction() as transaction:
        day = transaction.market.book_day()
        assert day is not None
        assert day.historical


# --- the queue (QUEUE-1, QUEUE-2, TARGET-6) --------------------------------------------------------------------------


def test_who_is_new_to_its_target_or_holds_without_one_is_queued(books: Books) -> None:
    raw = book()
    account(raw, "a-3")["rebalancing"] = True
    loaded(books, raw)
    assert queue(books) == {
        "A-2": {"FIRST_REBALANCE": {"target": "CORE", "version": 1}},
        "a-3": {"NO_TARGET": {"symbols": ["Z"]}},
    }


def test_with_rebalancing_off_nothing_queues(books: Books) -> None:
    raw = book()
    account(raw, "A-2")["rebalancing"] = False
    loaded(books, raw)
    assert queue(books) == {}


def test_a_frozen_account_is_in_no_queue_whoever_froze_it(books: Books) -> None:
    """CHECK-1: it can't be planned. By a book as by `account freeze`, and an edited target leaves it out too."""
    raw = book()
    account(raw, "A-2")["status"] = "frozen"
    loaded(books, raw)
    assert "A-2" not in queue(books)
    core = raw["targets"][0]
    core["components"][0]["weight"], core["components"][1]["weight"] = "0.4", "0.6"
    loaded(books, raw)
    assert "A-2" not in queue(books)
    account(raw, "A-2")["status"] = "open"
    loaded(books, raw)
    assert [*queue(books)["A-2"]] == ["FIRST_REBALANCE"]
    account(raw, "A-2")["status"] = "closed"
    assert loaded(books, raw).withdrawn == 1
    assert "A-2" not in queue(books)


def test_an_account_that_moves_to_another_target(books: Books) -> None:
    loaded(books)
    raw = book()
    account(raw, "A-1").update({"target": "CORE", "first_rebalanced": None})
    account(raw, "A-2")["target"] = None
    report = loaded(books, raw)
    assert report.queued == {"FIRST_REBALANCE": 1, "TARGET_CHANGED": 1}
    assert queue(books) == {
        "A-1": {
            "FIRST_REBALANCE": {"target": "CORE", "version": 1},
            "TARGET_CHANGED": {
                "target": "CORE", "version": 1, "rebalanced_to": "GROWTH", "rebalanced_to_version": 1,
                "from": "GROWTH", "to": "CORE",
            },
        },
        "A-2": {"TARGET_CHANGED": {"from": "CORE", "to": None}},
    }  # fmt: skip


def test_the_toggle_in_a_book(books: Books) -> None:
    loaded(books)
    raw = book()
    account(raw, "A-2")["rebalancing"] = False
    account(raw, "a-3")["rebalancing"] = True
    report = loaded(books, raw, who="ben")
    assert report.withdrawn == 1
    assert queue(books) == {"a-3": {"NO_TARGET": {"symbols": ["Z"]}, "TOGGLED_ON": {"switched_by": "ben"}}}
    assert rows(books, "SELECT left_because FROM queue_entries WHERE account_id = 'A-2'") == [
        ("rebalancing was switched off",)
    ]


def test_an_edited_target_is_a_new_version_and_queues_whom_it_serves(books: Books) -> None:
    loaded(books)
    raw = book()
    raw["targets"][1]["components"][1] = {"security": "X", "weight": "0.25"}
    report = loaded(books, raw)
    assert report.market.new_versions == {"GROWTH": (1, 2)}
    assert versions(books) == {"ALL-X": 1, "CORE": 1, "GROWTH": 2}
    assert queue(books)["A-1"] == {
        "TARGET_CHANGED": {"target": "GROWTH", "version": 2, "previous_version": 1, "rule": "TARGET-6"}
    }
    old = rows(
        books, "SELECT version, weight FROM target_components WHERE target_id = 'GROWTH' AND symbol = 'X' ORDER BY 1"
    )
    assert old == [(1, Decimal("0.3")), (2, Decimal("0.25"))]
    with books.transaction() as transaction:
        snapshot, _ = transaction.snapshots.take("A-1", None, TODAY)
    assert snapshot.rebalanced_to is not None
    assert snapshot.rebalanced_to.version == 1


def test_an_edited_sub_target_is_an_edit_of_what_contains_it(books: Books) -> None:
    loaded(books)
    raw = {"as_of": "2026-11-20", "targets": [{"id": "CORE", "components": [{"security": "Y", "weight": "0.6"}]}]}
    report = loaded(books, raw)
    assert report.market.new_versions == {"CORE": (1, 2), "GROWTH": (1, 2)}
    assert queue(books).keys() == {"A-1", "A-2"}
    with books.transaction() as transaction:
        growth = transaction.market.market(TODAY).targets["GROWTH"]
    assert [each.key for each in growth.components] == ["model:M", "security:X", "target:CORE", "cash"]


def test_a_new_name_is_not_a_new_version(books: Books) -> None:
    loaded(books)
    raw = book()
    raw["targets"][1]["name"] = "Growth and more"
    report = loaded(books, raw)
    assert (report.market.new_versions, report.market.replaced) == ({}, {"targets": ["GROWTH"]})
    assert "A-1" not in queue(books)


def test_an_edited_target_skips_who_has_rebalancing_off(books: Books) -> None:
    raw = book()
    account(raw, "A-1")["rebalancing"] = False
    loaded(books, raw)
    raw["targets"][1]["components"][3]["weight"] = "0.01"
    loaded(books, raw)
    assert "A-1" not in queue(books)


def test_first_rebalanced_is_of_the_present_target_and_keeps_its_version(books: Books) -> None:
    loaded(books)
    raw = book()
    raw["targets"][1]["components"][3]["weight"] = "0.01"
    account(raw, "A-1").update({"first_rebalanced": "2026-02-02", "cash": "1"})
    loaded(books, raw)  # the date is corrected; the account still is to be rebalanced to version 2
    assert rows(
        books, "SELECT rebalanced_target_id, rebalanced_target_version, first_rebalanced FROM accounts WHERE id = 'A-1'"
    ) == [("GROWTH", 1, date(2026, 2, 2))]
    assert queue(books)["A-1"].keys() == {"TARGET_CHANGED"}
