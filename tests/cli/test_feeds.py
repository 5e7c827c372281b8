"""Files as they come, through `positions`, `prices`, `model signal` and `feed`, whole or not at all."""

import hashlib
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.values.snapshot import Lot
from storage.connection import Books
from tests.cli.conftest import Command, Said
from tests.storage.small_book import TODAY, effects, loaded, rows

FILES = Path(__file__).parents[2] / "examples" / "feeds"
BOOK: dict[str, Any] = {
    "as_of": "2026-11-20",
    "securities": [
        {"symbol": "KO", "price": "60.00"},
        {"symbol": "PEP", "price": "40.00"},
        {"symbol": "BF.B", "price": "32.25"},
    ],
    "models": [{"id": "M", "holdings": [{"symbol": "KO", "weight": "1"}]}],
    "accounts": [
        {"id": "S-1", "custodian": "Charles Schwab & Co.", "custodian_account": "55120817", "cash": "24985.60",
         "holdings": [{"symbol": "BF.B", "quantity": "2400"}, {"symbol": "KO", "quantity": "500"}]},
        {"id": "F-1", "custodian": "FIDELITY", "custodian_account": "Y55500017", "cash": "3000.75"},
        {"id": "F-2", "custodian": "FIDELITY", "custodian_account": "Y55500025", "cash": "1.00"},
        {"id": "E-1", "custodian": "PAPER", "custodian_account": "73904408", "cash": "7250.40"},
    ],
}  # fmt: skip
Run = Callable[..., Said]


@pytest.fixture
def run(inside: Command, books: Books, database_url: str) -> Run:
    """`run("positions", "schwab-positions.csv")` on the book above."""
    loaded(books, BOOK)

    def command(*words: str) -> Said:
        known = [str(FILES / each) if (FILES / each).is_file() else each for each in words]
        return inside(*known, REBALANCER_DATABASE_URL=database_url)

    return command


def account(books: Books, account_id: str) -> Any:
    with books.transaction() as transaction:
        return transaction.snapshots.take(account_id, None, TODAY)[0].account


def held(books: Books, account_id: str) -> dict[str, Decimal]:
    return {each.symbol: each.quantity for each in account(books, account_id).managed.holdings}


