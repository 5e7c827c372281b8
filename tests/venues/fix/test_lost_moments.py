"""A database that crashes may lose the last moments of what it heard: with the numbers, so that it comes again."""

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from devstack.postgres import Postgres
from storage import migrations
from storage.engine import connect
from tests.venues.fix.conftest import NAME
from tests.venues.fix.test_reports import ORDER, raw, session
from venues.fix.adapter import FixVenue
from venues.fix.hearing import Hearing
from venues.fix.numbers import going_on
from venues.fix.wire import SOH

FILL = f"34=7{SOH}" + raw("39=2 150=F 17=e1 32=100 31=10 14=100 6=10")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    with Postgres(tmp_path / "postgres", durable=False) as started:
        migrations.upgrade(started.url)
        yield started


def nothing_by_itself(server: Postgres) -> None:
    """From here on the server writes to its log only what somebody waits for."""
    owner = connect(server.url)
    with owner.connect() as connection:
        writer = connection.scalar(text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"))
    owner.dispose()
    assert writer
    os.kill(writer, signal.SIGSTOP)


def stood(engine: Engine) -> tuple[int, int, Decimal]:
    """The next number of the broker's, executions, and what is filled."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT target_next, (SELECT count(*) FROM fix.executions), filled_quantity"
                                       " FROM fix.sessions, fix.orders")).one()._tuple()  # fmt: skip


def test_a_fill_that_is_lost_with_the_databases_last_moments_is_asked_for_again(server: Postgres) -> None:
    """FIX-3, FIX-7: the engine has counted it already; the journal, which is the lower, has not."""
    engine = connect(server.application_url)
    venue = FixVenue(engine, session())
    venue.submit(ORDER)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO fix.sessions (session, target_next) VALUES (:name, 7)"), {"name": NAME})
        connection.execute(text("UPDATE fix.messages SET state = 'HANDED'"))
    nothing_by_itself(server)
    Hearing(engine, venue.session, lambda order: None).message("8", FILL)
    assert stood(engine) == (8, 1, 100)
    server.kill()
    engine.dispose()
    server.start()
    engine = connect(server.application_url)
    journal, *heard = stood(engine)
    assert (journal, heard) == (7, [0, 0])
    assert going_on((1, 8), (1, journal), in_order=False).theirs == 7
    Hearing(engine, venue.session, lambda order: None).message("8", FILL)
    assert stood(engine) == (8, 1, 100)
    engine.dispose()


def test_what_is_done_because_of_a_report_is_on_the_disk_behind_it(server: Postgres) -> None:
    """Whoever books a fill waits for the disk, and what was written before is then there as well."""
    engine = connect(server.application_url)
    venue = FixVenue(engine, session())
    venue.submit(ORDER)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO fix.sessions (session, target_next) VALUES (:name, 7)"), {"name": NAME})
    nothing_by_itself(server)
    Hearing(engine, venue.session, lambda order: None).message("8", FILL)
    with engine.begin() as connection:
        connection.execute(text("UPDATE fix.orders SET reason = 'booked'"))
    server.kill()
    engine.dispose()
    server.start()
    engine = connect(server.application_url)
    assert stood(engine) == (8, 1, 100)
    engine.dispose()
