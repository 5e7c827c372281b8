"""Seals: now and then the ends of all chains are written down together, and each seal holds on to the one before it.

A chain that was rewritten from its middle to its end looks whole by itself; it no longer ends as it was sealed. Whoever
keeps a seal's hash outside the database can prove later that nothing up to it was changed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, desc, select, text

from storage.record.chain import as_json, moment
from storage.schema.audit import audit_seals, seal_anchors

if TYPE_CHECKING:
    from storage.actor import Actor

SEALS = "seals"  # the name of the seals' own chain

SEAL = text("SELECT id, sealed_at, sealed_by, chains, records, hash FROM seal_the_record(:who)")
NOTE_ANCHOR = text("SELECT note_anchor(:seal, :anchor, :receipt)")
SEALED_TODAY = text(
    "SELECT sealed_at >= date_trunc('day', clock_timestamp(), 'UTC')"
    " AND sealed_at < date_trunc('day', clock_timestamp(), 'UTC') + interval '1 day'"
    " FROM audit_seals ORDER BY id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as it was made. `chains` and `records` count what had been added since the seal before."""

    id: int
    sealed_at: datetime
    sealed_by: str
    chains: int
    records: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where a seal's hash was kept outside of the database, and when by the database's clock."""

    seal: int
    anchor: str
    at: datetime


class Seals:
    """The seals of one transaction."""

    def __init__(self, connection: Connection, actor: "Actor") -> None:
        self.connection = connection
        self.actor = actor

    def seal(self) -> Seal | None:
        """Seals what was committed since the last seal; None where nothing was. Writers are not held up.

        The database makes it, by its own clock. A seal holds a million ends of chains at most: where more have moved,
        several are made, and the last is returned.
        """
        made = None
        while (row := self.connection.execute(SEAL, {"who": self.actor.who}).one_or_none()) is not None:
            made = Seal(*row)
        return made

    def seal_of_day(self) -> Seal | None:
        """Seals, unless the last seal is of today already: the day in UTC, by the database's clock."""
        return None if self.connection.scalar(SEALED_TODAY) else self.seal()

    def last(self) -> Row[tuple[int, datetime, str, int, int, bytes, bytes]] | None:
        """The newest seal."""
        return self.connection.execute(select(audit_seals).order_by(desc(audit_seals.c.id)).limit(1)).one_or_none()

    def without_anchor(self, anchor: str) -> list[Seal]:
        """The seals that an anchor does not have yet, oldest first."""
        has = select(seal_anchors.c.seal_id).where(
            seal_anchors.c.seal_id == audit_seals.c.id, seal_anchors.c.anchor == anchor
        )
        query = select(audit_seals).where(~has.exists()).order_by(audit_seals.c.id)
        return [
            Seal(row.id, row.sealed_at, row.sealed_by, row.chains, row.records, row.hash)
            for row in self.connection.execute(query)
        ]

    def note_anchor(self, seal: int, anchor: str, receipt: str) -> None:
        """Notes that an anchor has a seal; `receipt` is what it answered."""
        self.connection.execute(NOTE_ANCHOR, {"seal": seal, "anchor": anchor, "receipt": receipt})

    def last_anchored(self) -> Anchored | None:
        """The newest note that an anchor has a seal."""
        newest = select(seal_anchors).order_by(desc(seal_anchors.c.seal_id), desc(seal_anchors.c.anchored_at)).limit(1)
        row = self.connection.execute(newest).one_or_none()
        return None if row is None else Anchored(row.seal_id, row.anchor, row.anchored_at)

    def all(self, since: datetime | None = None, until: datetime | None = None) -> Iterable[Seal]:
        """The seals of a period, oldest first."""
        query = select(audit_seals).order_by(audit_seals.c.id)
        if since:
            query = query.where(audit_seals.c.sealed_at >= since)
        if until:
            query = query.where(audit_seals.c.sealed_at < until)
        for row in self.connection.execute(query):
            yield Seal(row.id, row.sealed_at, row.sealed_by, row.chains, row.records, row.hash)


class HeadsDigest:
    """SHA-256 over the ends of chains, a line each, by the bytes of their names."""

    def __init__(self) -> None:
        self.chains = 0
        self.records = 0
        self._sha = hashlib.sha256()

    def add(self, chain: str, seq: int, head: bytes, moved: int = 0) -> None:
        """Adds one chain's end."""
        self.chains += 1
        self.records += moved
        self._sha.update(f"{as_json([chain, seq, head.hex()])}\n".encode())

    def hex(self) -> str:
        """The digest of the ends so far."""
        return self._sha.hexdigest()


def seal_content(number: int, at: datetime, who: str, chains: int, records: int, heads: str) -> str:
    """What of a seal is hashed, behind the hash of the seal before it. A law for ever, as a record's content is."""
    return as_json({"seal": number, "at": moment(at), "by": who, "chains": chains, "records": records, "heads": heads})
