"""A filled database of the release before becomes this one's while that release works on it: nobody is refused, nobody
waits for long, nothing is lost; killed in the middle, it is gone on with.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, Engine, text

from storage import migrations
from storage.connection import Books
from storage.engine import connect
from storage.record import guard
from storage.record.verification import verify
from storage.work import partitions
from tests.storage.filled import BEFORE, Numbers, fill

LOG = logging.getLogger(__name__)
MANY = Numbers()  # so many that it can be killed in the middle
FEW = Numbers(accounts=200, rebalances=60, notes=3_000)
LONG = 5.0  # seconds; a migration waits 0.4 for a table and holds up whoever comes then, and the machine may be busy
MOVED = "SELECT count(*) FROM rebalances WHERE snapshot_digest IS NOT NULL"
# Everything that was decided, as one digest: whether it is in its row, or a document by now.
DECIDED = """
    SELECT count(*), md5(string_agg(md5(concat(id, {snapshot}, {policy}, {plan}, {execution})), '' ORDER BY id))
    FROM rebalances AS of WHERE id <= :last
"""
IN_ROW = {name: f"of.{name}::text" for name in ("snapshot", "policy", "plan", "execution")}
AS_DOCUMENT = {
    name: f"coalesce(of.{name}::text, (SELECT content::text FROM documents WHERE digest = of.{name}_digest))"
    for name in IN_ROW
}


@dataclass
class Work:
    """What the release before does all the while: what it did, and how long the longest of it took."""

    engine: Engine
    numbers: Iterator[int]  # of the rebalances that it makes
    done: dict[str, int] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def rebalance(self, connection: Connection) -> None:
        number = next(self.numbers)
        connection.execute(text("SELECT rebalanced_before(:n, 'A-000007')"), {"n": number})

    def note(self, connection: Connection) -> None:
        nth = self.done.get("note", 0)
        page = "INSERT INTO evaluation_pages (evaluation_id, after, last, result) VALUES ('E-0', :at, :at, '{}')"
        note = (
            "INSERT INTO evaluation_notes (evaluation_id, account_id, kind, message, evidence)"
            " VALUES ('E-0', :at, 'within', 'said under load', '{}')"
        )
        for statement in (page, note):
            connection.execute(text(statement), {"at": f"load-{nth}"})

    def book(self, connection: Connection) -> None:
        connection.execute(text("UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-000009'"))
        record = (
            "SELECT append_to_record('ann', NULL, NULL, NULL, NULL, NULL, ARRAY['booked'], ARRAY['A-000009'],"
            " ARRAY[NULL::text], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY['{}'])"
        )
        connection.execute(text(record))

    def read(self, connection: Connection) -> None:
        for query in (
            "SELECT id, status FROM rebalances ORDER BY started_at DESC, id DESC LIMIT 50",
            "SELECT account_id FROM evaluation_notes WHERE evaluation_id = 'E-3' ORDER BY 1 LIMIT 50",
            "SELECT cash, symbol FROM sleeves s JOIN holdings h ON h.sleeve_id = s.id WHERE account_id = 'A-11'",
        ):
            connection.execute(text(query)).all()

    def over_and_over(self, what: Callable[[Connection], None], stop: threading.Event) -> None:
        name = what.__name__
        while not stop.is_set():
            began = time.monotonic()
            try:
                with self.engine.begin() as connection:
                    what(connection)
            except Exception as flaw:  # whatever it is, somebody was refused
                self.refused.append(f"{name}: {str(flaw).splitlines()[0]}")
                return
            self.longest[name] = max(self.longest.get(name, 0.0), time.monotonic() - began)
            self.done[name] = self.done.get(name, 0) + 1
            time.sleep(0.01)


@contextmanager
def working(url: str, first: int) -> Iterator[Work]:
    """Who rebalances, who evaluates, who books and who reads, all at once."""
    engine, stop = connect(url, pool_size=4), threading.Event()
    work = Work(engine, iter(range(first, 900_000)))
    each = (work.rebalance, work.note, work.book, work.read)
    threads = [threading.Thread(target=work.over_and_over, args=(what, stop)) for what in each]
    for thread in threads:
        thread.start()
    try:
        yield work
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        engine.dispose()


def migrating(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "storage.migrations"],
        env=os.environ | {"REBALANCER_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_when(url: str, engine: Engine, question: str, moment: Callable[[object], bool]) -> None:
    """Migrates, and kills it as soon as the database answers so."""
    process = migrating(url)
    while process.poll() is None:
        with engine.connect() as connection:
            try:
                if moment(connection.scalar(text(question))):
                    process.send_signal(signal.SIGKILL)
                    break
            except Exception:  # the column is not there yet
                connection.rollback()
        time.sleep(0.005)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it had done before it was killed: give the database more to fill"


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_nobody_is_refused_and_nothing_is_lost_though_it_is_killed(empty_database_url: str) -> None:
    nobody_is_refused(empty_database_url, MANY, killed=True)


def test_nobody_is_refused_and_nothing_is_lost(empty_database_url: str) -> None:
    nobody_is_refused(empty_database_url, FEW, killed=False)


def nobody_is_refused(empty_database_url: str, numbers: Numbers, *, killed: bool) -> None:
    migrations.upgrade(empty_database_url, BEFORE)
    engine = connect(empty_database_url)
    with engine.begin() as connection:
        fill(connection, numbers)
    last = {"last": f"R-{numbers.rebalances:06d}"}
    with engine.connect() as connection:
        before = connection.execute(text(DECIDED.format(**IN_ROW)), last).one()
        in_rows = connection.scalar(
            text(
                "SELECT sum(pg_column_size(snapshot) + pg_column_size(policy) + pg_column_size(plan)"
                " + pg_column_size(execution)) + (SELECT sum(pg_column_size(snapshot) + pg_column_size(policy)"
                " + pg_column_size(plan)) FROM rebalance_rounds) FROM rebalances"
            )
        )
    with working(empty_database_url, numbers.rebalances + 1) as work:
        time.sleep(1)  # so that everybody is at work
        if killed:
            head = f"SELECT version_num = '{migrations.head()}' FROM alembic_version"
            killed_when(empty_database_url, engine, head, bool)
            killed_when(empty_database_url, engine, MOVED, lambda moved: isinstance(moved, int) and moved > 0)
            with engine.connect() as connection:
                moved = connection.scalar(text(MOVED))
            assert 0 < moved < numbers.rebalances
        process = migrating(empty_database_url)
        said, trouble = process.communicate(timeout=300)
        assert (process.returncode, trouble) == (0, ""), trouble
        time.sleep(0.5)
    assert work.refused == []
    assert min(work.done[name] for name in ("rebalance", "note", "book", "read")) >= 20, work.done
    assert max(work.longest.values()) < LONG, work.longest
    assert ("nothing to do" in said) is killed  # where it was killed, its last version was reached before
    with engine.begin() as connection:
        assert connection.execute(text(DECIDED.format(**AS_DOCUMENT)), last).one() == before
        noted = connection.scalar(text("SELECT count(*) FROM evaluation_notes"))
        assert noted == numbers.notes + work.done["note"]
        assert connection.scalar(text("SELECT count(*) FROM evaluation_pages")) == 1_000 + work.done["note"]
        rebalances = connection.scalar(text("SELECT count(*) FROM rebalances"))
        assert rebalances == numbers.rebalances + work.done["rebalance"]
        assert (
            connection.scalar(text("SELECT cash FROM sleeves WHERE account_id = 'A-000009'"))
            == 1000 + work.done["book"]
        )
        assert partitions.lacking(connection) == []
        guard.attest(connection, "the test's own function")
    # What the release before did since is moved when the migrations are run again, its workers gone.
    migrations.upgrade(empty_database_url)
    with engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM rebalances WHERE snapshot IS NOT NULL"))
        assert (left, connection.scalar(text("SELECT count(*) FROM rebalance_rounds WHERE snapshot IS NOT NULL"))) == (
            0,
            0,
        )
        assert verify(connection).faults == []
        kept = connection.scalar(text("SELECT sum(pg_column_size(content)) FROM documents"))
    with Books(engine).transaction() as books:
        assert books.rebalances.get("R-000001").snapshot["account"] == "A-000002"
    engine.dispose()
    LOG.info("%s; the longest waits in seconds: %s; %s bytes became %s", work.done, work.longest, in_rows, kept)
