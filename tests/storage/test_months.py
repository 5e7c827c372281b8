"""Kept by the month: partitions ahead, none of what policy keeps no more, and nothing lost where one was missing."""

from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from policy import NOTES_KEPT_MONTHS
from reading.health.status_of_books import checks
from storage.actor import Actor
from storage.connection import Books
from storage.migrations import partitions as making
from storage.work import partitions
from storage.work.evaluations import Note, PageResult
from tests.storage.small_book import TODAY, migrations_command, rows

TABLES = ("evaluation_notes", "evaluation_pages")
THIS_MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')"


def months(books: Books, of: str = "evaluation_notes") -> list[str]:
    """The partitions of a table, by their names."""
    return [
        name for (name,) in rows(books, "SELECT name FROM month_partitions WHERE parent = :of ORDER BY begins", of=of)
    ]


def begun(owner: Engine, evaluation: str, months_ago: int) -> None:
    """An evaluation with a page and a note, begun so many months ago."""
    with owner.begin() as connection:
        day = f"({THIS_MONTH} - interval '{months_ago} months')::date"
        connection.execute(
            text(f"INSERT INTO evaluations (id, as_of, begun_on) SELECT :id, {day}, {day}"), {"id": evaluation}
        )
    with Books(owner).transaction(Actor("test")) as work:
        note = Note("A-1", "within", "ORDER-3", "it is", {})
        assert work.evaluations.keep_page(evaluation, "", "A-9", PageResult(evaluated=1), [note])


def kept(owner: Engine) -> partitions.Kept:
    with Books(owner).transaction(Actor("test")) as work:
        return partitions.keep(work.connection, work.audit)


@pytest.mark.parametrize("table", TABLES)
def test_this_month_and_three_more_have_theirs(books: Books, owner: Engine, table: str) -> None:
    first = rows(books, f"SELECT {THIS_MONTH}::date")[0][0]
    expected = [f"{table}_{_months_after(first, ahead):%Y_%m}" for ahead in range(4)]
    assert months(books, table) == expected
    with owner.begin() as connection:
        connection.execute(text(f"DROP TABLE {expected[1]}"))
    assert kept(owner) == ((expected[1],), ())
    assert kept(owner) == ((), ())
    assert months(books, table) == expected


def test_a_page_is_done_once_and_found_in_its_month(books: Books, owner: Engine) -> None:
    begun(owner, "E-1", 0)
    with books.transaction(Actor("test")) as work:
        assert not work.evaluations.keep_page("E-1", "", "A-9", PageResult(), [])
        assert work.evaluations.reached("E-1", "", None) == "A-9"
        assert [each.account_id for each in work.evaluations.notes("E-1", "within")] == ["A-1"]
    assert rows(books, f"SELECT count(*) FROM {months(books)[0]}") == [(1,)]


def test_months_that_policy_keeps_no_more_go_and_the_record_says_so(books: Books, owner: Engine) -> None:
    """
    begun 27 months ago   its month ended 26 months ago: gone
    begun 25 months ago   kept, as policy keeps 25 whole months beside this one
    """
    begun(owner, "E-27", 27)
    begun(owner, "E-25", 25)
    day = rows(
        books, f"SELECT ({THIS_MONTH} - interval '27 months')::date, ({THIS_MONTH} - interval '25 months')::date"
    )[0]
    with owner.begin() as connection:  # as the sweeps of those months would have made them
        for first in day:
            for table in TABLES:
                name, end = f"{table}_{first:%Y_%m}", _months_after(first, 1)
                connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
                connection.execute(
                    text(
                        f"WITH gone AS (DELETE FROM {table}_other WHERE begun_on = '{first}' RETURNING *)"
                        f" INSERT INTO {name} SELECT * FROM gone"
                    )
                )
                connection.execute(
                    text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')")
                )
    gone = tuple(f"{table}_{day[0]:%Y_%m}" for table in TABLES)
    assert kept(owner) == ((), gone)
    assert rows(books, "SELECT evaluation_id FROM evaluation_notes") == [("E-25",)]
    assert rows(books, "SELECT evaluation_id FROM evaluation_pages") == [("E-25",)]
    assert rows(books, "SELECT count(*) FROM evaluations") == [(2,)]
    told = rows(books, "SELECT after FROM audit_records WHERE action = 'months dropped'")
    assert told == [({"partitions": list(gone), NOTES_KEPT_MONTHS: 25},)]


def test_at_least_a_month_is_kept_whoever_asks(books: Books) -> None:
    with pytest.raises(IntegrityError, match="at least one month is kept"):
        rows(books, "SELECT keep_partitions(0)")


def test_what_has_no_partition_is_kept_moved_later_and_told_by_status(books: Books, owner: Engine) -> None:
    this, ahead = months(books)[:2]
    with owner.begin() as connection:
        connection.execute(text(f"DROP TABLE {this}"))
        connection.execute(text(f"DROP TABLE {ahead}"))
    begun(owner, "E-1", 0)
    assert rows(books, "SELECT count(*) FROM evaluation_notes_other") == [(1,)]
    database = checks(lambda: books.engine, TODAY)[0]
    assert not database.ok and "next month has no partition of evaluation_notes" in database.found
    assert making.make(owner) == [this, ahead]
    assert rows(books, f"SELECT count(*) FROM {this}") == [(1,)]
    assert rows(books, "SELECT count(*) FROM evaluation_notes_other") == [(0,)]
    assert checks(lambda: books.engine, TODAY)[0].ok


def test_the_command_does_it_now(owner: Engine, books: Books) -> None:
    name = months(books)[-1]
    with owner.begin() as connection:
        connection.execute(text(f"DROP TABLE {name}"))
    done = migrations_command(owner, "months")
    assert (done.returncode, done.stdout) == (0, f"made: {name}; dropped: nothing\n")


def _months_after(first: date, months: int) -> date:
    at = first.year * 12 + first.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)
