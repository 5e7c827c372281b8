"""Statements and idle transactions end before whoever waits for them gives up."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from storage import limits
from storage.connection import Books
from storage.faults import LONGEST, first_line


def settings(books: Books) -> tuple[str, str]:
    """What the next transaction is told: of a statement, and of an idle transaction."""
    with books.transaction() as read:
        names = ("statement_timeout", "idle_in_transaction_session_timeout")
        first, second = (str(read.connection.scalar(text(f"SHOW {name}"))) for name in names)
    return first, second


def test_a_step_has_less_than_its_own_time_and_a_command_as_long_as_it_takes(books: Books) -> None:
    """0.8 of 10 seconds are 8; a heartbeat that is due earlier bounds a statement, and not the transaction."""
    assert settings(books) == ("0", "10min")
    with limits.within(10, None):
        assert settings(books) == ("8s", "8s")
        with limits.within(1800, 10):
            assert settings(books) == ("8s", "24min")
        with pytest.raises(ZeroDivisionError), books.transaction():
            raise ZeroDivisionError  # rolled back: the setting stays
        assert settings(books) == ("8s", "8s")
    assert settings(books) == ("0", "10min")


def test_a_statement_that_takes_longer_is_ended_and_says_so(books: Books) -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError) as told, limits.within(0.5, None), books.transaction() as read:
        read.connection.execute(text("SELECT pg_sleep(5)"))
    assert time.monotonic() - began < 4
    assert first_line(told.value) == "canceling statement due to statement timeout"


def test_a_transaction_that_lies_idle_lets_go_of_what_it_holds(books: Books) -> None:
    with pytest.raises(DBAPIError, match="idle-in-transaction"), limits.within(0.25, None), books.transaction() as idle:
        idle.connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
        time.sleep(1)
        with books.transaction() as other:
            assert other.connection.scalar(text("SELECT pg_try_advisory_xact_lock(7)"))
        idle.connection.execute(text("SELECT 1"))


def test_a_first_line_is_one_line_and_not_long() -> None:
    assert first_line(ValueError("a\nb")) == "a"
    assert first_line(ValueError("")) == "ValueError"
    assert len(first_line(ValueError("x" * 10_000))) == LONGEST
