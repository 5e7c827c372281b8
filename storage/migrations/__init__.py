"""Migrations: brings a database to the tables that this release needs, and says which it has.

Run by `make up` and `make demo`, and explicitly by `python -m storage.migrations`. Every migration of a run is in
one transaction: a database is at one release or at the next, never in between. What takes long comes after it, while
everybody works: indexes of large tables (`indexes`), months of tables that grow (`partitions`), rows that a new table
wants of old ones (`filling`).
"""

import time
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import OperationalError

from storage import packing
from storage.engine import connect
from storage.migrations import filling, indexes, partitions
from storage.record import guard as audit_guard

HERE = Path(__file__).parent
PROVIDED = "connection"  # where env.py finds the connection
# How long a migration waits for a table that somebody uses, and holds up everybody behind it. Less than the second
# after which PostgreSQL looks for who waits in a circle, and may choose the other: it is always we who give way.
PATIENCE = "400ms"
TRIES, PAUSE = 60, 1.0  # so often it is tried, and the seconds between
ONE_AT_A_TIME = 0x7265_6261_6C  # the advisory lock of whoever migrates; any number that nobody else uses


def upgrade(database_url: str, to: str = "head") -> list[str]:
    """Brings the database to `head()` and returns the revisions that were applied, oldest first.

    Safe to repeat, and to run from several processes at once: the second waits, then finds nothing to do. Beside
    people at work: who waits for a table holds up everybody behind him, so no wait is longer than `PATIENCE`; then all
    is taken back, and tried again a little later. Raises OperationalError where the last try did not get through.
    """
    engine = connect(database_url)
    try:
        for left in reversed(range(TRIES)):
            try:
                applied = _upgrade(engine, to)
                break
            except OperationalError as flaw:
                if not isinstance(flaw.orig, LockNotAvailable) or not left:
                    raise
                time.sleep(PAUSE)
        if to == "head":
            indexes.make(engine)
            partitions.make(engine)
            filling.fill(engine)
        return applied
    finally:
        engine.dispose()


def attest(database_url: str, why: str) -> int:
    """Answers, in the record, for the guard as it stands and for rows without a record; how many there were.

    For who owns the tables, after he restored the database or mended something by hand.
    """
    engine = connect(database_url)
    try:
        with engine.begin() as connection:
            packing.forget_unequal(connection)
            return audit_guard.attest(connection, why)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, to: str) -> list[str]:
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
        connection.execute(select(func.set_config("lock_timeout", PATIENCE, True)))  # of this transaction
        before = current(connection)
        config = Config(attributes={PROVIDED: connection})
        config.set_main_option("script_location", str(HERE).replace("%", "%%"))
        command.upgrade(config, to)
        applied = [each.revision for each in reversed(list(_scripts().iterate_revisions(to, before or "base")))]
        if applied and audit_guard.is_there(connection):
            audit_guard.attest(connection, f"migrated: {', '.join(applied)}")
        return applied


def current(connection: Connection) -> str | None:
    """The revision that a database is at; None where it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision that this release needs."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise LookupError(f"there are no migrations in {HERE / 'versions'}")
    return newest


@lru_cache(maxsize=1)
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(HERE))
