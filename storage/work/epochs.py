"""Epochs of an installation: what keeps the orders of a restored database apart from those that it has forgotten.

A database that comes back from a backup counts its rebalances from where the backup was, while the venue remembers the
orders sent since. So every client order ID begins with the epoch in which it was made (EXEC-1), and a restore begins a
new one (`rebalancer recover --new-epoch`). The database knows itself by its server and its number there: in a copy a
new epoch begins by itself, and nothing is sent until somebody has looked.
"""

import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from domain.executing.execution import EXEC_1
from storage.record.audit import Audit
from storage.schema.execution import installation_epochs
from storage.work.halts import Halts

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no letter that is read as a digit
LENGTH = 5
FIRST = "the first order of this database"
A_COPY = "this database is a copy of the one in which the epoch before began"
TO_LOOK = "compare with the custodians and the venues what was sent since the backup, then resume"
ONE_AT_A_TIME = 0x0065_706F_6368  # the advisory lock of whoever begins an epoch
# The halt that an epoch began with, in its own transaction: the same moment.
NOT_COMPARED = text(
    "SELECT EXISTS (SELECT FROM sending_halts AS halts JOIN installation_epochs AS epochs"
    " ON epochs.begun_at = halts.halted_at WHERE halts.resumed_at IS NULL)"
)
NEWEST = select(installation_epochs).order_by(installation_epochs.c.number.desc()).limit(1)
THIS_DATABASE = text(
    "SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) AS here"
    " FROM pg_control_system()"
)
OF_THIS_DATABASE = text(  # where the newest is: a copy's is of another
    "SELECT epoch FROM (SELECT epoch, database FROM installation_epochs ORDER BY number DESC LIMIT 1) AS newest"
    " JOIN (SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) AS here"
    " FROM pg_control_system()) AS it ON it.here = newest.database"
)


class NotCompared(Exception):
    """The database was restored, and nobody has compared it with the custodians yet. To be tried again."""

    def __init__(self) -> None:
        super().__init__(f"nothing is begun on a restored database: {TO_LOOK}")


class Epochs:
    """The installation's epochs in one transaction."""

    def __init__(self, connection: Connection, audit: Audit, halts: Halts) -> None:
        self.connection = connection
        self.audit = audit
        self.halts = halts

    def current(self) -> str:
        """The epoch for new orders; begun here where this database has none of its own yet."""
        epoch: str | None = self.connection.scalar(OF_THIS_DATABASE)
        if epoch is not None:
            return epoch
        here = self._here()
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        newest = self.newest()  # another order may have begun it meanwhile
        if newest is not None and newest.database == here:
            return str(newest.epoch)
        if newest is None:
            return self._begin(here, FIRST)
        self.halts.halt(f"{A_COPY}: {TO_LOOK}")
        return self._begin(here, A_COPY)

    def renew(self, why: str) -> str:
        """Begins a new epoch, after a restore, and halts sending until another person resumes it.

        A new era of the record too: a database that is back where it was counts transactions that were there before.
        """
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        self.halts.halt(f"a new epoch, {why}: {TO_LOOK}")
        self.connection.execute(text("SELECT begin_record_era()"))
        return self._begin(self._here(), why)

    def ensure_compared(self) -> None:
        """Raises NotCompared while what an epoch halted is not resumed: what is planned now is of the old books."""
        if self.connection.scalar(NOT_COMPARED):
            raise NotCompared

    def newest(self) -> Row[Any] | None:
        """The epoch that began last, with who began it, when and why; None before the first order."""
        return self.connection.execute(NEWEST).one_or_none()

    def is_of_now(self, client_order_id: str) -> bool:
        """False for an order of an epoch before: it may have been sent after the backup of which this database is."""
        return bool(self.of_now([client_order_id]))

    def of_now(self, client_order_ids: Collection[str]) -> set[str]:
        """Those that are not of an epoch before."""
        newest = self.newest()
        return {each for each in client_order_ids if newest is None or each.startswith(f"{newest.epoch}-")}

    def restored(self) -> bool:
        """True where there was ever an epoch before this one."""
        newest = self.newest()
        return newest is not None and newest.epoch != self.first()

    def first(self) -> str | None:
        """The epoch that began first; None before the first order."""
        query = select(installation_epochs.c.epoch).order_by(installation_epochs.c.number).limit(1)
        found: str | None = self.connection.scalar(query)
        return found

    def _begin(self, here: str, why: str) -> str:
        before = self.newest()
        epoch = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        self.connection.execute(
            insert(installation_epochs).values(epoch=epoch, database=here, begun_by=self.audit.actor.who, why=why)
        )
        self.audit.record(
            "epoch begun",
            rule=EXEC_1.code,
            before=None if before is None else {"epoch": before.epoch, "database": before.database},
            after={"epoch": epoch, "database": here, "why": why},
        )
        return epoch

    def _here(self) -> str:
        return str(self.connection.scalar(THIS_DATABASE))
