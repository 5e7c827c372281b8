"""`rebalancer corporate-actions`: into every account, the prices and the paper custodian; whole, and once."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.books.book import BookRefused
from domain.executing.booking import Leg
from domain.executing.reconciliation import compare, ledger
from domain.plan import plan
from domain.values.keys import MANAGED
from domain.values.purpose import FULL
from policy import in_force
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from storage.market.identifiers import directory
from storage.work.orders import Answer
from storage.work.rebalances import NewRebalance
from tests.cli.conftest import Command, Said
from tests.storage.small_book import TODAY, audited, effects, last_audit, loaded, rows
from tests.storage.small_book import account as account_of
from tests.storage.small_book import book as small_book
from venues.paper import PAPER
from venues.registry import Venues

Run = Callable[..., Said]
# The small book: Z at 20.00 of 2026-11-19; A-1 holds 70 in its sleeve of M, a-3 (at another custodian) 4.
SPLIT = {"id": "CA-1", "type": "split", "symbol": "Z", "date": "2026-11-20", "new": "2", "old": "1"}
RENAMED = {"id": "CA-2", "type": "symbol_change", "symbol": "Z", "date": "2026-11-20", "to": "ZED"}
PAID = {"id": "CA-3", "type": "cash_dividend", "symbol": "Z", "date": "2026-11-20", "amount": "0.25"}


@pytest.fixture
def run(inside: Command, books: Books, database_url: str, tmp_path: Path) -> Run:
    """`run(SPLIT, PAID)` on the small book; a text is a file of prices."""
    loaded(books)

    def command(*given: dict[str, Any] | str, form: str = "table") -> Said:
        if isinstance(given[0], str):
            path = tmp_path / "prices.csv"
            path.write_text(given[0])
            words = ["prices", str(path), *map(str, given[1:])]
        else:
            path = tmp_path / "actions.json"
            path.write_text(json.dumps({"actions": given}))
            words = ["corporate-actions", str(path), "--by", "ann"]
        return inside(*words, "--format", form, REBALANCER_DATABASE_URL=database_url)

    return command


def account(books: Books, account_id: str) -> Any:
    with books.transaction() as transaction:
        return transaction.snapshots.take(account_id, None, TODAY)[0].account


def held(books: Books, account_id: str) -> dict[str, Decimal]:
    found = account(books, account_id)
    return {each.symbol: each.quantity for sleeve in found.sleeves for each in sleeve.holdings}


def agree(books: Books, account_id: str) -> bool:
    theirs = Venues(books.engine).custodian(PAPER).ledger(account_id)
    return compare(ledger(account(books, account_id)), theirs) == ()


def test_a_split_is_in_every_account_and_the_last_close_goes_with_it(run: Run, books: Books) -> None:
    at = last_audit(books)
    said = run(SPLIT)
    assert (said.code, said.err) == (0, "")
    assert "CA-1            split of Z: 2 accounts" in said.out
    assert held(books, "A-1")["Z"] == 140
    assert held(books, "a-3") == {"Z": 8}
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'Z'") == [(10,)]
    assert agree(books, "A-1")
    assert audited(books, at) == [
        ("positions booked", "A-1"),
        ("positions booked", "a-3"),
        ("corporate action applied", None),
    ]


def test_a_book_of_before_a_split_takes_nothing_back(run: Run, books: Books) -> None:
    """LOAD-1: the book has 70 Z of A-1, which are 140 since."""
    assert run(SPLIT).code == 0
    with pytest.raises(
        BookRefused, match=r"account A-1 has other positions, of .*: they would take back CA-1 of 2026-11-20"
    ):
        loaded(books, priced("10.00"))
    assert held(books, "A-1")["Z"] == 140


def priced(price: str, day: str = "2026-11-19", **changes: Any) -> dict[str, Any]:
    """The small book with another price of Z."""
    raw = small_book(**changes)
    raw["securities"][2] |= {"price": price, "price_as_of": day}
    return raw


def test_a_book_s_price_of_before_a_split_is_refused(run: Run, books: Books) -> None:
    """It is of shares that are no more: at 20.00, A-1 would be worth 1,400.00 too much."""
    run(SPLIT)
    told = r"securities\[2\].price: 20.00 is of 2026-11-19, before the split of 2026-11-20 that was applied \(CA-1\)"
    with pytest.raises(BookRefused, match=told):
        loaded(books, priced("20.00", accounts=[]))
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'Z'") == [(10,)]
    loaded(books, priced("10.00", accounts=[]))  # as it was restated
    loaded(books, priced("10.20", "2026-11-20", accounts=[]))


def test_a_price_of_a_split_s_day_that_looks_like_one_of_before_is_told(run: Run, books: Books) -> None:
    """It is taken for one of after it: whether it is, nobody can know but a person."""
    loaded(books, priced("20.50", "2026-11-20", accounts=[]))
    said = run(SPLIT)
    assert "look: Z at 20.50 of 2026-11-20 is taken for a price of after it." in said.out
    assert run(SPLIT | {"id": "CA-4", "symbol": "X"}, form="json").json["actions"][0]["price"] == "100.00 of 2026-11-20"
    assert run(SPLIT | {"id": "CA-5", "date": "2026-11-20", "new": "21", "old": "20"}).out.count("look") == 1


def test_a_dry_run_tells_the_same_and_writes_nothing(
    inside: Command, run: Run, books: Books, database_url: str, tmp_path: Path
) -> None:
    before = effects(books)
    path = tmp_path / "actions.json"
    path.write_text(json.dumps({"actions": [PAID, SPLIT]}))
    told = inside("corporate-actions", str(path), "--dry-run", REBALANCER_DATABASE_URL=database_url)
    assert (told.code, effects(books)) == (0, before)
    assert "dry run: nothing was written" in told.err
    said = inside("corporate-actions", str(path), REBALANCER_DATABASE_URL=database_url)
    assert said.out == told.out
    assert effects(books) != before


def test_the_same_file_again_changes_nothing(run: Run, books: Books) -> None:
    run(SPLIT, PAID)
    before = effects(books)
    said = run(SPLIT, PAID)
    assert said.code == 0
    assert "was applied already: nothing changes (2 actions)" in said.out
    assert effects(books) == before


def test_the_same_id_with_other_terms_is_refused(run: Run, books: Books) -> None:
    run(SPLIT)
    before = effects(books)
    said = run(SPLIT | {"new": "3"})
    assert said.code == 1
    assert "actions[0].id: CA-1 was applied with other terms: a new action needs a new id" in said.err
    assert effects(books) == before


def test_a_price_that_a_split_explains_is_taken_and_one_that_nothing_does_is_held_back(run: Run, books: Books) -> None:
    halved = "symbol,date,close\nZ,2026-11-20,10.50\nX,2026-11-20,101\n"
    said = run(halved, form="json")
    assert said.json["held_back"] == {"Z 2026-11-20": "10.50 is 47.50 % below 20.00, the close of 2026-11-19"}
    assert rows(books, "SELECT count(*) FROM prices WHERE symbol = 'Z'") == [(1,)]
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'X'") == [(101,)]  # the rest is loaded
    run(SPLIT)
    assert run(halved, form="json").json["held_back"] == {}
    assert rows(books, "SELECT as_of, price FROM prices WHERE symbol = 'Z' ORDER BY 1") == [
        (date(2026, 11, 19), 10),
        (date(2026, 11, 20), Decimal("10.5")),
    ]


def test_a_price_of_before_a_split_that_was_applied_is_held_back(run: Run, books: Books) -> None:
    run(SPLIT)
    said = run("symbol,date,close\nZ,2026-11-19,20\n")
    assert said.code == 0
    assert "held back       Z of 2026-11-19: it is of before the split of 2026-11-20, which was applied" in said.out
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'Z'") == [(10,)]


def test_a_jump_that_somebody_looked_at_is_taken_and_recorded(run: Run, books: Books) -> None:
    crash = "symbol,date,close\nZ,2026-11-18,5\nZ,2026-11-20,9\n"
    told = run(crash).out
    assert "held back       Z of 2026-11-20: 9.00 is 55.00 % below 20.00" in told
    assert "what is right, with --accept-jump SYMBOL" in told
    said = run(crash, "--accept-jump", "Z", form="json")
    assert (said.json["held_back"], said.json["new"]) == ({}, 1)
    assert rows(
        books, "SELECT after->'accepted' FROM audit_records WHERE action = 'price file loaded' ORDER BY id DESC LIMIT 1"
    ) == [(["Z"],)]


@pytest.mark.parametrize(("close", "taken"), [("25", True), ("15", True), ("25.01", False), ("14.99", False)])
def test_exactly_the_limit_is_no_jump(run: Run, books: Books, close: str, taken: bool) -> None:
    run(f"symbol,date,close\nZ,2026-11-20,{close}\n")  # from 20: 25 % is 5
    assert bool(rows(books, "SELECT FROM prices WHERE symbol = 'Z' AND as_of = '2026-11-20'")) is taken


def test_a_new_symbol_is_everywhere_and_the_old_one_is_still_understood(run: Run, books: Books) -> None:
    said = run(RENAMED)
    assert (said.code, said.err) == (0, "")
    assert held(books, "A-1")["ZED"] == 70
    assert "Z" not in held(books, "A-1")
    assert rows(books, "SELECT DISTINCT symbol FROM model_holdings WHERE symbol LIKE 'Z%'") == [("ZED",)]
    assert rows(books, "SELECT DISTINCT symbol FROM target_components WHERE symbol LIKE 'Z%'") == [("ZED",)]
    assert rows(books, "SELECT symbol FROM restrictions WHERE symbol LIKE 'Z%'") == [("ZED",)]
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'ZED'") == [(20,)]
    assert agree(books, "A-1")
    with books.transaction() as transaction:
        known = directory(transaction.connection, TODAY)
        snapshot, policy = transaction.snapshots.take("A-1", None, TODAY)
    assert known.find([("symbol", "Z")]) == known.find([("symbol", "ZED")]) == "ZED"
    assert plan(snapshot, policy).can_be_planned
    assert rows(books, "SELECT version FROM models WHERE id = 'M'") == [(2,)]  # nobody's version rises for it


def test_what_a_version_held_is_rewritten_for_nothing_else(run: Run, owner: Any) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    run(RENAMED)
    for change in ("symbol = 'X' WHERE symbol = 'Y'", "weight = 0.5 WHERE symbol = 'ZED'"):
        with pytest.raises(DBAPIError, match="what a version held is kept"), owner.begin() as connection:
            connection.execute(text(f"UPDATE model_holdings SET {change}"))


def test_a_dividend_is_cash_of_the_sleeve_that_holds_the_shares(run: Run, books: Books) -> None:
    said = run(PAID, form="json")
    assert said.json["actions"][0] | {"kind": ""} == {
        "id": "CA-3", "kind": "", "symbol": "Z", "already": False, "accounts": 2, "cash": "18.50", "fractions": 0,
        "price": None,
    }  # fmt: skip
    assert account(books, "A-1").model_sleeves[0].cash == Decimal("29.50")  # 12.00 + 70 × 0.25
    assert agree(books, "A-1")


def test_a_file_with_one_bad_action_changes_nothing(run: Run, books: Books) -> None:
    before = effects(books)
    said = run(SPLIT, PAID | {"symbol": "NOBODY"}, RENAMED | {"to": "Y"})
    assert (said.code, said.out) == (1, "")
    assert 'actions[1].symbol: unknown symbol "NOBODY"' in said.err
    assert "actions[2].to: M names both Z and Y: edit it first" in said.err
    assert effects(books) == before


def test_while_a_rebalance_trades_on_a_holder_nothing_is_applied(run: Run, books: Books) -> None:
    with books.transaction(Actor("test")) as transaction:
        made = transaction.rebalances.create(
            NewRebalance("A-1", "w#1", "w", None, FULL, "exact", "required", "ann", ())
        )
        transaction.rebalances.approve(made, "ben", datetime(2026, 11, 20, 15, tzinfo=UTC))
    said = run(SPLIT)
    assert said.code == 1
    assert "rebalances trade on A-1 now: give the file again when they have ended" in said.err
    assert held(books, "a-3") == {"Z": 4}


@pytest.mark.parametrize(("traded", "refused"), [("2026-11-19", False), ("2026-11-20", True)])
def test_what_was_traded_counts_by_its_trade_date(run: Run, books: Books, traded: str, refused: bool) -> None:
    """DAY-2: booked on the action's day, or later, says nothing."""
    with books.transaction(Actor("test")) as transaction:
        new = NewRebalance("A-1", "s-1", "w-1", None, FULL, "best_fit", "required", "ann", ())
        made = transaction.rebalances.create(new)
        leg = Leg(1, "sell", "Z", Decimal(1), Decimal(20), ((MANAGED, Decimal(1)),), "DESTINATION-1", "too much")
        transaction.orders.create(transaction.epochs.current(), made, [leg])
        answer = Answer("FILLED", Decimal(1), Decimal(20), date.fromisoformat(traded), None)
        transaction.orders.heard(made, {1: answer})
        transaction.orders.booked(made, datetime(2026, 11, 20, 15, tzinfo=UTC))
        transaction.rebalances.end(made, "COMPLETE", None, {"status": "COMPLETE"})
    said = run(SPLIT)
    assert said.code == (1 if refused else 0)
    assert ("A-1 traded Z on 2026-11-20 or later" in said.err) is refused


