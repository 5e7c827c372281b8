"""Who holds a session: one gateway, for as long as it renews its lease by the database's clock (FIX-1).

A gateway that was away longer than its lease (stopped, swapped out, cut off from the database) finds that another
holds it, and ends before it marks anything.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.values.rules import Rule
from storage.schema.fix import fix_sessions

FIX_7 = Rule("FIX-7", "Sequence numbers are journaled, and restored where the engine's files are lost.")
TERM = timedelta(seconds=10)
RENEW = 2.0  # seconds between renewals
S = fix_sessions.c


class LeaseLost(RuntimeError):
    """Another gateway holds the session now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How the run before left a session; `in_order` where it gave it back itself."""

    sender_next: int
    target_next: int
    in_order: bool
    numbered_since: datetime
    epoch: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """One run of a gateway."""

    session: str
    run: str

    @classmethod
    def wanted(cls, session: str) -> "Lease":
        """A lease that is still to be taken."""
        return cls(session, secrets.token_hex(8))

    def take(self, connection: Connection) -> "Taken | None":
        """Takes the session where nobody holds it; None where somebody does."""
        connection.execute(insert(fix_sessions).values(session=self.session).on_conflict_do_nothing())
        now = func.clock_timestamp()
        before = connection.execute(
            select(fix_sessions, (S.lease_until > now).label("held")).where(S.session == self.session).with_for_update()
        ).one()
        if before.held and before.owner != self.run:
            return None
        connection.execute(
            update(fix_sessions)
            .where(S.session == self.session)
            .values(owner=self.run, lease_until=now + TERM, logged_on=False)
        )
        return Taken(before.sender_next, before.target_next, before.owner is None, before.numbered_since, before.epoch)

    def renew(self, connection: Connection) -> None:
        """Holds it further. Raises LeaseLost."""
        held = connection.execute(
            update(fix_sessions)
            .where(S.session == self.session, S.owner == self.run)
            .values(lease_until=func.clock_timestamp() + TERM)
        )
        if not held.rowcount:
            raise LeaseLost(f"another gateway holds {self.session}")

    def check(self, connection: Connection) -> None:
        """Holds the row as it is until the transaction ends. Raises LeaseLost where the session is not ours now."""
        ours = connection.scalar(
            select(S.session)
            .where(S.session == self.session, S.owner == self.run, S.lease_until > func.clock_timestamp())
            .with_for_update(read=True)
        )
        if ours is None:
            raise LeaseLost(f"another gateway holds {self.session}, or its lease ran out")

    def give_back(self, connection: Connection) -> None:
        """Lets the next gateway have it at once."""
        connection.execute(
            update(fix_sessions)
            .where(S.session == self.session, S.owner == self.run)
            .values(owner=None, lease_until=None, logged_on=False)
        )


def note(connection: Connection, session: str, **values: Any) -> None:
    """Writes down how a session stands: its numbers (FIX-7), whether it is logged on, what was said last."""
    connection.execute(update(fix_sessions).where(S.session == session).values(**values))


SENT = text("UPDATE fix.sessions SET sender_next = greatest(sender_next, :following) WHERE session = :of")


def sent(connection: Connection, session: str, following: int) -> None:
    """Journals the number behind the last that went out (FIX-7)."""
    connection.execute(SENT, {"of": session, "following": following})


def standing(connection: Connection, session: str) -> Row[Any] | None:
    """How a session stands; None where no gateway ever held it."""
    return connection.execute(
        select(fix_sessions, (S.lease_until > func.clock_timestamp()).label("held")).where(S.session == session)
    ).one_or_none()
