"""`rebalancer prices`: exact, whole or not at all, and the business day that the next evaluation uses."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from policy import in_force
from policy.clock import Clock
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from tests.cli.conftest import Command, Said
from tests.storage.small_book import TODAY, account, book, effects, loaded, rows

Prices = Callable[..., Said]


@pytest.fixture
def prices(inside: Command, books: Books, database_url: str, tmp_path: Path) -> Prices:
    """`prices("symbol,date,close\\n…", "--format", "json")` on the small book, on the Monday after its day."""
    loaded(books)
    monday = Clock.set_to(datetime(2026, 11, 23, 22, tzinfo=UTC)).environment

    def run(given: str | bytes, *words: str) -> Said:
        path = tmp_path / "prices.csv"
        path.write_bytes(given if isinstance(given, bytes) else given.encode())
        return inside("prices", str(path), *words, REBALANCER_DATABASE_URL=database_url, **monday)

    return run


def price(books: Books, symbol: str, day: str) -> Any:
    found = rows(
        books, "SELECT price FROM prices WHERE symbol = :s AND as_of = :d", s=symbol, d=date.fromisoformat(day)
    )
    return found[0][0] if found else None


def test_new_corrected_unchanged_and_not_understood_are_counted(prices: Prices, books: Books) -> None:
    told = prices(
        "date,symbol,close,volume\n2026-11-23,X,101.25,9\n2026-11-23,Y,50.123456789012,9\n2026-11-20,X,100.50,9\n"
        "2026-11-19,Z,20.00,9\n2026-11-23,Z,20.10,9\n2026-11-23,NOBODY,1,9\n",
        "--format",
        "json",
    )
    assert (told.code, told.err) == (0, "")
    assert told.json == {
        "lines": 6,
        "new": 3,
        "corrected": 1,
        "unchanged": 1,
        "unknown_symbols": {"NOBODY": 1},
        "held_back": {},
        "ignored_columns": ["volume"],
        "business_day": "2026-11-23",
        "business_day_before": "2026-11-20",
        "not_the_business_day": [],
    }
    assert price(books, "Y", "2026-11-23") == Decimal("50.123456789012")
    assert price(books, "X", "2026-11-20") == Decimal("100.50")
    corrected = rows(
        books, "SELECT before, after->>'X 2026-11-20' FROM audit_records WHERE action = 'prices corrected'"
    )
    assert corrected == [({"X 2026-11-20": "100"}, "100.5")]


def test_a_newer_day_becomes_the_business_day_and_snapshots_see_its_prices(prices: Prices, books: Books) -> None:
    prices("symbol,date,close\nX,2026-11-23,120\nY,2026-11-23,51\nZ,2026-11-23,20\n")
    with books.transaction() as transaction:
        snapshot, _ = transaction.snapshots.take("A-1", None, date(2026, 11, 23))
    assert snapshot.as_of == date(2026, 11, 23)
    assert snapshot.price("X") == 120
    assert snapshot.securities["Z"].price_as_of == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("X,2026-11-23,101\n", "1 of 3 securities held have a price of it, and 95 % are needed: Y, Z have none"),
        ("X,2026-11-24,101\nY,2026-11-24,51\nZ,2026-11-24,20\n", "it is after today, 2026-11-23"),
        ("X,2026-11-22,101\nY,2026-11-22,51\nZ,2026-11-22,20\n", "the exchange does not trade on it"),
    ],
)
def test_a_slipped_date_moves_nothing(prices: Prices, books: Books, given: str, why: str) -> None:
    """DAY-4: the prices are there, the day stays, and what is missing is told."""
    told = prices("symbol,date,close\n" + given)
    assert told.code == 0
    assert "business day    stays 2026-11-20, and is not 2026-11-2" in told.out
    assert why in told.out
    assert rows(books, "SELECT as_of FROM book_days") == [(TODAY,)]
    assert price(books, "X", given[2:12]) == 101


def test_what_nobody_needs_a_price_of_holds_no_day_up(prices: Prices, books: Books) -> None:
    """Nobody will ever have a price of what is worthless; what is protected alone is in nobody's way (CHECK-1)."""
    raw = book()
    raw["securities"] += [{"symbol": "GONE", "price": "0", "worthless": True}, {"symbol": "OWN", "price": "9.00"}]
    account(raw, "A-2")["holdings"] = [{"symbol": "GONE", "quantity": "5"}]
    account(raw, "A-2")["protected"] = [{"symbol": "OWN", "quantity": "1"}]
    loaded(books, raw)
    prices("symbol,date,close\nX,2026-11-23,101\nY,2026-11-23,51\nZ,2026-11-23,20\n")
    assert rows(books, "SELECT as_of FROM book_days") == [(date(2026, 11, 23),)]


def test_a_newer_book_moves_the_day_as_prices_do_and_an_older_one_only_by_name(books: Books) -> None:
    """DAY-4."""
    monday, day = date(2026, 11, 23), "SELECT as_of FROM book_days"
    loaded(books)
    newer = book(as_of="2026-11-23", accounts=[])
    loaded(books, newer, monday)  # Z is priced for the 19th
    assert rows(books, day) == [(TODAY,)]
    del newer["securities"][2]["price_as_of"]
    loaded(books, newer, monday)
    assert rows(books, day) == [(monday,)]
    loaded(books, book(accounts=[]), monday)
    assert rows(books, day) == [(monday,)]
    older = book()
    del older["accounts"]
    load(books, older, iter([]), in_force(TODAY), monday, Actor("ann"), by_name=True)
    assert rows(books, day) == [(TODAY,)]
    told = "SELECT before->>'as_of', after->>'as_of' FROM audit_records WHERE action = 'business day set' ORDER BY id"
    assert rows(books, told)[-1] == ("2026-11-23", "2026-11-20")


