"""How commands reach the database and Temporal: by the environment, else by the running embedded stack."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from reading.actions import do
from reading.refused import Refused, Unreachable

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from temporalio.client import Client

    from devstack.connection import StackConnection
    from storage.connection import Books
    from venues.registry import Venues

T = TypeVar("T")


class NoDatabase(Unreachable):
    """The database can't be reached, or can't be used: nothing can be recorded there either."""


NO_STACK = (
    "no database is named and no embedded stack is running: start one with `make up`, or set REBALANCER_DATABASE_URL "
    "(and TEMPORAL_ADDRESS)"
)


def today() -> date:
    """The day at the exchange, by the clock that this process was handed (DAY-1)."""
    from policy.clock import the_clock

    try:
        return the_clock().today()
    except ValueError as flaw:
        raise Refused(str(flaw)) from flaw


def trade_date() -> date:
    """The day on which what is planned now would trade (DAY-2)."""
    from policy.clock import the_clock
    from policy.trading_days import trade_date as on

    return on(the_clock().now())


def stack() -> "StackConnection | None":
    """The embedded stack, where one runs."""
    from devstack.connection import connection
    from devstack.errors import StackError

    try:
        found = connection()
    except StackError as flaw:
        raise Refused(str(flaw)) from flaw
    return found if found and found.alive else None


def database_url() -> str:
    """The database that the environment names, else the embedded stack's."""
    named = os.environ.get("REBALANCER_DATABASE_URL")
    if named:
        return named
    running = stack()
    if running is None:
        raise Unreachable(NO_STACK)
    return running.database_url


@contextmanager
def engines() -> "Iterator[Callable[[], Engine]]":
    """A way to the database's engine, whether it answers or not; what was connected is closed at the end."""
    from storage.engine import connect

    made: list[Engine] = []

    def engine() -> "Engine":
        made.append(connect(database_url(), pool_size=1))
        return made[-1]

    yield engine
    for each in made:
        each.dispose()


def books(dry_run: bool = False) -> "Books":
    """The database; nothing is written to it in a dry run. Refused where it does not answer, or was not migrated."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from storage.connection import Books, Rehearsal
    from storage.engine import connect
    from storage.faults import first_line

    try:
        engine = connect(database_url(), pool_size=1)
        with engine.connect() as connection:
            migrated = connection.scalar(text("SELECT to_regclass('alembic_version')"))
    except SQLAlchemyError as flaw:
        raise NoDatabase(
            f"the database does not answer: {first_line(flaw)}. Is it running? ", do("status", told="See `{}`")
        ) from flaw
    if migrated is None:
        raise NoDatabase("the database was never migrated: run `python -m storage.migrations`, or use `make up`")
    return Rehearsal(engine) if dry_run else Books(engine)


def temporal_address() -> str | None:
    """The embedded stack's Temporal, where neither the environment nor a profile names another; else None."""
    if os.environ.get("TEMPORAL_ADDRESS") or os.environ.get("TEMPORAL_PROFILE"):
        return None
    running = stack()
    return running.temporal_address if running else None


async def temporal() -> "Client":
    """A client of Temporal. Refused where it does not answer."""
    from payloads.errors import BadKeyFile
    from workflows.connection import connect

    try:
        return await asyncio.wait_for(connect(temporal_address()), timeout=10)
    except BadKeyFile as flaw:
        raise Refused(str(flaw)) from flaw
    except (RuntimeError, OSError, TimeoutError) as flaw:
        where = temporal_address() or os.environ.get("TEMPORAL_ADDRESS", "localhost:7233")
        raise Unreachable(
            f"Temporal does not answer at {where}. Start the stack with `make up`, or set TEMPORAL_ADDRESS"
        ) from flaw


def venues(books: "Books") -> "Venues":
    """The venues of this installation. Raises Refused where a FIX session's file has a flaw."""
    from venues.fix.sessions import SessionRefused
    from venues.registry import Venues

    try:
        return Venues(books.engine)
    except SessionRefused as flaw:
        raise Refused(f"{flaw}. Correct its file: docs/fix.md says what belongs into it") from flaw


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end. Raises KeyboardInterrupt for a Ctrl-C meanwhile, once it has tidied up.

    The work is cancelled, and nothing is raised where it happens to be: in the middle of asyncio's own doings that
    leaves a loop open, whose complaint a person would read. Nor is it lost where what is awaited has just ended.
    """
    caught: list[int] = []
    running: list[asyncio.Task[Any]] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        for task in running:
            with contextlib.suppress(RuntimeError):  # its loop has just closed
                task.get_loop().call_soon_threadsafe(task.cancel)

    async def to_its_end() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.append(task)
        if caught:
            task.cancel()
        return await work

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        done = asyncio.run(to_its_end())
    except asyncio.CancelledError:
        if not caught:
            raise
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        raise KeyboardInterrupt
    return done
