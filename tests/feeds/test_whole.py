"""A file is read whole or refused: cut anywhere, or with a line in it twice, it never gives other figures."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from domain.books.deliveries import Problems
from feeds import readers
from feeds.catalogue import FeedRefused, chosen
from feeds.reading import FeedReading, read_rows
from feeds.rows import NotThisFeed, Unreadable
from feeds.transforms import day_there

FOLDER = Path(__file__).parents[2] / "examples" / "feeds"
TEXTS = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".xlsx")
TODAY = date(2026, 11, 23)
STEP = 5  # bytes, at each of which a file is cut


def read(name: str, content: bytes) -> FeedReading | str:
    """What the file gives, or why it is refused."""
    problems = Problems()
    try:
        found = chosen(Path(name), content, None, None, TODAY)
        if found is None:
            return "it is of no feed"
        sheet = readers.rows_of(found.feed, found.version, content)
        reading = read_rows(found.feed, found.version, sheet, problems)
    except (FeedRefused, NotThisFeed, Unreadable) as refused:
        return str(refused)
    return "; ".join(map(str, problems.shown)) or reading


def accounts(reading: FeedReading) -> dict[str, dict[str, Decimal]]:
    """What is held by account, of those that nothing stops and whose cash is stated where the feed states any."""
    stopped = {each.account for each in reading.positions if each.stop}
    found: dict[str, dict[str, Decimal]] = {}
    for each in reading.positions:
        if each.account not in stopped:
            found.setdefault(each.account, {})[each.names[0][1] if each.names else ""] = each.quantity
    return {account: held for account, held in found.items() if reading.without_cash or "" in held}


def weights(reading: FeedReading) -> dict[str, Decimal]:
    return {each.names[0][1] if each.names else "": each.weight for each in reading.weights}


def same(reading: FeedReading, whole: FeedReading) -> bool:
    """True where nothing that would be loaded is other than the whole file has it."""
    if whole.weights:
        found, expected = weights(reading), weights(whole)
        nearly = all(abs(found.get(each, 0) - weight) <= Decimal("0.005") for each, weight in expected.items())
        return sum(found.values()) != 1 or nearly  # what does not sum to 1 is no model, and what is rounded is cash
    if whole.prices:
        known = [(each.names, each.day, each.close) for each in whole.prices]
        return all((each.names, each.day, each.close) in known for each in reading.prices)
    if reading.as_of is None:
        return True  # a statement of no day is refused
    whole_accounts, stopped = accounts(whole), {each.account for each in whole.positions if each.stop}
    return all(whole_accounts.get(each) == held for each, held in accounts(reading).items() if each not in stopped)


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_cut_short_is_no_other_file(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    whole = read(name, content)
    assert isinstance(whole, FeedReading)
    ends = [at for at, each in enumerate(content, start=1) if each == ord("\n")]
    for at in sorted({*range(0, len(content), STEP), *ends}):
        found = read(name, content[:at])
        assert isinstance(found, str) or same(found, whole), content[:at][-80:]


@pytest.mark.parametrize("name", TEXTS)
def test_a_line_that_is_there_twice_is_not_counted_twice(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    whole = read(name, content)
    assert isinstance(whole, FeedReading)
    lines = content.splitlines(keepends=True)
    for at in range(len(lines)):
        found = read(name, b"".join([*lines[: at + 1], *lines[at:]]))
        assert isinstance(found, str) or same(found, whole), lines[at]


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_there_twice_is_not_counted_twice(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    whole, found = read(name, content), read(name, content + content)
    assert isinstance(whole, FeedReading)
    assert isinstance(found, str) or same(found, whole)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"\xef\xbb\xbf"), (b"\n", b"\r\n"), (b"\n", b"\r"), (b"", b"\n\n")],
    ids=["BOM", "CRLF", "CR", "blank lines"],
)
def test_how_its_lines_end_or_begin_means_nothing(name: str, before: bytes, after: bytes) -> None:
    content = (FOLDER / name).read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if before == b"" and after.isspace() and content.startswith(b"<?xml"):
        return  # XML says that its declaration comes first
    whole = read(name, content)
    assert isinstance(whole, FeedReading)
    found = read(name, content.replace(before, after) if before else after + content)
    assert isinstance(found, FeedReading), found
    assert accounts(found) == accounts(whole)
    assert weights(found) == weights(whole)
    assert [each.close for each in found.prices] == [each.close for each in whole.prices]


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("custody-mt535.txt", (b"28E:1/ONLY", b"28E:2/LAST"), "is page 2, and page 1 has to be there before it"),
        ("custody-mt535.txt", (b"-}", b""), "begins a message that does not end: it was cut short"),
        ("custody-mt535.txt", (b"ISIN US1912161007\nEXAMPLE BEVERAGES", b""), "names no security"),
        ("investment.ofx", (b"</INVPOSLIST>", b""), "begins INVPOSLIST and does not end it"),
        ("investment.ofx", (b"<INVPOSLIST>", b"<INVPOSLIST><INVPOSLIST>"), "before INVPOSLIST has ended"),
    ],
)
def test_half_a_message_is_told_as_what_it_is(name: str, change: tuple[bytes, bytes], told: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert change[0] in content
    found = read(name, content.replace(*change, 1))
    assert isinstance(found, str), found
    assert told in found


PAGE = (FOLDER / "custody-mt535.txt").read_bytes()


def test_the_pages_of_a_message_are_one_statement() -> None:
    first = PAGE.replace(b"1/ONLY", b"1/MORE")
    second = PAGE.replace(b"1/ONLY", b"2/LAST").replace(b"1210,5", b"7,").replace(b"US/115637209", b"US/191216100")
    second = second.replace(b"\n:93B::AGGR//UNIT/40,", b"\n:93B::AGGR//UNIT/2,")
    found = read("custody-mt535.txt", first + second)
    assert isinstance(found, FeedReading), found
    assert accounts(found) == {
        "90020023": {"US1912161007": Decimal("1217.5"), "115637209": Decimal(40), "191216100": Decimal(2)}
    }
    other = second.replace(b"90020023", b"90020031")
    refused = read("custody-mt535.txt", first + other)
    assert isinstance(refused, str)
    assert "is of account 90020031, and the next page of 90020023 has to follow" in refused


def test_a_footer_right_below_the_table_is_no_row_of_it() -> None:
    content = (FOLDER / "ishares-holdings.csv").read_bytes()
    whole = read("ishares-holdings.csv", content)
    assert isinstance(whole, FeedReading)
    found = read("ishares-holdings.csv", content.rstrip() + b'\n"What this says is for illustration alone."\n')
    close = read("ishares-holdings.csv", content.replace(b"\n\n", b"\n"))
    assert isinstance(found, FeedReading), found
    assert isinstance(close, FeedReading), close
    assert (weights(found), weights(close)) == (weights(whole), weights(whole))
    assert close.notes == whole.notes


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("20261120", "20261120"),
        ("20261120160000[-5:EST]", "20261120"),
        ("20261125013000.000[0:GMT]", "20261124"),  # half past eight in the evening of the 24th
        ("20261125013000[+0:UTC]", "20261124"),
        ("20261125013000", "20261125"),  # it says no zone: its day is as it is written
        ("20261125000000[0:GMT]", "20261125"),  # a day, written as a moment
        ("20270705033000[0]", "20270704"),  # in summer New York is four hours behind
        ("20261124233000[-8:PST]", "20261125"),
        ("20261125020000[+5.50:IST]", "20261124"),
        ("2026-11-20", "20261120"),
        ("2026-11-25T01:30:00Z", "20261124"),
        ("2026-11-25T01:30:00+00:00", "20261124"),
        ("2026-11-24T21:00:00-05:00", "20261124"),
        ("2026-11-25T00:00:00Z", "20261125"),
        ("2026-11-25T01:30:00", "20261125"),
        ("20261325013000[0:GMT]", "20261325"),  # no day: told as such where it is taken for one
        ("", ""),
    ],
)
def test_the_day_of_a_moment_is_the_exchange_s(stamp: str, day: str) -> None:
    """DAY-5: a statement made at night in London is of the session that has just closed in New York."""
    assert day_there(stamp) == day


def test_a_message_is_of_the_exchange_s_day() -> None:
    ofx, semt = ((FOLDER / name).read_bytes() for name in ("investment.ofx", "custody-semt002.xml"))
    at = ofx.index(b"<DTASOF>") + len(b"<DTASOF>")
    found = read("investment.ofx", ofx[:at] + b"20261121013000[0:GMT]" + ofx[ofx.index(b"<", at) :])
    assert isinstance(found, FeedReading), found
    assert found.as_of == "2026-11-20"
    moment = semt.replace(b"2026-11-20T22:00:00Z", b"2026-11-21T01:30:00Z")
    found = read("custody-semt002.xml", moment)
    assert isinstance(found, FeedReading), found
    assert (moment != semt, found.as_of) == (True, "2026-11-20")
