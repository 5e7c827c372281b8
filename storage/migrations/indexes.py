"""Indexes of tables that may be large: made beside people at work, after the migrations that they belong to.

A table is not held while one is made. What was interrupted leaves an index that is not valid: the next run drops it
and makes it anew. So a release adds to `INDEXES`, and a database that lacks one is slow, never wrong.
"""

import time
from typing import LiteralString

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text

INDEXES: dict[str, LiteralString] = {
    # A signal's rebalance looks for the one that an earlier run of its workflow has left behind.
    "ix_rebalances_workflow_id": "rebalances (workflow_id) WHERE stage <> 'ENDED'",
    # Pages and subscribers follow the record in the order in which its transactions were begun.
    "ix_audit_records_written_in": "audit_records (written_in, id)",
    # A signal goes through the accounts with a sleeve of its model, in the order of their keys, a page at a time.
    "ix_sleeves_model_id_in_order": "sleeves (model_id, account_id COLLATE \"C\") WHERE status = 'open'",
    # What is under way: a moment's handful among all that ever was, asked for by status, figures and `history --open`.
    "ix_rebalances_open": "rebalances (started_at, id) WHERE stage <> 'ENDED'",
    # The history by status, newest first: what is rare is found without a look at what is not.
    "ix_rebalances_by_status": "rebalances (coalesce(status, stage), started_at, id)",
    # Which securities have a price of a day, and which are held by anybody: asked with each file of prices.
    "ix_prices_as_of": "prices (as_of)",
    "ix_holdings_symbol": "holdings (symbol)",
}
PAUSE = 0.2  # seconds between two looks whether another process has done
ONE_AT_A_TIME = {"number": 0x696E_6465_78}  # the advisory lock of whoever makes them
TRY = text("SELECT pg_try_advisory_lock(:number)")
DONE = text("SELECT pg_advisory_unlock(:number)")
DROP = SQL("DROP INDEX CONCURRENTLY {}")
MAKE = SQL("CREATE INDEX CONCURRENTLY {} ON {}")
STATE = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def make(engine: Engine) -> list[str]:
    """Makes those that are missing or not valid, and returns their names. A second process waits for the first."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(TRY, ONE_AT_A_TIME):  # to wait inside a statement would hold up the index
            time.sleep(PAUSE)
        try:
            return [name for name, on in INDEXES.items() if _made(connection, name, on)]
        finally:
            connection.execute(DONE, ONE_AT_A_TIME)


def _made(connection: Connection, name: str, on: LiteralString) -> bool:
    valid = connection.scalar(STATE, {"name": name})
    if valid:
        return False
    if valid is False:
        connection.execute(text(DROP.format(Identifier(name)).as_string(None)))
    connection.execute(text(MAKE.format(Identifier(name), SQL(on)).as_string(None)))
    return True
