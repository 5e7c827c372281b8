"""An engine for a PostgreSQL URL: its pool, its limits, and whether an idle connection still lives."""

import os
import time
from typing import Any

from psycopg import Error as Psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from storage import limits
from storage.arrays import write_lists_at_once
from storage.record.chain import as_json

DATABASE_URL = "REBALANCER_DATABASE_URL"
IDLE = 1.0  # seconds after which a connection is asked whether it lives
IDLE_SINCE = "idle_since"
PREPARED = 400  # statements a connection keeps prepared: all that a worker asks, of which 100 would be too few


def connect(url: str, pool_size: int = 5, lock_timeout: str = "0") -> Engine:
    """An engine for a PostgreSQL URL; `postgresql://` is taken as `postgresql+psycopg://`.

    `lock_timeout` bounds how long a statement waits for another's row, like `5s`; `0` waits for ever.
    """
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.partition("://")[2]
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the connection used last knows the statements, and its limits, best
        connect_args={
            "connect_timeout": 5,
            "application_name": f"rebalancer-{os.getpid()}",
            "options": f"-c lock_timeout={lock_timeout}",
        },
        json_serializer=as_json,
        hide_parameters=True,  # a failed statement's values are clients' data: not for histories and logs
    )
    event.listen(engine, "connect", _set_up)
    _ask_the_idle(engine)
    limits.keep_to_them(engine)
    return engine


def _set_up(connection: Any, _: Any) -> None:
    """A new connection writes lists at once, and keeps every statement of ours prepared."""
    write_lists_at_once(connection)
    connection.prepared_max = PREPARED


def _ask_the_idle(engine: Engine) -> None:
    """Asks a connection that has been idle for a while whether it lives, before it is used again.

    So a database that was restarted does not fail the first step after it, and a step of many transactions does not
    ask before each of them.
    """

    @event.listens_for(engine, "checkin")
    def note(_: Any, record: Any) -> None:
        record.info[IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get(IDLE_SINCE, time.monotonic()) < IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except Psycopg as flaw:
            raise DisconnectionError("the connection is gone; the pool makes another") from flaw