def test_an_older_day_corrects_and_moves_nothing(prices: Prices, books: Books) -> None:
    prices("symbol,date,close\nX,2026-11-18,98\n")
    assert price(books, "X", "2026-11-18") == 98
    assert rows(books, "SELECT as_of FROM book_days") == [(TODAY,)]


def test_the_same_file_again_changes_nothing(prices: Prices, books: Books) -> None:
    file = "symbol,date,close\nX,2026-11-23,101\nQ,2026-11-23,101\n"
    first = prices(file).out
    assert "1 new, 0 corrected, 0 unchanged" in first
    assert "not understood  1 of 2 lines, no security has their symbol: Q" in first
    before = effects(books)
    again = prices(file)
    assert (again.code, "was loaded already: nothing changes" in again.out) == (0, True)
    assert effects(books) == before


BAD = """symbol,date,close
X,2026-11-23,101
X,2026-11-23,102
,2026-11-23,1
X,20261123,1
X,2026-02-30,1
X,2062-11-23,1
X,2026-11-22,0
X,2026-11-22,-3
X,2026-11-22,1e3
X,2026-11-22,"1,000.00"
X,2026-11-22,NaN
X,2026-11-22,1.1234567890123
X,2026-11-22
"""


def test_every_problem_is_told_with_its_line_and_nothing_changes(prices: Prices, books: Books) -> None:
    before = effects(books)
    told = prices(BAD)
    assert (told.code, told.out) == (1, "")
    first, *listed = told.err.splitlines()
    assert "prices.csv refused, 12 problems; nothing was changed" in first
    assert [int(each.split()[1].rstrip(":")) for each in listed] == list(range(3, 15))
    assert "  line 3: X of 2026-11-23 is on line 2 already" in listed
    assert effects(books) == before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "the file is empty"),
        ("symbol;date;close\nX;2026-11-23;1\n", "the column symbol is missing: the header is symbol;date;close"),
        ("symbol,date,close\n", "there is no price in it"),
        ("symbol,date,close,close\n", "the column close is there twice"),
        ("symbol,date,close\nNO,2026-11-23,1\n", "no symbol is known (NO): load a book first"),
        ('symbol,date,close\nX,2026-11-23,"1', "line 2: is not CSV"),
        (b"symbol,date,close\nX\xff,2026-11-23,1\n", "is not UTF-8 text"),
        (b"symbol,date,close\nX\x00,2026-11-23,1\n", "is no id"),
        (b"PAR1 but no more", "is not a Parquet file"),
    ],
)
def test_what_is_no_price_file(prices: Prices, books: Books, given: str | bytes, told: str) -> None:
    before = effects(books)
    said = prices(given)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert "Traceback" not in said.err
    assert effects(books) == before


def test_many_problems_are_counted_and_the_first_shown(prices: Prices) -> None:
    said = prices("symbol,date,close\n" + "X,never,1\n" * 1000)
    assert "refused, 1,000 problems" in said.err
    assert said.err.splitlines()[-1] == "  … and 800 more"


def test_a_file_that_is_not_there(command: Command, database_url: str) -> None:
    said = command("prices", "nowhere.csv", REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (1, "rebalancer: nowhere.csv can't be opened: No such file or directory\n")


def written(folder: Path, **columns: Any) -> str:
    path = folder / "prices.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return str(path)


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (pyarrow.array([date(2026, 11, 23)] * 2), pyarrow.array([Decimal("100.100000000001"), Decimal("47")])),
        (pyarrow.array(["2026-11-23"] * 2), pyarrow.array(["100.100000000001", "47"])),
        (
            pyarrow.array([date(2026, 11, 23)] * 2).cast(pyarrow.timestamp("ms")),
            pyarrow.array(["100.100000000001", "47"]).dictionary_encode(),
        ),
    ],
    ids=["decimals", "texts", "timestamps"],
)
def test_parquet_is_exact(
    command: Command, books: Books, database_url: str, tmp_path: Path, day: Any, close: Any
) -> None:
    loaded(books)
    path = written(tmp_path, symbol=pyarrow.array(["X", "Y"]), date=day, close=close)
    said = command("prices", path, REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (0, "")
    assert price(books, "X", "2026-11-23") == Decimal("100.100000000001")
    assert price(books, "Y", "2026-11-23") == 47


def test_parquet_floats_are_refused(command: Command, books: Books, database_url: str, tmp_path: Path) -> None:
    loaded(books)
    path = written(tmp_path, symbol=["X"], date=["2026-11-23"], close=[0.1])
    said = command("prices", path, REBALANCER_DATABASE_URL=database_url)
    assert said.code == 1
    assert "the column close is of double, which is not exact: write it as decimal128 or as text" in said.err


@pytest.mark.parametrize("historical", [False, True])
def test_newer_prices_make_no_book_historical_and_none_that_is_live(books: Books, historical: bool) -> None:
    """DAY-3: it is never inferred; a book says what it is."""
    raw = book(as_of="2022-12-20", historical=historical)
    for each in raw["securities"]:
        each.pop("price_as_of", None)
    loaded(books, raw)
    with books.transaction(Actor("ann")) as transaction:
        transaction.market.move_book_day(date(2022, 12, 28))
        known = transaction.market.book_day()
    assert known is not None
    assert (known.as_of, known.historical) == (date(2022, 12, 28), historical)