def test_fractions_of_a_taxable_account_are_noted_as_sales(run: Run, books: Books) -> None:
    """X: 30.5 managed and 5 protected, 1 for 10: 3.55, of which 0.55 are paid out at 990.00: 544.50."""
    reverse = {"id": "CA-9", "type": "reverse_split", "symbol": "X", "date": "2026-11-20", "new": "1", "old": "10"}
    said = run(reverse | {"price": "990.00"}, form="json")
    assert said.json["actions"][0]["cash"] == "544.50"
    sold = rows(books, "SELECT sum(quantity) FROM recent_sales WHERE account_id = 'A-1' AND symbol = 'X'")
    assert sold == [(Decimal("0.55"),)]
    assert agree(books, "A-1")
    assert account(books, "A-1").managed.cash == Decimal("1044.75")


def test_a_csv_file_of_actions(inside: Command, books: Books, database_url: str, tmp_path: Path) -> None:
    loaded(books)
    path = tmp_path / "actions.csv"
    path.write_text(
        "id,type,symbol,date,new,old,amount\nCA-1,split,Z,2026-11-20,2,1,\nCA-3,cash_dividend,Z,2026-11-20,,,0.10\n"
    )
    said = inside("corporate-actions", str(path), REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (0, "")
    assert "cash dividend of Z: 2 accounts, cash of 14.80" in said.out  # on 140 and 8 shares, as the split came first


def test_the_example_does_what_the_guide_shows(
    inside: Command, books: Books, database_url: str, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(examples.parent)
    household = open_book(examples / "household.yaml")
    load(books, household.market, household.accounts, in_force(TODAY), TODAY, Actor("ann"))
    said = inside("corporate-actions", "examples/corporate-actions.yaml", REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (0, "")
    guide = (examples.parent / "docs" / "operators-guide.md").read_text()
    assert f"$ rebalancer corporate-actions examples/corporate-actions.yaml\n{said.out}```" in guide


def test_the_limit_is_policy(run: Run, books: Books) -> None:
    assert in_force(TODAY).price_jump == Decimal("0.25")
    loaded(books, small_book(policy={"price_jump": "0.05"}))
    assert "held back       Z of 2026-11-20" in run("symbol,date,close\nZ,2026-11-20,22\n").out


# --- beside custodians' statements (DAY-5)

# A-1 as the small book has it, over all sleeves.
A1 = {"": "512.25", "X": "35.5", "Y": "80.125", "Z": "70"}


@pytest.fixture
def stated(inside: Command, run: Run, database_url: str, tmp_path: Path) -> Callable[..., Said]:
    """`stated("2026-11-19", Z="140")`: a statement of A-1 of a day, as the small book has it but for what is named."""

    def state(day: str, **other: str | None) -> Said:
        path = tmp_path / "statement.csv"
        held = {symbol: quantity for symbol, quantity in (A1 | other).items() if quantity is not None}
        lines = [f"A-1,{symbol},{each},{day}" for symbol, each in held.items()]
        path.write_text("\n".join(["account_id,symbol,quantity,as_of", *lines]) + "\n")
        return inside("positions", str(path), REBALANCER_DATABASE_URL=database_url)

    return state


@pytest.mark.parametrize(
    "actions",
    [
        [SPLIT],
        [PAID],
        [RENAMED],
        [SPLIT | {"new": "5", "old": "3"}],
        [PAID, SPLIT],  # on the shares of before, as it stands first
        [SPLIT, PAID],
        [
            {
                "id": "R",
                "type": "reverse_split",
                "symbol": "X",
                "date": "2026-11-20",
                "new": "1",
                "old": "7",
                "price": "70",
            }
        ],
    ],
    ids=["split", "dividend", "new symbol", "split in thirds", "dividend, split", "split, dividend", "reverse split"],
)
def test_a_statement_of_the_day_before_an_action_is_told_apart_from_it(
    run: Run, stated: Callable[..., Said], books: Books, actions: list[dict[str, Any]]
) -> None:
    """In the morning the action comes first, then the custodian's statement of the day before."""
    assert run(*actions).code == 0
    before = account(books, "A-1")
    said = stated("2026-11-19")
    assert (said.code, said.err) == (0, "")
    assert "is what the books have: nothing changes (1 account)" in said.out
    assert account(books, "A-1") == before
    assert agree(books, "A-1")


def test_what_differs_besides_an_action_is_booked(run: Run, stated: Callable[..., Said], books: Books) -> None:
    run(SPLIT, PAID)
    cash = account(books, "A-1").managed.cash
    said = stated("2026-11-19", **{"": "600.00"})
    assert "cash of 1, positions 0, of the managed sleeve" in said.out
    assert account(books, "A-1").managed.cash == cash + Decimal("87.75")
    assert held(books, "A-1")["Z"] == 140


def test_a_statement_of_the_action_s_day_has_it(run: Run, stated: Callable[..., Said], books: Books) -> None:
    run(SPLIT)
    assert "is what the books have" in stated("2026-11-20", Z="140").out
    assert "breaks          1" in stated("2026-11-20").out  # 70: the custodian has not split them
    assert held(books, "A-1")["Z"] == 140


def test_a_split_that_a_statement_has_booked_already_would_count_twice(
    run: Run, stated: Callable[..., Said], books: Books
) -> None:
    """X is held in the managed sleeve alone: a statement that says 71 of 35.5 is booked there."""
    loaded(books, book_without_protection())
    split = SPLIT | {"symbol": "X"}
    stated("2026-11-20", X="61")
    assert held(books, "A-1")["X"] == 61
    said = run(split)
    assert said.code == 1
    assert "a statement of 2026-11-20 or later has booked X of A-1 already: the action would count twice" in said.err
    assert held(books, "A-1")["X"] == 61
    assert run(SPLIT).code == 0  # of Z it booked nothing


def book_without_protection() -> dict[str, Any]:
    raw = small_book()
    del account_of(raw, "A-1")["protected"]
    return raw
