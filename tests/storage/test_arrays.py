"""Lists written at once come to the database as the driver's own would."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.arrays import write_lists_at_once
from storage.connection import Books

Connection = psycopg.Connection[Any]
TEXTS = st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
NUMBERS = st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
DATES = st.lists(st.none() | st.dates())


@pytest.fixture
def connection(books: Books) -> Iterator[Connection]:
    url = books.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connected:
        write_lists_at_once(connected)
        yield connected


def back(connection: Connection, values: list[Any], kind: str) -> list[Any]:
    """What the database has of a list."""
    row = connection.execute(f"SELECT CAST(%s AS {kind}[])", [values]).fetchone()
    assert row is not None
    found: list[Any] = row[0]
    return found


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ['a "b" \\ c', "", "null", "NULL", "{x,y}", " ", "\n\t", "ü\u2003", None]),
        ("text", []),
        ("text", [None, None]),
        ("numeric", [Decimal("1.50"), Decimal("1E+3"), Decimal(0), None]),
        ("date", [date(2026, 11, 27), None]),
        ("int", [1, -2, 2**31 - 1, None]),  # the driver's own, as what follows
        ("boolean", [True, None, False]),
        ("text", [["a", "b"], ["c", "d"]]),
    ],
)
def test_a_list_comes_back_as_it_was(connection: Connection, kind: str, values: list[Any]) -> None:
    assert back(connection, values, kind) == values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(TEXTS, NUMBERS, DATES)
def test_any_list_does(connection: Connection, texts: list[Any], numbers: list[Any], dates: list[Any]) -> None:
    assert back(connection, texts, "text") == texts
    assert back(connection, numbers, "numeric") == numbers
    assert back(connection, dates, "date") == dates


def test_a_text_that_no_database_keeps_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        back(connection, ["a\0b"], "text")


def test_several_types_in_one_list_are_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.DataError, match="mixed types"):
        back(connection, ["a", Decimal(1)], "text")


def test_every_connection_of_ours_writes_them_so(books: Books) -> None:
    with books.engine.connect() as connected:
        raw = connected.connection.driver_connection
        assert raw is not None
        assert raw.adapters.get_dumper(list, psycopg.adapt.PyFormat.AUTO).__name__ == "Lists"
