"""How long the database may take over one statement, and a transaction may lie idle: less than whoever waits for it.

A step that has ten seconds is then told by the database what it waited for, and lets go of what it held, before its
worker is taken for dead and another does it again. Commands wait as long as it takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

SHARE = 0.8  # of the time that whoever asks has
LIMITS = "limits"  # where a connection remembers what it was told last
TELL = "SELECT set_config('statement_timeout', %s, false), set_config('idle_in_transaction_session_timeout', %s, false)"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, 0 for no limit: of one statement, and between two of a transaction."""

    statement: float = 0
    idle: float = 600


COMMANDS = Limits()
_limits: ContextVar[Limits] = ContextVar("limits", default=COMMANDS)


@contextmanager
def within(once: float | None, heartbeat: float | None) -> Iterator[None]:
    """In here statements end before `once` and `heartbeat`, idle transactions before `once`: seconds, or None."""
    silent = min((each for each in (once, heartbeat) if each), default=0)
    before = _limits.set(Limits(SHARE * silent, SHARE * once if once else COMMANDS.idle))
    try:
        yield
    finally:
        _limits.reset(before)


def keep_to_them(engine: Engine) -> None:
    """Every connection of the engine keeps to the limits of whoever takes it; it is told only where they changed."""

    @event.listens_for(engine, "checkout")
    def tell(connection: Any, record: Any, _: Any) -> None:
        wanted = _limits.get()
        if record.info.get(LIMITS) == wanted:
            return
        connection.autocommit = True  # a setting of a transaction that is rolled back would be lost
        try:
            connection.execute(TELL, (str(int(wanted.statement * 1000)), str(int(wanted.idle * 1000))))
        finally:
            connection.autocommit = False
        record.info[LIMITS] = wanted
