"""Tables that are kept by the month are made so beside people at work, after the migration that they belong to.

What takes time (to look at every row, to make the key) holds up nobody; then one short moment of nobody else puts the
table, as it is, under one of the same name that is partitioned. Who is interrupted goes on where he was. Everything
works meanwhile, as a table is asked the same whether it is partitioned or not.
"""

import time
from typing import LiteralString, NamedTuple

from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

ONE_AT_A_TIME = {"number": 0x6D6F_6E74_68}
TRIES, PAUSE = 120, 0.5  # so often the short moment is tried, and the seconds between


class Monthly(NamedTuple):
    """A table that is kept by the month of `begun_on`, and what beside the evaluation is its key."""

    table: LiteralString
    key: LiteralString


TABLES = (Monthly("evaluation_pages", "after"), Monthly("evaluation_notes", "account_id"))
KIND = text("SELECT relkind FROM pg_class WHERE oid = to_regclass(:table)")
UPTO = text("SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months')::date")
TRY = text("SELECT pg_try_advisory_lock(:number)")
DONE = text("SELECT pg_advisory_unlock(:number)")
PATIENCE = text("SELECT set_config('lock_timeout', '400ms', false)")  # as for a migration
NO_LIMIT = text("SELECT set_config('lock_timeout', '0', false)")
DROP_BOUND = SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS before_months")
BOUND = SQL("ALTER TABLE {} ADD CONSTRAINT before_months CHECK (begun_on < {}) NOT VALID")
VALIDATE = SQL("ALTER TABLE {} VALIDATE CONSTRAINT before_months")
DROP_KEY = SQL("DROP INDEX CONCURRENTLY IF EXISTS {}")
MAKE_KEY = SQL("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} (evaluation_id, {}, begun_on)")
SWAP = text("SELECT partition_by_month(:table, :key, :upto)")
AHEAD = text("SELECT made FROM keep_partitions(:months)")
NONE_TO_DROP = 1200  # months


def make(engine: Engine) -> list[str]:
    """Partitions what is not yet, and makes the partitions ahead that are missing; the names of what was made."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(TRY, ONE_AT_A_TIME):  # to wait inside a statement would hold up the index
            time.sleep(PAUSE)
        try:
            made = [each.table for each in TABLES if _partitioned(connection, each)]
            return made + list(connection.scalar(AHEAD, {"months": NONE_TO_DROP}) or ())
        finally:
            connection.execute(NO_LIMIT)
            connection.execute(DONE, ONE_AT_A_TIME)


def _partitioned(connection: Connection, each: Monthly) -> bool:
    if connection.scalar(KIND, {"table": each.table}) == "p":
        return False
    table, index, upto = Identifier(each.table), Identifier(f"by_month_{each.table}"), connection.scalar(UPTO)
    connection.execute(PATIENCE)
    for statement in (DROP_BOUND.format(table), BOUND.format(table, str(upto)), VALIDATE.format(table)):
        _patiently(connection, text(statement.as_string(None)))
    connection.execute(NO_LIMIT)
    connection.execute(text(DROP_KEY.format(index).as_string(None)))
    connection.execute(text(MAKE_KEY.format(index, table, Identifier(each.key)).as_string(None)))
    _patiently(connection, SWAP.bindparams(table=each.table, key=each.key, upto=upto))
    return True


def _patiently(connection: Connection, statement: object) -> None:
    """Tries a statement that needs a table for itself, for a short time each, until nobody is in the way."""
    for left in reversed(range(TRIES)):
        try:
            connection.execute(statement)  # type: ignore[call-overload]
            return
        except OperationalError as flaw:
            if not isinstance(flaw.orig, LockNotAvailable | DeadlockDetected) or not left:
                raise
        time.sleep(PAUSE)