def test_a_masked_account_is_the_one_of_its_custodian_that_ends_so(run: Run, books: Books) -> None:
    said = run("positions", "schwab-positions.csv", "--format", "json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["accounts"], said.json["changed"], said.json["unknown_accounts"]) == (1, 1, {})
    assert held(books, "S-1") == {"BF.B": 2400, "KO": Decimal("510.25")}
    assert rows(books, "SELECT account_id, as_of FROM custodian_statements") == [("S-1", TODAY)]


def test_lots_come_with_their_cost_and_day(run: Run, books: Books) -> None:
    assert run("positions", "etrade-positions.csv").code == 0
    ko = next(each for each in account(books, "E-1").managed.holdings if each.symbol == "KO")
    assert ko.lots == (
        Lot(Decimal(120), Decimal(50), TODAY.replace(2024, 3, 14)),
        Lot(Decimal(80), Decimal("62.5"), TODAY.replace(2025, 8, 5)),
    )


def test_a_short_position_stops_its_account_and_no_other(run: Run, books: Books) -> None:
    said = run("positions", "fidelity-positions.csv")
    assert said.code == 0
    assert "left out        F-2: -10 PEP: short positions are not kept" in said.out
    assert "besides         Y55500017: Pending activity of 120.00 is not in the cash yet" in said.out
    assert held(books, "F-1") == {"KO": Decimal("150.5")}
    assert account(books, "F-1").managed.cash == Decimal("3250.75")
    assert account(books, "F-2").managed.cash == Decimal("1.00")
    assert rows(books, "SELECT account_id FROM custodian_statements") == [("F-1",)]


def test_what_no_security_is_known_by_stops_its_account(run: Run, books: Books, tmp_path: Path) -> None:
    strange = tmp_path / "fidelity-positions.csv"
    strange.write_bytes(
        (FILES / "fidelity-positions.csv").read_bytes().replace(b",PEP,", b",ODD,").replace(b"-10,", b"10,")
    )
    said = run("positions", str(strange))
    assert "left out        F-2: 'ODD': no security is known by it" in said.out
    assert held(books, "F-1") == {"KO": Decimal("150.5")}
    assert rows(books, "SELECT count(*) FROM breaks") == [(0,)]


def test_a_masked_number_of_two_accounts_is_neither_s(run: Run, books: Books) -> None:
    two = [
        {"id": each, "custodian": "Schwab", "custodian_account": number}
        for each, number in (("S-2", "1817"), ("S-3", "2817"))
    ]
    loaded(books, BOOK | {"accounts": two})
    said = run("positions", "schwab-positions.csv")
    assert said.code == 1
    assert "no account is known (...817)" in said.err
    both = BOOK["accounts"][1] | {"custodian": "Elsewhere", "custodian_account": "99817"}
    loaded(books, BOOK | {"accounts": [each | {"custodian": "OTHER"} for each in two] + [both]})
    assert run("positions", "schwab-positions.csv").code == 0  # theirs are no accounts of Schwab any more


def test_the_same_file_again_changes_nothing_and_is_kept_once(run: Run, books: Books) -> None:
    run("positions", "schwab-positions.csv")
    before = effects(books)
    assert "is what the books have: nothing changes" in run("positions", "schwab-positions.csv").out
    assert effects(books) == before
    content = (FILES / "schwab-positions.csv").read_bytes()
    kept = rows(books, "SELECT sha256, kind, name, feed, bytes, content FROM delivered_files")
    assert [each[:5] for each in kept] == [
        (hashlib.sha256(content).hexdigest(), "positions", "schwab-positions.csv", "schwab-positions", len(content))
    ]
    assert zlib.decompress(kept[0][5]) == content


def test_a_changed_header_is_refused_and_nothing_is_kept(run: Run, books: Books, tmp_path: Path) -> None:
    changed = tmp_path / "schwab-positions.csv"
    changed.write_bytes((FILES / "schwab-positions.csv").read_bytes().replace(b"Cost Basis,", b"Cost/Share,"))
    before = effects(books)
    said = run("positions", str(changed))
    assert (said.code, said.out) == (1, "")
    assert 'the header changed: "Cost Basis" is missing; "Cost/Share" is new' in said.err
    assert effects(books) == before


def test_the_day_may_be_given_and_not_contradicted(run: Run, books: Books, tmp_path: Path) -> None:
    undated = tmp_path / "fidelity-positions.csv"
    undated.write_bytes((FILES / "fidelity-positions.csv").read_bytes().partition(b'\n"The data')[0])
    assert run("positions", str(undated), "--date", "2026-11-19").code == 0
    assert rows(books, "SELECT as_of FROM custodian_statements") == [(TODAY.replace(day=19),)]
    said = run("positions", "schwab-positions.csv", "--date", "2026-11-19")
    assert said.code == 1
    assert "is of 2026-11-20, and --date says 2026-11-19" in said.err


def test_our_own_format_names_accounts_by_their_number_too(run: Run, books: Books, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("account_id,symbol,quantity,as_of\nY55500017,,10.00,2026-11-20\n")
    assert run("positions", str(own)).code == 0
    assert account(books, "F-1").managed.cash == Decimal("10.00")


def test_prices_of_a_feed(run: Run, books: Books) -> None:
    said = run("prices", "stooq-prices.txt", "--format", "json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["new"], said.json["unchanged"], said.json["unknown_symbols"]) == (1, 2, {})
    assert rows(books, "SELECT price FROM prices WHERE symbol = 'KO' AND as_of = '2026-11-19'") == [(Decimal("59.9"),)]


def test_a_model_of_a_feed_whose_holding_nobody_knows_is_refused(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "ishares-holdings.csv"
    odd.write_bytes((FILES / "ishares-holdings.csv").read_bytes().replace(b'"BFB"', b'"ODD"'))
    said = run("model", "signal", str(odd), "--id", "M", "--version", "2")
    assert said.code == 1
    assert "line 12: 'ODD': no security is known by it" in said.err


def test_a_model_of_a_feed_is_read_before_its_trades_are_started(run: Run, books: Books) -> None:
    said = run("model", "signal", "ishares-holdings.csv", "--id", "M", "--version", "2")
    assert said.code == 1
    assert "ESZ6 of 0.0000 is no share and left out" in said.err
    assert "Temporal does not answer" in said.err  # none runs here: all of the file was taken before
    assert rows(books, "SELECT version FROM models") == [(1,)]


def test_try_shows_what_a_file_gives_without_a_database(inside: Command) -> None:
    said = inside("feed", "try", str(FILES / "fidelity-positions.csv"))
    assert (said.code, said.err) == (0, "")
    assert "is of feed fidelity-positions (positions), of 2026-11-20" in said.out
    assert "stops the account: -10 PEP: short positions are not kept" in said.out
    as_json = inside("feed", "try", str(FILES / "etrade-positions.csv"), "--format", "json").json
    assert as_json["positions"][0]["lots"][0] == {"quantity": "120", "cost_per_share": "50", "acquired": "2024-03-14"}


@pytest.mark.parametrize(
    ("name", "lines", "missing"),
    [
        ("schwab-positions.csv", 3, "position"),
        ("fidelity-positions.csv", 1, "position"),
        ("stooq-prices.txt", 1, "price"),
    ],
)
def test_try_refuses_a_file_that_ends_with_its_header(
    inside: Command, tmp_path: Path, examples: Path, name: str, lines: int, missing: str
) -> None:
    """As `positions` and `prices` would refuse it."""
    file = tmp_path / name
    whole = (examples / "feeds" / name).read_text(encoding="utf-8-sig").splitlines(keepends=True)
    file.write_text("".join(whole[:lines]))
    said = inside("feed", "try", str(file))
    assert said.code == 1
    assert said.out.split() == ["problem", "there", "is", "no", missing, "in", "it"]
    assert "would be refused: 1 problem" in said.err


def test_try_of_a_file_of_no_feed_says_what_to_do(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("a,b\n1,2\n")
    said = inside("feed", "try", str(path))
    assert (said.code, said.out) == (1, "")
    assert f"rebalancer feed draft {path}" in said.err


def test_a_draft_is_a_feed_to_check(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("Account No;Ticker;Quantity\n7001;KO;5\n")
    said = inside("feed", "draft", str(path))
    assert (said.code, said.err) == (0, "")
    (tmp_path / "firm").mkdir()
    (tmp_path / "firm" / "bank.yaml").write_text(said.out)
    tried = inside("feed", "try", str(path), REBALANCER_FEEDS=str(tmp_path / "firm"))
    assert (tried.code, tried.err) == (0, "")
    assert f"{path} is of feed bank (positions)" in tried.out
    path.write_bytes(b"\x81\n")
    assert "no draft for" in inside("feed", "draft", str(path)).err


def test_the_list_has_every_feed(inside: Command) -> None:
    said = inside("feed", "list", "--format", "json")
    assert {each["feed"] for each in said.json} >= {"schwab-positions", "fidelity-positions", "etrade-positions"}
    assert all(each["says"] and each["because"] for each in said.json)
    assert "schwab-positions" in inside("feed", "list").out


def test_a_number_that_another_account_has_is_refused_by_name(books: Books) -> None:
    from domain.books.book import BookRefused

    again = BOOK["accounts"][1] | {"id": "F-9"}
    with pytest.raises(BookRefused, match=r'accounts\[4\]\.custodian_account: "Y55500017" is that of F-1'):
        loaded(books, BOOK | {"accounts": [*BOOK["accounts"], again]})


IDENTIFIED: dict[str, Any] = {
    "as_of": "2026-11-20",
    "securities": [
        {"symbol": "KO", "price": "60.00", "identifiers": {"isin": "US1912161007", "cusip": "191216100"}},
        {"symbol": "BF.B", "price": "32.25", "identifiers": {"cusip": "115637209", "aliases": ["BF/B", "BF B"]}},
        {"symbol": "OLD", "price": "0", "worthless": True},
    ],
    "accounts": [
        {"id": "C-1", "custodian_account": "90020023", "cash": "77.00"},
        {
            "id": "C-2",
            "custodian_account": "90020007",
            "cash": "88.00",
            "holdings": [{"symbol": "KO", "quantity": "1"}],
        },
        {"id": "C-3", "custodian_account": "90020015", "cash": "99.00"},
    ],
}


def test_a_statement_that_says_nothing_of_cash_leaves_it(run: Run, books: Books) -> None:
    loaded(books, IDENTIFIED)
    said = run("positions", "custody-mt535.txt")
    assert (said.code, said.err) == (0, "")
    assert held(books, "C-1") == {"KO": Decimal("1210.5"), "BF.B": 40}
    assert account(books, "C-1").managed.cash == Decimal("77.00")
    assert rows(books, "SELECT cash FROM paper.accounts WHERE account_id = 'C-1'") == [(Decimal("77.00"),)]
    before = effects(books)
    assert "is what the books have: nothing changes" in run("positions", "custody-mt535.txt").out
    assert effects(books) == before


def test_what_is_known_by_its_isin_is_booked_and_a_short_balance_stops(run: Run, books: Books) -> None:
    loaded(books, IDENTIFIED)
    said = run("positions", "custody-semt002.xml")
    assert held(books, "C-2") == {"KO": Decimal("310.75")}
    assert "left out        C-3: US1912161007 is held short" in said.out


def test_identifiers_are_loaded_once_and_stay_where_none_are_stated(run: Run, books: Books) -> None:
    loaded(books, IDENTIFIED)
    names = "SELECT scheme, value, symbol FROM identifiers ORDER BY 1, 2"
    first = rows(books, names)
    assert len(first) == 5
    before = effects(books)
    loaded(books, IDENTIFIED)
    assert effects(books) == before
    bare = [{key: each[key] for key in each if key != "identifiers"} for each in IDENTIFIED["securities"]]
    loaded(books, IDENTIFIED | {"securities": bare})
    assert rows(books, names) == first
    bare[0]["identifiers"] = {}
    loaded(books, IDENTIFIED | {"securities": bare})
    assert len(rows(books, names)) == 3
    assert rows(books, "SELECT symbol FROM securities WHERE worthless") == [("OLD",)]
