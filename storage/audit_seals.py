"""Seals: now and then the ends of all chains are written down together, and each seal holds on to the one before it.

A chain that was rewritten from its middle to its end looks whole by itself; it no longer ends as it was sealed. Whoever
keeps a seal's hash outside the database can prove later that nothing up to it was changed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, desc, func, insert, select, text

from storage.audit_chain import as_json, beginning, linked, moment
from storage.tables_audit import audit_seals

if TYPE_CHECKING:
    from storage.connection import Actor

ONE_AT_A_TIME = 0x7365_616C  # the advisory lock of whoever seals; any number that nobody else uses
SEALS = "seals"  # the name of the seals' own chain

GATHER = text(
    "CREATE TEMPORARY TABLE sealing ON COMMIT DROP AS"
    " SELECT audit_heads.chain, audit_heads.seq, audit_heads.hash, audit_heads.seq - coalesce(sealed.seq, 0) AS moved"
    " FROM audit_heads LEFT JOIN LATERAL (SELECT seq FROM audit_seal_heads WHERE chain = audit_heads.chain"
    " ORDER BY seal_id DESC LIMIT 1) AS sealed ON true WHERE audit_heads.seq > coalesce(sealed.seq, 0)"
)
GATHERED = text('SELECT chain, seq, hash, moved FROM sealing ORDER BY chain COLLATE "C"')
KEEP = text("INSERT INTO audit_seal_heads (seal_id, chain, seq, hash) SELECT :seal, chain, seq, hash FROM sealing")


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as it was made. `chains` and `records` count what had been added since the seal before."""

    id: int
    sealed_at: datetime
    sealed_by: str
    chains: int
    records: int
    hash: bytes


class Seals:
    """The seals of one transaction."""

    def __init__(self, connection: Connection, actor: "Actor") -> None:
        self.connection = connection
        self.actor = actor

    def seal(self) -> Seal | None:
        """Seals what was committed since the last seal; None where nothing was. Writers are not held up."""
        self.connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
        last = self.last()
        self.connection.execute(GATHER)
        digest = HeadsDigest()
        for row in self.connection.execute(GATHERED, execution_options={"yield_per": 5000}):
            digest.add(row.chain, row.seq, row.hash, row.moved)
        if not digest.chains:
            self.connection.execute(text("DROP TABLE sealing"))
            return None
        number = last.id + 1 if last else 1
        previous = last.hash if last else beginning(SEALS)
        at = self.connection.execute(select(func.clock_timestamp())).scalar_one()
        content = seal_content(number, at, self.actor.who, digest.chains, digest.records, digest.hex())
        made = Seal(number, at, self.actor.who, digest.chains, digest.records, linked(previous, content))
        self.connection.execute(
            insert(audit_seals).values(
                id=number,
                sealed_at=at,
                sealed_by=made.sealed_by,
                chains=made.chains,
                records=made.records,
                previous=previous,
                hash=made.hash,
            )
        )
        self.connection.execute(KEEP, {"seal": number})
        return made

    def seal_of_day(self, day: date) -> Seal | None:
        """Seals, unless the last seal is of that day (in UTC) or later already."""
        last = self.last()
        return None if last and moment(last.sealed_at)[:10] >= day.isoformat() else self.seal()

    def last(self) -> Row[tuple[int, datetime, str, int, int, bytes, bytes]] | None:
        """The newest seal."""
        return self.connection.execute(select(audit_seals).order_by(desc(audit_seals.c.id)).limit(1)).one_or_none()

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
