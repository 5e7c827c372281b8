"""What a run attempts beside breaking things: to halt the desk, to forge the record; and what came of it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.work.halts import NotHalted
from tests.chaos.proof import Checked

Told = TypeVar("Told")

HALT = 1.5  # seconds; longer where nothing waits to be sent yet, as then there is nothing to see
AT_MOST = 8.0
NOTED = text("SELECT count(*) FROM orders WHERE sent_at IS NOT NULL")
# As whoever holds the application's password would try it.
FORGERIES = (
    "UPDATE audit_records SET action = action",
    "DELETE FROM audit_records",
    "TRUNCATE audit_records",
    "INSERT INTO audit_records SELECT * FROM audit_records LIMIT 1",
    "INSERT INTO audit_seals SELECT * FROM audit_seals",
    "UPDATE rebalance_rounds SET plan = plan",
    "DELETE FROM workflow_histories",
    "INSERT INTO rebalance_rounds SELECT * FROM rebalance_rounds LIMIT 1",
    "ALTER TABLE audit_records DISABLE TRIGGER ALL",
    "DROP TABLE audit_seals",
)
REFUSED = {"42501", "P0001"}  # no such right; a trigger's own refusal


def _noted(read: Transaction) -> int:
    """How many orders are noted as sent."""
    return int(read.execute(NOTED).scalar_one())


@dataclass(slots=True)
class Attempts:
    """Attempts against one database, in turn with the faults."""

    books: Books
    halts: int = 0
    waited: int = 0  # orders that were to be sent while it was halted
    sent_while_halted: list[str] = field(default_factory=list)
    forgeries: int = 0
    accepted: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)  # orders that the venue was made to have as somebody else's

    def halt(self, number: int) -> bool:
        """Halts for a moment, and looks whether an order is noted as sent meanwhile; another person resumes."""
        self._sure(lambda books: books.halts.halt(f"chaos {number}"), Actor("ann"))
        before = self._sure(_noted)
        waiting, until = 0, time.monotonic() + AT_MOST
        time.sleep(HALT)
        while not waiting and time.monotonic() < until:
            time.sleep(0.2)
            waiting = self._sure(lambda read: read.halts.waiting())
        self.waited += waiting
        after = self._sure(_noted)
        with suppress(NotHalted):  # the answer to the first try was lost
            self._sure(lambda books: books.halts.resume("chaos: looked"), Actor("ben"))
        self.halts += 1
        if after != before:
            self.sent_while_halted.append(f"halt {self.halts}: {after - before} orders were sent")
        return True

    def _sure(self, act: Callable[[Transaction], Told], actor: Actor | None = None) -> Told:
        """What an act comes to, done again where a fault broke its connection; after a minute of that it has failed."""
        until = time.monotonic() + 60
        while True:
            try:
                with self.books.transaction(actor) as books:
                    return act(books)
            except OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def forge(self, number: int) -> bool:
        """One forgery as the application's role; refused for want of a right, or by a trigger, is right."""
        forgery = FORGERIES[number % len(FORGERIES)]
        self.forgeries += 1
        try:
            with self.books.engine.begin() as connection:
                connection.execute(text(forgery))
        except DBAPIError as flaw:
            state = getattr(flaw.orig, "sqlstate", None)
            if state not in REFUSED:
                self.accepted.append(f"{forgery}: refused for another reason ({state}), which proves nothing")
        else:
            self.accepted.append(f"{forgery}: accepted")
        return True

    def checked(self) -> list[Checked]:
        """What the attempts prove; nothing of those that a run did not plan."""
        told = []
        if self.halts:
            wrong = tuple(self.sent_while_halted)
            told.append(Checked("While sending was halted, nothing was sent.", self.halts, wrong))
        if self.forgeries:
            told.append(Checked("Nobody without the right forges the record.", self.forgeries, tuple(self.accepted)))
        return told
