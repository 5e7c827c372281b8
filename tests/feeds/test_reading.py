"""Every shipped feed reads its example right, and says in words what it does not read."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.books.deliveries import Problems
from domain.values.money import plain
from feeds import catalogue, readers
from feeds.catalogue import FeedRefused, chosen, feeds
from feeds.reading import FeedReading, Names, read_rows
from feeds.rows import Unreadable

ROOT = Path(__file__).parents[2]
FILES = ROOT / "examples" / "feeds"
CASES: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "cases" / "feeds.yaml").read_text())
TODAY = date(2026, 11, 23)


def read(name: str, content: bytes, feed: str | None = None) -> tuple[str, FeedReading, Problems]:
    found = chosen(Path(name), content, None, feed, TODAY)
    assert found is not None
    problems = Problems()
    sheet = readers.rows_of(found.feed, found.version, content)
    return found.feed.name, read_rows(found.feed, found.version, sheet, problems), problems


def example(name: str) -> bytes:
    return (FILES / name).read_bytes()


def named(names: Names) -> str:
    return names[0][1] if names else "cash"


def amount(text: str) -> str:
    return plain(Decimal(text))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_an_example_is_read_as_its_table_says(case: dict[str, Any]) -> None:
    feed, reading, problems = read(case["file"], example(case["file"]))
    assert (feed, problems.shown) == (case["feed"], [])
    assert reading.as_of == (str(case["as_of"]) if "as_of" in case else None)
    assert [
        f"{each.account} {named(each.names)} {'stop' if each.stop else amount(str(each.quantity))}"
        for each in reading.positions
    ] == [" ".join([*words, last if last == "stop" else amount(last)]) for words, last in split(case, "positions")]
    assert [each.stop for each in reading.positions if each.stop] == case.get("stops", [])
    assert {
        named(each.names): [
            f"{amount(str(lot.quantity))} at {amount(str(lot.cost_per_share))} of {lot.acquired}" for lot in each.lots
        ]
        for each in reading.positions
        if each.lots
    } == case.get("lots", {})
    assert [f"{named(each.names)} {amount(str(each.weight))}" for each in reading.weights] == case.get("weights", [])
    assert [f"{named(each.names)} {each.day} {each.close}" for each in reading.prices] == case.get("prices", [])
    assert reading.notes == case.get("notes", [])


def split(case: dict[str, Any], key: str) -> list[tuple[list[str], str]]:
    return [(each.rsplit(" ", 1)[:1], each.rsplit(" ", 1)[1]) for each in case.get(key, [])]


def test_every_shipped_feed_has_an_example() -> None:
    assert len(feeds()) >= 5
    assert {case["feed"] for case in CASES} == set(feeds())


SCHWAB = example("schwab-positions.csv")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((b"Market Value", b"Value"), 'the header changed: "Market Value" is missing; "Value" is new'),
        ((b"Quantity,Price,", b"Price,Quantity,"), "the header changed: its columns stand in another order"),
        ((b"Description,", b"Symbol,"), '"Description" is missing; "Symbol" is there twice'),
    ],
)
def test_a_changed_header_is_refused_in_words(change: tuple[bytes, bytes], told: str) -> None:
    with pytest.raises(FeedRefused) as refused:
        chosen(Path("schwab-positions.csv"), SCHWAB.replace(*change), None, None, TODAY)
    assert told in str(refused.value)
    assert "feed schwab-positions" in str(refused.value)


def test_a_column_that_nobody_asked_for_is_named() -> None:
    more = SCHWAB.replace(b"Security Type\n", b"Security Type,Mood\n").replace(b",Equity\n", b",Equity,glad\n")
    more = more.replace(b"Cash and Money Market\n", b"Cash and Money Market,\n").replace(b"--,--\n", b"--,--,\n")
    _, reading, problems = read("schwab-positions.csv", more)
    assert (problems.count, reading.unknown_columns, len(reading.positions)) == (0, ("Mood",), 3)


def test_a_footer_less_is_no_matter_where_the_day_is_not_in_it() -> None:
    cut = example("fidelity-positions.csv").partition(b'\n"The data')[0]
    _, reading, problems = read("fidelity-positions.csv", cut)
    assert (problems.count, reading.as_of, len(reading.positions)) == (0, None, 4)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("schwab-positions.csv", (b"$133,000.60", b"$133,010.60"), "line 7: the total is 133,010.60, and the lines"),
        ("schwab-positions.csv", (b'"2,400"', b'"2,40"'), "line 4: '2,40' is not a number: its thousands are not in"),
        ("schwab-positions.csv", (b"510.25,", b"5e2,"), "line 5: '5e2' is not a number"),
        ("schwab-positions.csv", (b"510.25,", b"--,"), "line 5: quantity: there is no number"),
        ("schwab-positions.csv", (b"2026/11/20", b"2026/13/20"), "'2026/13/20' is not a date of the form YYYY/MM/DD"),
        ("schwab-positions.csv", (b"...817", b"817"), "names no account"),
        ("etrade-positions.csv", (b"CASH,,", b"KO,60.00,,,1,,,,,60\nCASH,,"), "KO of account ...4408 is on line 8"),
        ("schwab-positions.csv", (b"Account Total,--,--,--,--,--,", b""), "line 6: is the last line: the total or"),
        ("stooq-prices.txt", (b"20261119", b"2026111"), "'2026111' is not a date of the form YYYYMMDD"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_line(name: str, change: tuple[bytes, bytes], told: str) -> None:
    content = example(name)
    assert change[0] in content
    _, _, problems = read(name, content.replace(*change))
    assert any(told in str(each) for each in problems.shown), [str(each) for each in problems.shown]


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("schwab-positions.csv", (b"Equity\nKO", b"Equity,more\nKO"), "17 fields are needed, not 18"),
        ("schwab-positions.csv", (b"Equity\nKO", b"Equity\n\nKO"), "stands behind the end of the table and looks"),
    ],
)
def test_a_line_that_the_table_has_not_refuses_the_file(name: str, change: tuple[bytes, bytes], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        read(name, example(name).replace(*change))


def test_the_same_line_twice_is_not_added_up() -> None:
    lines = example("fidelity-positions.csv").splitlines(keepends=True)
    _, _, problems = read("fidelity-positions.csv", b"".join([*lines[:3], lines[2], *lines[3:]]))
    assert [str(each) for each in problems.shown] == [
        "line 4: is line 3 again, word for word: added up, it would count twice"
    ]


@pytest.mark.parametrize("cut", [0, 40, 200])
def test_xml_that_is_cut_short_is_told_so_and_no_feed_is_asked_for(cut: int) -> None:
    with pytest.raises(FeedRefused, match=r"^statement.xml refused: line \d+: is not XML: .*; nothing was changed$"):
        chosen(Path("statement.xml"), example("custody-semt002.xml")[:cut], None, None, TODAY)


@pytest.mark.parametrize(
    ("name", "written", "other", "read_as"),
    [
        ("investment.ofx", b"<UNITS>{}", b"100,123", "105.373"),  # with 5.25 on margin; OFX has "a comma or a period"
        ("investment.ofx", b"<UNITS>{}", b"1,234.5", None),
        ("ibkr-flex.xml", b'position="{}"', b"1,234", None),
        ("custody-semt002.xml", b"<Unit>{}</Unit>", b"1,234", None),
    ],
)
def test_a_message_has_nothing_between_thousands(name: str, written: bytes, other: bytes, read_as: str | None) -> None:
    """What would be a thousand times as much, or as little, is never guessed."""
    before, after = written.split(b"{}")
    content = re.sub(re.escape(before) + rb"[0-9.]+" + re.escape(after), before + other + after, example(name), count=1)
    assert other in content
    _, reading, problems = read(name, content)
    if read_as is None:
        assert f"{other.decode()!r} is not a number" in str(problems.shown[0])
    else:
        assert (problems.count, amount(read_as)) == (0, plain(reading.positions[0].quantity))


def test_lots_that_do_not_sum_to_their_position_stop_its_account() -> None:
    _, reading, _ = read("etrade-positions.csv", example("etrade-positions.csv").replace(b"0.17,80.0", b"0.17,81.0"))
    assert reading.positions[0].stop == "200 KO, and its lots sum to 201"


def test_a_line_cut_short_is_no_position() -> None:
    _, _, problems = read("schwab-positions.csv", SCHWAB.replace(b",23.02%,Equity", b""))
    assert next(str(each) for each in problems.shown) == "line 5: lacks 2 fields at its end"


def test_all_accounts_in_one_file_are_a_table_each() -> None:
    other = SCHWAB.split(b"\n", 2)[2].replace(b"KO,", b"PEP,")
    _, reading, problems = read(
        "schwab-positions.csv", SCHWAB + b",,,,,,,,,,,,,,,,\nIndividual ...204,,,,,,,,,,,,,,,,\n" + other
    )
    assert problems.shown == []
    assert [each.account for each in reading.positions] == ["...817"] * 3 + ["...204"] * 3


def test_a_file_of_no_feed_is_nobody_s() -> None:
    assert chosen(Path("positions.csv"), b"account_id,symbol,quantity\nA-1,,5\n", None, None, TODAY) is None
    assert chosen(Path("notes.txt"), SCHWAB, None, None, TODAY) is None


def test_a_feed_named_wrongly_is_refused_in_words() -> None:
    with pytest.raises(FeedRefused, match='there is no feed "vanguard": there is etrade-positions, '):
        chosen(Path("x.csv"), SCHWAB, None, "vanguard", TODAY)
    with pytest.raises(FeedRefused, match=r"x\.csv is not of feed stooq-prices: no line of it is the header"):
        chosen(Path("x.csv"), SCHWAB, None, "stooq-prices", TODAY)
    with pytest.raises(FeedRefused, match="gives prices, and positions are needed"):
        chosen(Path("x.csv"), SCHWAB, "positions", "stooq-prices", TODAY)


# --- a firm's own feeds


FIXED = """
name: old-bank
says: a bank's tape, of fixed widths
gives: positions
format: fixed
files: ["*.tape"]
versions:
  - from: 2020-01-01
    because: "as it always was"
    begins_with: HDR
    titles: ["HDR{date:digits} {}"]
    widths: [{name: kind, start: 1, width: 1}, {name: account, start: 2, width: 6}, {name: symbol, start: 8, width: 6},
             {name: amount, start: 14, width: 12}, {name: count, start: 4, width: 6}]
    rows:
      - {when: {kind: C}, kind: cash}
      - {when: {kind: T}, kind: count}
    fields:
      account: account
      symbol: symbol
      date: {title: date, then: {date: YYYYMMDD}}
      quantity: {column: amount, then: {implied_decimals: 4}}
      cash: {column: amount, then: {implied_decimals: 2}}
      count: {column: count, then: number}
