"""Drafts: a start for a person. The dialect is found, columns are mapped by their names, questions stay questions."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.books.deliveries import Problems
from feeds import readers
from feeds.definition import Feed
from feeds.draft import draft
from feeds.reading import read_rows
from feeds.rows import NotThisFeed
from tests.feeds.test_reading import example, named

TODAY = date(2026, 11, 23)
GERMAN = """Depotauszug;;;
Account No;Ticker;ISIN;Quantity;Market Value
7001;KO;US1912161007;1.200,5;72.030,00
7002;PEP;US7134481081;10;1.500,00
"""


def test_a_draft_of_a_table_with_semicolons_reads_it() -> None:
    made = draft("depot 2026.csv", GERMAN.encode("cp1252"), TODAY)
    feed = Feed.model_validate(yaml.safe_load(made))
    version = feed.versions[0].model_copy(update={"decimal_mark": ","})  # what a person has to say
    assert (feed.name, feed.gives, version.delimiter) == ("depot-2026", "positions", ";")
    problems = Problems()
    reading = read_rows(feed, version, readers.rows_of(feed, version, GERMAN.encode("cp1252")), problems)
    assert problems.shown == []
    assert [(each.account, named(each.names), str(each.quantity)) for each in reading.positions] == [
        ("7001", "KO", "1200.5"),
        ("7002", "PEP", "10"),
    ]


@pytest.mark.parametrize(
    ("name", "gives", "lines"),
    [
        (
            "schwab-positions.csv",
            "positions",
            ["# account: no column says so by its name", 'quantity: {column: "Quantity"'],
        ),
        (
            "fidelity-positions.csv",
            "positions",
            ['account: {column: "Account Number"}', 'value: {column: "Current Value"'],
        ),
        (
            "ishares-holdings.csv",
            "model",
            ['weight: {column: "Weight (%)", then: percent}', 'symbol: {column: "Ticker"}'],
        ),
        ("stooq-prices.txt", "prices", ['close: {column: "<CLOSE>", then: number}', 'date: {column: "<DATE>"']),
    ],
)
def test_columns_are_mapped_by_their_names_and_the_rest_is_asked(name: str, gives: str, lines: list[str]) -> None:
    made = draft(name, example(name), TODAY)
    assert yaml.safe_load(made)["gives"] == gives
    assert [line for line in lines if line not in made] == []


@pytest.mark.parametrize("content", [b"", b"\n\n", b"one\n", b"1,2,3\n4,5,6\n", b"\x81\x8d\x8f", b'"open\n' * 10])
def test_what_is_no_table_has_no_draft(content: bytes) -> None:
    with pytest.raises(NotThisFeed):
        draft("x.csv", content, TODAY)


@settings(max_examples=60, deadline=10_000, database=None, derandomize=True)
@given(st.one_of(st.binary(max_size=120), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_give_a_draft_that_is_yaml_or_a_sentence(content: bytes) -> None:
    for given_content in (content, GERMAN.encode() + content):
        try:
            made = draft("x.csv", given_content, TODAY)
        except NotThisFeed as refused:
            assert str(refused)
            continue
        assert isinstance(yaml.safe_load(made), dict)


def test_every_file_that_is_a_table_has_one() -> None:
    tables = [path for path in (Path(__file__).parents[2] / "examples" / "feeds").iterdir() if path.suffix == ".csv"]
    assert len(tables) >= 4
    for path in tables:
        assert "fields:" in draft(path.name, path.read_bytes(), TODAY)
