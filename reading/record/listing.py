"""Records of the audit chain as they are listed: newest first, by keyset, of an account or a rebalance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Records:
    """A page of records, and whether older ones follow."""

    rows: Sequence[Any]
    more: bool


def newest(books: "Transaction", account_id: str, rebalance_id: str, before: int | None, size: int) -> Records:
    """A page behind record `before`; empty texts are no filter."""
    from sqlalchemy import desc, select

    from storage.schema.audit import audit_records

    of = audit_records.c
    query = select(audit_records).order_by(desc(of.id)).limit(size + 1)
    for column, value in ((of.account_id, account_id), (of.rebalance_id, rebalance_id)):
        query = query.where(column == value) if value else query
    rows = books.connection.execute(query.where(of.id < before) if before else query).all()
    return Records(rows[:size], len(rows) > size)


def between(books: "Transaction", first: datetime, end: datetime, at_most: int) -> Sequence[Any]:
    """Records from a moment until before another, the oldest first."""
    from sqlalchemy import select

    from storage.schema.audit import audit_records

    of = audit_records.c
    query = select(audit_records).where(of.at >= first, of.at < end).order_by(of.id).limit(at_most)
    return books.connection.execute(query).all()


def as_line(row: Any) -> Json:
    """A record as tables and files of them have it: to the second, its contents as the text that was recorded."""
    from storage.record.chain import as_json as text
    from storage.record.chain import moment

    told = as_json(row)
    contents = {name: None if told[name] is None else text(told[name]) for name in ("before", "after")}
    return told | contents | {"at": moment(row.at)[:19] + "Z"}


def as_json(row: Any) -> Json:
    """A record in its public form; `before` and `after` as they are kept."""
    from storage.record.chain import moment

    names = ("id", "who", "action", "account_id", "rebalance_id", "rule", "workflow_id", "before", "after")
    return {name: getattr(row, name) for name in names} | {"at": moment(row.at)}
