"""`rebalancer positions`: a statement against the books and the paper custodian's ledger, whole or not at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.books.book import BookRefused
from domain.executing.booking import Leg
from domain.executing.reconciliation import compare, ledger
from domain.values.purpose import FULL
from domain.values.snapshot import Holding, Lot
from policy import in_force
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from storage.work.orders import Answer
from storage.work.rebalances import NewRebalance
from tests.cli.conftest import Command, Said
from tests.storage.small_book import TODAY, audited, book, by_hand, effects, last_audit, loaded, rows
from venues.paper import PAPER
from venues.registry import Venues

Positions = Callable[..., Said]
# The small book: A-1 holds 500.25 and 12.00 in cash, X 30.5 + 5 protected, Y 30.125 + 50 in a sleeve, Z 70 in it.
A1 = {"": "512.25", "X": "35.5", "Y": "80.125", "Z": "70"}
A2 = {"CASH": "10000"}
A3 = {"": "1.00", "Z": "4"}


def file(*, as_of: str = "", **accounts: dict[str, str]) -> str:
    day = f",{as_of}" if as_of else ""
    lines = [f"{name.replace('_', '-')},{s},{q}{day}" for name, held in accounts.items() for s, q in held.items()]
    return "\n".join(["account_id,symbol,quantity" + (",as_of" if as_of else ""), *lines]) + "\n"


@pytest.fixture
def positions(inside: Command, books: Books, database_url: str, tmp_path: Path) -> Positions:
    """`positions("account_id,symbol,quantity\\n…")` on the small book."""
    loaded(books)

    def run(given: str, *words: str) -> Said:
        path = tmp_path / "statement.csv"
        path.write_text(given)
        dated = [] if "as_of" in given or "--date" in words else ["--date", str(TODAY)]
        return inside("positions", str(path), *words, *dated, REBALANCER_DATABASE_URL=database_url)

    return run


def account(books: Books, account_id: str) -> Any:
    with books.transaction() as transaction:
        return transaction.snapshots.take(account_id, None, TODAY)[0].account


def agree(books: Books, account_id: str) -> bool:
    theirs = Venues(books.engine).custodian(PAPER).ledger(account_id)
    return compare(ledger(account(books, account_id)), theirs) == ()


def open_breaks(books: Books) -> list[Any]:
    return rows(
        books,
        "SELECT account_id, symbol, trim_scale(expected), trim_scale(actual) FROM breaks WHERE resolved_at IS NULL"
        " ORDER BY id",
    )


def test_a_statement_that_agrees_changes_nothing(positions: Positions, books: Books) -> None:
    said = positions(file(A_1=A1, A_2=A2, a_3=A3, as_of="2026-11-20"))
    before = effects(books)
    assert (said.code, said.err) == (0, "")
    assert "is what the books have: nothing changes (3 accounts)" in said.out
    assert open_breaks(books) == []
    positions(file(A_1=A1, A_2=A2, a_3=A3, as_of="2026-11-20"))
    assert effects(books) == before


def test_what_is_beyond_doubt_is_booked_and_the_custodian_agrees(positions: Positions, books: Books) -> None:
    at = last_audit(books)
    said = positions(
        file(A_1=A1 | {"": "412.25"}, A_2=A2 | {"CASH": "9000.50", "X": "3"}, as_of="2026-11-20"), "--format", "json"
    )
    assert (said.code, said.err) == (0, "")
    assert said.json == {
        "lines": 6,
        "accounts": 2,
        "changed": 2,
        "cash_booked": 2,
        "positions_booked": 1,
        "withdrawals_paid": 1,
        "breaks_closed": 0,
        "breaks_still_open": 0,
        "breaks": 0,
        "left_out": {},
        "notes": [],
        "unknown_accounts": {},
        "unknown_symbols": {},
        "ignored_columns": [],
    }
    one, two = account(books, "A-1"), account(books, "A-2")
    assert one.managed.cash == Decimal("400.25")
    assert one.withdrawals == ()  # 100.00 was pending, and 100.00 went
    assert one.model_sleeves[0].cash == Decimal("12.00")
    assert two.managed.cash == Decimal("9000.50")
    assert [(each.symbol, each.quantity, each.lots[0].cost_per_share) for each in two.managed.holdings] == [
        ("X", 3, None)
    ]
    assert agree(books, "A-1") and agree(books, "A-2")
    assert audited(books, at) == [
        ("positions booked", "A-1"),
        ("withdrawal paid", "A-1"),
        ("positions booked", "A-2"),
        ("statement loaded", None),
    ]


def test_what_is_in_doubt_is_a_break_under_which_nothing_is_booked(positions: Positions, books: Books) -> None:
    split = file(A_1=A1 | {"Y": "160.25"})
    said = positions(split)
    assert "breaks          1 that somebody has to resolve: rebalancer breaks" in said.out
    assert open_breaks(books) == [("A-1", "Y", Decimal("80.125"), Decimal("160.25"))]
    before = effects(books)
    again = positions(split).out
    assert "compared with the books: 1 account, 0 changed" in again  # it differs, so it is not what the books have
    assert "breaks open     1, with the same figures as before: rebalancer breaks" in again
    assert effects(books) == before
    positions(file(A_1=A1 | {"Y": "161"}))
    assert open_breaks(books) == [("A-1", "Y", Decimal("80.125"), Decimal(161))]
    with books.transaction() as transaction:
        assert transaction.snapshots.take("A-1", None, TODAY)[0].open_breaks == ("1",)


def test_a_position_that_is_not_named_takes_no_lots_away(positions: Positions, books: Books) -> None:
    positions(file(A_2=A2 | {"X": "3"}))
    positions(file(A_2=A2))
    assert open_breaks(books) == [("A-2", "X", 3, 0)]


def test_a_position_stated_as_zero_is_gone(positions: Positions, books: Books) -> None:
    positions(file(a_3=A3 | {"Z": "0"}))
    assert account(books, "a-3").managed.holdings == ()
    assert open_breaks(books) == []


def test_what_is_not_known_is_counted(positions: Positions, books: Books) -> None:
    said = positions(file(A_2=A2 | {"NEW": "1"}, Z_9={"": "5", "X": "1"}))
    assert "not understood  2 lines, accounts that nobody knows: Z-9" in said.out
    assert "not understood  1 line, symbols that no security has: NEW" in said.out
    assert open_breaks(books) == [("A-2", "NEW", 0, 1)]  # the custodian holds what can't be valued


def test_an_account_is_left_out_while_a_rebalance_trades_on_it(positions: Positions, books: Books) -> None:
    with books.transaction(Actor("test")) as transaction:
        made = transaction.rebalances.create(
            NewRebalance("A-2", "w#1", "w", None, FULL, "exact", "required", "ann", ())
        )
        transaction.rebalances.approve(made, "ben", datetime(2026, 11, 20, 15, tzinfo=UTC))
    said = positions(file(A_2={"": "1"}))
    assert f"left out        A-2: {made} trades on it now: load again when it has ended" in said.out
    assert "what the books have" not in said.out
    assert rows(books, "SELECT cash FROM sleeves WHERE account_id = 'A-2'") == [(10000,)]
    assert Venues(books.engine).custodian(PAPER).ledger("A-2").cash == 10000


def test_a_statement_older_than_the_last_one_is_left_out(positions: Positions, books: Books) -> None:
    positions(file(A_2={"": "9000"}, as_of="2026-11-20"))
    said = positions(file(A_2={"": "8000"}, as_of="2026-11-19"))
    assert "left out        A-2: the statement is of 2026-11-19, and one of 2026-11-20 was loaded" in said.out
    assert "what the books have" not in said.out
    assert account(books, "A-2").managed.cash == 9000
    positions(file(A_2={"": "9500"}, as_of="2026-11-20"))  # the same day's, corrected
    assert account(books, "A-2").managed.cash == 9500


BAD = """account_id,symbol,quantity,as_of
A-1,,512.25,2026-11-20
A-1,CASH,512.25,2026-11-20
A-1,X,1,2026-11-20
A-1,X,2,2026-11-21
A-2,X,-1,2026-11-20
A-2,,1.005,2026-11-20
A-2,Y,1e3,2026-11-20
,Z,1,2026-11-20
a-3,Z,4,2026-11-20
a-3,X,4,yesterday
"""


def test_every_problem_is_told_with_its_line_and_nothing_changes(positions: Positions, books: Books) -> None:
    before = effects(books)
    said = positions(BAD)
    assert (said.code, said.out) == (1, "")
    first, *listed = said.err.splitlines()
    assert "statement.csv refused, 10 problems; nothing was changed" in first
    assert [each.strip() for each in listed] == [
        "line 2: account A-1 is stated as of 2 different days",
        "line 3: cash of account A-1 is on line 2 already",
        "line 5: X of account A-1 is on line 4 already",
        "line 5: the statement is of 2026-11-21, after today, 2026-11-20 (DAY-5)",
        "line 6: quantity: -1 is below 0; short positions are not kept",
        "line 7: quantity: cash is in whole cents, not 1.005",
        "line 8: quantity: a plain decimal number is needed, at most 16 digits before the point and 12 behind it, not "
        "'1e3'",
        "line 9: account_id: is empty",
        "line 10: account a-3 has no line for its cash: give one, 0 where it has none",
        "line 11: as_of: a date like 2026-11-20 is needed, not 'yesterday'",
    ]
    assert effects(books) == before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("account_id,quantity\nA-1,5\n", "the column symbol is missing: the header is account_id, quantity"),
        ("account_id,symbol,quantity\n", "there is no position in it"),
        ("account_id,symbol,quantity\nZ-9,,5\n", "no account is known (Z-9): load a book first"),
    ],
)
def test_what_is_no_statement(positions: Positions, books: Books, given: str, told: str) -> None:
    before = effects(books)
    said = positions(given)
    assert said.code == 1
    assert told in said.err
    assert effects(books) == before


def test_as_a_process_of_its_own(command: Command, books: Books, database_url: str, tmp_path: Path) -> None:
    loaded(books)
    path = tmp_path / "statement.csv"
    path.write_text(file(A_2={"": "9000"}))
    said = command("positions", str(path), "--date", "2026-11-20", "--by", "ann", REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"{path} compared with the books: 1 account, 1 changed",
        "  booked          cash of 1, positions 0, of the managed sleeve",
        "Next: rebalancer evaluate",
    ]


# --- a statement has a date (DAY-5)


def test_an_undated_statement_is_refused(inside: Command, books: Books, database_url: str, tmp_path: Path) -> None:
    loaded(books)
    before = effects(books)
    path = tmp_path / "statement.csv"
    path.write_text(file(A_2={"": "9000"}))
    said = inside("positions", str(path), REBALANCER_DATABASE_URL=database_url)
    assert said.code == 1
    assert "of which day is the statement? Give as_of in the file, or --date (DAY-5)" in said.err
    assert effects(books) == before


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2026-11-14", "the statement is of 2026-11-14, on which the exchange did not trade (DAY-5)"),  # a Saturday
        ("2026-11-23", "the statement is of 2026-11-23, after today, 2026-11-20 (DAY-5)"),
    ],
)
def test_its_day_is_a_session_not_after_today(positions: Positions, books: Books, day: str, told: str) -> None:
    before = effects(books)
    said = positions(file(A_2={"": "9000"}, as_of=day))
    assert (said.code, told in said.err) == (1, True), said
    assert effects(books) == before


@pytest.mark.parametrize(
    ("traded", "cash", "agrees"),
    [
        ("2026-11-20", "10000", True),  # traded the day after: stated as it was before
        ("2026-11-20", "9700", False),  # not as the trade left it
        ("2026-11-19", "9700", True),  # traded on the statement's day: it has it
        ("2026-11-19", "10000", False),
    ],
)
def test_it_is_compared_with_the_books_as_they_stood(
    positions: Positions, books: Books, traded: str, cash: str, agrees: bool
) -> None:
    """A-2: 10,000.00, of which 300.00 went for 3 X; a statement of 2026-11-19."""
    bought(books, traded)
    held = {"": cash} | ({} if cash == "10000" else {"X": "3"})
    said = positions(file(A_2=held, as_of="2026-11-19"))
    assert (said.code, "is what the books have" in said.out or "nothing changes" in said.out) == (0, agrees), said.out


def bought(books: Books, day: str) -> None:
    """A-2 bought 3 X for 300.00 on a day, as a rebalance books it."""
    with books.transaction(Actor("ann")) as transaction:
        made = transaction.rebalances.create(
            NewRebalance(
                account_id="A-2", start_key="k", workflow_id="w", request_id=None, purpose=FULL, mode="exact",
                approval="required", requested_by="ann", overrides=(),
            )
        )  # fmt: skip
        leg = Leg(1, "buy", "X", Decimal(3), Decimal(100), (("managed", Decimal(3)),), "DESTINATION-1", "")
        transaction.orders.create(transaction.epochs.current(), made, [leg])
        filled = Answer("FILLED", Decimal(3), Decimal(300), date.fromisoformat(day), None)
        transaction.orders.heard(made, {1: filled})
        transaction.orders.booked(made, datetime.fromisoformat(f"{day}T20:00:00Z"))
        transaction.rebalances.end(made, "COMPLETE", None, {})
        before = transaction.snapshots.take("A-2", None, TODAY)[0].account
        lot = Lot(Decimal(3), Decimal(100), date.fromisoformat(day))
        managed = replace(before.managed, cash=before.managed.cash - 300, holdings=(Holding("X", Decimal(3), (lot,)),))
        transaction.accounts.store_positions("A-2", before, replace(before, managed=managed))


def test_what_a_statement_does_not_name_is_not_gone_because_it_was_traded_since(
    positions: Positions, books: Books
) -> None:
    """A-2 holds 3 X that it bought on the 20th, and 5 that came since: a statement of the 19th names none."""
    bought(books, "2026-11-20")
    positions(file(A_2={"": "9700", "X": "8"}, as_of="2026-11-20"))
    with books.transaction(Actor("test")) as transaction:  # what is loaded next is of an earlier day all the same
        transaction.connection.execute(text("DELETE FROM custodian_statements"))
        by_hand(transaction.connection, "A-2")
    said = positions(file(A_2={"": "10000"}, as_of="2026-11-19"))
    assert "breaks          1" in said.out
    assert [each.quantity for each in account(books, "A-2").managed.holdings] == [8]


# --- breaks that a later statement closes (BREAK-1)


def test_a_break_shows_the_newest_figures_and_is_closed_by_the_statement_that_agrees(
    positions: Positions, books: Books
) -> None:
    """Y is held in two sleeves: what differs is a break."""
    positions(file(A_1=A1 | {"Y": "90"}, as_of="2026-11-18"))
    assert open_breaks(books) == [("A-1", "Y", Decimal("80.125"), Decimal(90))]
    positions(file(A_1=A1 | {"Y": "95"}, as_of="2026-11-19"))
    assert open_breaks(books) == [("A-1", "Y", Decimal("80.125"), Decimal(95))]
    said = positions(file(A_1=A1, as_of="2026-11-20"))
    assert "breaks closed   1 whose figures agree again (BREAK-1)" in said.out
    assert open_breaks(books) == []
    note = rows(books, "SELECT note FROM breaks")[0][0]
    assert note == "the statement statement.csv agrees with the books again (BREAK-1)"


# --- a book older than the account's trades (LOAD-1)


def test_a_book_that_would_take_back_a_statement_is_refused_by_name(positions: Positions, books: Books) -> None:
    """A-1's custodian says on the 20th that 87.75 came: the book of the day before doesn't have it."""
    positions(file(A_1=A1 | {"": "600.00"}, as_of="2026-11-20"))
    before = effects(books)
    told = r"A-1 has other positions, of 2026-11-19: they would take back the custodian's statement of 2026-11-20 \("
    with pytest.raises(BookRefused, match=told):
        loaded(books, book(as_of="2026-11-19"))
    assert effects(books) == before
    loaded(books)
    assert account(books, "A-1").managed.cash == Decimal("500.25")
    positions(file(A_1=A1 | {"": "600.00"}, as_of="2026-11-20"))
    newer = book(as_of="2026-11-23")
    loaded(books, newer, date(2026, 11, 23))
    assert account(books, "A-1").managed.cash == Decimal("500.25")


def test_a_book_that_would_take_back_trades_is_refused_by_name(books: Books) -> None:
    loaded(books)
    bought(books, "2026-11-20")
    before = effects(books)
    with pytest.raises(BookRefused, match="A-2 has other positions, of 2026-11-20: they would take back trades"):
        loaded(books)
    assert effects(books) == before
    raw = book()
    accounts = raw.pop("accounts")
    report = load(books, raw, iter(accounts), in_force(TODAY), TODAY, Actor("ann"), overwrite_positions=True)
    assert report.replaced == 1


def test_what_a_book_would_take_back_is_told_once_an_account(positions: Positions, books: Books) -> None:
    """A-2 has traded, and a statement of that day has it."""
    bought(books, "2026-11-20")
    positions(file(A_2={"": "9700", "X": "3"}, as_of="2026-11-20"))
    with pytest.raises(BookRefused) as refused:
        loaded(books)
    assert [each.message.count("take back trades") for each in refused.value.problems] == [1]


def test_a_book_by_name_takes_them_back(books: Books) -> None:
    loaded(books)
    bought(books, "2026-11-20")
    raw = book()
    accounts = raw.pop("accounts")
    load(books, raw, iter(accounts), in_force(TODAY), TODAY, Actor("ann"), overwrite_positions=True)
    assert account(books, "A-2").managed.cash == 10000
