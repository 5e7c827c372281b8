"""Records of the audit chain as they are listed: newest first, by keyset, of an account or a rebalance."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reading.places import Listed, cursor, number, parts

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def newest(books: "Transaction", account_id: str, rebalance_id: str, place: str | None, size: int) -> Listed:
    """A page of records, the newest first, each as in a table (`as_line`); empty texts are no filter. Raises Lost."""
    found, after = _newest(books, account_id, rebalance_id, place, size)
    return Listed([as_line(row) for row in found], after)


def newest_whole(books: "Transaction", account_id: str, rebalance_id: str, place: str | None, size: int) -> Listed:
    """The same in their public form. Raises Lost."""
    found, after = _newest(books, account_id, rebalance_id, place, size)
    return Listed([as_json(row) for row in found], after)


def _newest(
    books: "Transaction", account_id: str, rebalance_id: str, place: str | None, size: int
) -> tuple[Sequence[Any], str | None]:
    from sqlalchemy import desc, select

    from storage.schema.audit import audit_records

    of, at = audit_records.c, parts(place, 1)
    query = select(audit_records).order_by(desc(of.id)).limit(size + 1)
    for column, value in ((of.account_id, account_id), (of.rebalance_id, rebalance_id)):
        query = query.where(column == value) if value else query
    rows = books.connection.execute(query if at is None else query.where(of.id < number(at[0]))).all()
    return rows[:size], cursor(str(rows[size - 1].id)) if len(rows) > size else None


def between(books: "Transaction", first: datetime, end: datetime, place: str | None, size: int) -> Listed:
    """A page of the records from a moment until before another, the oldest first. Raises Lost."""
    from sqlalchemy import select

    from storage.schema.audit import audit_records

    of, at = audit_records.c, parts(place, 1)
    query = select(audit_records).where(of.at >= first, of.at < end).order_by(of.id).limit(size + 1)
    rows = books.connection.execute(query if at is None else query.where(of.id > number(at[0]))).all()
    after = cursor(str(rows[size - 1].id)) if len(rows) > size else None
    return Listed([as_line(row) for row in rows[:size]], after)


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