"""
TAPE = b"""HDR20261120 THE OLD BANK
PA00001KO    000001505000
CA00001      -00000012550
TLR000002
"""


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(catalogue.FIRM_FOLDER, str(tmp_path))
    catalogue._feeds.cache_clear()
    return tmp_path


def test_a_firm_s_tape_of_fixed_widths_with_implied_decimals_and_a_count(firm: Path) -> None:
    (firm / "old-bank.yaml").write_text(FIXED)
    feed, reading, problems = read("today.tape", TAPE)
    assert (feed, problems.shown, reading.as_of) == ("old-bank", [], "2026-11-20")
    assert [(each.account, named(each.names), each.quantity) for each in reading.positions] == [
        ("A00001", "KO", Decimal("150.5")),
        ("A00001", "cash", Decimal("-125.50")),
    ]
    _, _, problems = read("today.tape", TAPE.replace(b"TLR000002", b"TLR000003"))
    assert [str(each) for each in problems.shown] == ["line 4: says 3 lines, and there are 2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("format: fixed", "format: python"), "format: "),
        (("gives: positions", "gives: positions\ncode: print(1)"), "code: Extra inputs are not permitted"),
        (("kind: cash", "kind: price"), "no row of positions: price"),
        (("account: account", "acount: account"), "no field of positions: acount"),
        (("symbol: symbol", "symbol: ticker"), "no column: ticker"),
        (("{implied_decimals: 4}", "{implied_decimals: 4, number: true}"), "a transform is one key"),
        (("      count: {column: count, then: number}\n", ""), "rows of kind count need the field count"),
    ],
)
def test_a_definition_that_is_unsound_is_refused_in_words(firm: Path, change: tuple[str, str], told: str) -> None:
    assert change[0] in FIXED
    (firm / "old-bank.yaml").write_text(FIXED.replace(*change))
    with pytest.raises(FeedRefused) as refused:
        feeds()
    assert told in str(refused.value)
    assert str(refused.value).startswith("feed old-bank.yaml")


def test_an_older_file_is_read_by_the_version_of_its_shape(firm: Path) -> None:
    newer = FIXED.partition("  - from: 2020-01-01")[2].replace("HDR", "HEAD").replace("start: 14", "start: 15")
    (firm / "old-bank.yaml").write_text(FIXED + "  - from: 2026-11-01" + newer)
    assert read("today.tape", TAPE)[1].positions[0].quantity == Decimal("150.5")
    later = TAPE.replace(b"HDR", b"HEAD").replace(b"KO    ", b"KO     ").replace(b"      -", b"       -")
    assert read("today.tape", later)[1].positions[0].quantity == Decimal("150.5")
