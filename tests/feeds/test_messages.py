"""Messages and workbooks: what is not whole, not safe or not theirs is refused in words."""

import io
import time
import zipfile
from datetime import date
from pathlib import Path

import pytest

from domain.books.identifiers import flaw_of
from feeds import readers
from feeds.catalogue import chosen, named
from feeds.rows import NotThisFeed, Sheet, Unreadable
from feeds.xml import parse
from tests.feeds.test_reading import CASES, example, read

TODAY = date(2026, 11, 23)
BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<FlexQueryResponse>&b;</FlexQueryResponse>"""


def rows(feed: str, content: bytes) -> Sheet:
    return readers.rows_of(named(feed), named(feed).versions[-1], content)


def test_entities_are_never_expanded() -> None:
    with pytest.raises(Unreadable, match="declares a document type"):
        parse(BOMB)
    with pytest.raises(Unreadable, match="declares something"):
        rows("ofx-investment", example("investment.ofx").replace(b"<OFX>", b"<!DOCTYPE a><OFX>", 1)[:-1] + b"<!x>")


def test_what_is_nested_without_end_is_refused_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable, match="nested too deeply"):
        parse(b"<a>" * 1_000_000)
    with pytest.raises(Unreadable, match="nested too deeply"):
        rows("ofx-investment", b"<OFX>" + b"<A>" * 1_000_000 + b"</A>")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("name", "feed", "change", "told"),
    [
        ("custody-semt002.xml", "iso-semt002", (b">true<", b">false<"), "is one page of several"),
        ("custody-semt002.xml", "iso-semt002", (b">COMP<", b">DELT<"), "says only what changed"),
        ("custody-mt535.txt", "swift-mt535", (b"1/ONLY", b"1/MORE"), "a page after which others have to follow"),
        ("custody-mt535.txt", "swift-mt535", (b"//COMP", b"//DELT"), "says only what changed"),
        ("custody-mt535.txt", "swift-mt535", (b":16S:FIN\n-}", b""), "ends within a sequence 'FIN'"),
        ("custody-mt535.txt", "swift-mt535", (b":16S:SUBBAL", b":16S:FIN"), "ends a sequence 'FIN' that is not open"),
        ("custody-mt535.txt", "swift-mt535", (b"UNIT/40,", b"UNIT/4.0"), "is no aggregate balance"),
        ("investment.ofx", "ofx-investment", (b"</SECLIST></SECLISTMSGSRSV1></OFX>", b""), "it was cut short"),
        ("ibkr-flex.xml", "ibkr-flex", (b"</FlexStatements>", b""), "is not XML: mismatched tag"),
    ],
)
def test_what_is_not_whole_is_refused_in_words(name: str, feed: str, change: tuple[bytes, bytes], told: str) -> None:
    content = example(name)
    assert change[0] in content
    with pytest.raises(Unreadable, match=told):
        rows(feed, content.replace(*change))


@pytest.mark.parametrize("feed", ["ibkr-flex", "iso-semt002", "swift-mt535", "ofx-investment", "spdr-holdings"])
def test_another_message_is_not_this_feed_s(feed: str) -> None:
    others = [case["file"] for case in CASES if case["feed"] != feed]
    assert len(others) >= 8
    for name in others:
        with pytest.raises((NotThisFeed, Unreadable)):
            rows(feed, example(name))


def test_the_ofx_of_version_2_reads_the_same() -> None:
    sgml = example("investment.ofx").decode()
    body = sgml[sgml.index("<OFX>") :]
    leaves = (
        "CODE",
        "UNITS",
        "UNIQUEID",
        "UNIQUEIDTYPE",
        "POSTYPE",
        "AVAILCASH",
        "ACCTID",
        "DTASOF",
        "TICKER",
        "SECNAME",
    )
    import re

    xml = re.sub(rf"<({'|'.join(leaves)})>([^<\n]*)", r"<\1>\2</\1>", body)
    ours = read("x.ofx", b'<?xml version="1.0"?>\n<?OFX OFXHEADER="200"?>\n' + xml.encode())[1].positions
    theirs = read("x.ofx", sgml.encode())[1].positions
    assert len(ours) == 2
    assert [(each.names, each.quantity) for each in ours] == [(each.names, each.quantity) for each in theirs]


def test_lots_alone_are_a_position() -> None:
    lines = example("ibkr-flex.xml").decode().splitlines(keepends=True)
    lots = "".join(line for line in lines if not ('symbol="KO"' in line and "SUMMARY" in line))
    _, reading, problems = read("ibkr-flex.xml", lots.encode())
    ko = next(each for each in reading.positions if each.names[0] == ("symbol", "KO"))
    assert (problems.count, ko.quantity, len(ko.lots), ko.stop) == (0, 90, 2, None)


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from feeds import workbook

    monkeypatch.setattr(workbook, "MAX_BYTES", 1000)
    with pytest.raises(Unreadable, match="unpacks to more than 1,000 bytes"):
        rows("spdr-holdings", example("holdings-daily-spdr.xlsx"))


def test_a_workbook_s_cell_far_out_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", '<w><sheetData><row><c r="ZZZ1"><v>1</v></c></row></sheetData></w>')
    with pytest.raises(Unreadable, match="has a cell in column ZZZ"):
        rows("spdr-holdings", packed.getvalue())


def test_the_identifiers_of_the_examples_are_sound() -> None:
    seen = 0
    for case in CASES:
        _, reading, _ = read(case["file"], example(case["file"]))
        for names in [each.names for each in (*reading.positions, *reading.weights)]:
            for scheme, value in names:
                if scheme != "symbol":
                    assert flaw_of(scheme, value) is None
                    seen += 1
    assert seen >= 8


def test_which_of_two_feeds_an_xml_file_is_of_its_content_says() -> None:
    names = [
        (name, chosen(Path("daily.xml"), example(name), None, None, TODAY))
        for name in ("ibkr-flex.xml", "custody-semt002.xml")
    ]
    assert [found.feed.name for _, found in names if found] == ["ibkr-flex", "iso-semt002"]
