"""A fault of the record: what verification says of it, and how it names a record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from storage.record.chain import moment


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a chain, with the seals or with the guard: the first place of it, and a sentence."""

    chain: str
    seq: int
    kind: str  # changed, removed, inserted, rewritten, time, unrecorded, packed; seal; guard
    says: str
    record_id: int | None = None
    at: datetime | None = None
    last: int | None = None  # where it may also be that late, as only a seal tells


def named(link: Any) -> str:
    """A record as a person finds it again."""
    return f"record {link.seq} (id {link.id}, {moment(link.at)[:19]}Z, {link.who}: {link.action})"


def a_record(connection: Connection, chain: str, seq: int) -> Any:
    """A record by its place, or None."""
    query = text("SELECT id, chain, seq, at, who, action FROM audit_records WHERE chain = :chain AND seq = :seq")
    return connection.execute(query, {"chain": chain, "seq": seq}).one_or_none()
