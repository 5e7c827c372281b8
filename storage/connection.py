"""The way in: an engine by URL, and one transaction over all repositories."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Error as Psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError

from storage import limits

DATABASE_URL = "REBALANCER_DATABASE_URL"
IDLE = 1.0  # seconds after which a connection is asked whether it lives
IDLE_SINCE = "idle_since"


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
        connect_args={
            "connect_timeout": 5,
            "application_name": f"rebalancer-{os.getpid()}",
            "options": f"-c lock_timeout={lock_timeout}",
        },
        json_serializer=_json,
        hide_parameters=True,  # a failed statement's values are clients' data: not for histories and logs
    )
    _ask_the_idle(engine)
    limits.keep_to_them(engine)
    return engine


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


def _json(value: object) -> str:
    from storage.record.chain import as_json

    return as_json(value)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where: written into every audit record of a transaction."""

    who: str
    workflow_id: str | None = None
    run_id: str | None = None
    activity: str | None = None


class Books:
    """The database as the rest of the program sees it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator["Transaction"]:
        """One transaction: committed where the block ends, rolled back where it raises."""
        with self.engine.begin() as connection:
            work = Transaction(connection, actor or Actor("unknown"))
            yield work
            work.audit.write()

    @contextmanager
    def reading(self) -> Iterator["Transaction"]:
        """A transaction that changes nothing, and sees the database as it was at its first statement."""
        reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with reading.begin() as connection:
            yield Transaction(connection, Actor("nobody: reads only"))


class Rehearsal(Books):
    """The books where nothing is kept: each transaction does all its checks, deferred ones too, and is rolled back."""

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator["Transaction"]:
        """One transaction, rolled back at its end; raises what a commit would have raised."""
        with self.engine.connect() as connection, connection.begin() as begun:
            work = Transaction(connection, actor or Actor("unknown"))
            yield work
            work.audit.write()
            connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            begun.rollback()


class Transaction:
    """All repositories over one database transaction."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        from storage.accounts.accounts import Accounts
        from storage.accounts.breaks import Breaks
        from storage.accounts.snapshots import Snapshots
        from storage.accounts.states import AccountStates
        from storage.market.market import MarketRecords
        from storage.record.audit import Audit
        from storage.record.histories import Histories
        from storage.record.seals import Seals
        from storage.work.attention import Attention
        from storage.work.epochs import Epochs
        from storage.work.evaluations import Evaluations
        from storage.work.halts import Halts
        from storage.work.listings import Listings
        from storage.work.model_signals import ModelSignals
        from storage.work.orders import Orders
        from storage.work.queue import Queue
        from storage.work.rebalances import Rebalances
        from storage.work.requests import Requests
        from storage.work.venues import VenueSettings

        self.connection = connection
        self.audit = Audit(connection, actor)
        self.attention = Attention(connection)
        self.listings = Listings(connection)
        self.seals = Seals(connection, actor)
        self.market = MarketRecords(connection, self.audit)
        self.queue = Queue(connection, self.audit)
        self.snapshots = Snapshots(connection)
        self.accounts = Accounts(connection, self.audit, self.queue, self.snapshots)
        self.rebalances = Rebalances(connection, self.audit)
        self.account_states = AccountStates(connection, self.audit, self.queue, self.accounts, self.rebalances)
        self.requests = Requests(connection)
        self.halts = Halts(connection, self.audit)
        self.epochs = Epochs(connection, self.audit, self.halts)
        self.orders = Orders(connection, self.audit)
        self.breaks = Breaks(connection, self.audit)
        self.evaluations = Evaluations(connection)
        self.venues = VenueSettings(connection, self.audit)
        self.histories = Histories(connection, self.audit)
        self.signals = ModelSignals(connection, self.audit)

    def execute(self, statement: Any, *arguments: Any) -> Any:
        """A statement of a caller with its own tables (the paper venue)."""
        return self.connection.execute(statement, *arguments)
