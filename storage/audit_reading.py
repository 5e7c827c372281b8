"""Reads the audit record: all that belongs to one rebalance, and all of a period as its links."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, text

from storage.audit_chain import Link
from storage.tables_audit import audit_records
from storage.tables_execution import rebalances

PERIOD = text(
    "SELECT id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version,"
    " workflow_id, run_id, activity, CAST(before AS text), CAST(after AS text), previous, hash"
    " FROM audit_records WHERE at >= :since AND at < :until ORDER BY id"
)


def of_rebalance(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """Every record of a rebalance, in the order in which they were written.

    Those that name no rebalance (a queue entry, booked positions) are its own where its workflow wrote them before the
    account's next rebalance began.
    """
    records = audit_records.c
    following = (
        select(func.min(rebalances.c.started_at))
        .where(rebalances.c.account_id == row.account_id, rebalances.c.started_at > row.started_at)
        .scalar_subquery()
    )
    beside = and_(
        records.account_id == row.account_id,
        records.rebalance_id.is_(None),
        records.workflow_id == row.workflow_id,
        records.at >= row.started_at,
        records.at < func.coalesce(following, text("'infinity'::timestamptz")),
    )
    query = select(audit_records).where(or_(records.rebalance_id == row.id, beside)).order_by(records.id)
    return connection.execute(query).all()


def of_period(connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[Link, bytes, bytes]]:
    """Every record of a period, with the hash before it and its own, a few thousand at a time."""
    found = connection.execute(PERIOD, {"since": since, "until": until}, execution_options={"yield_per": 2000})
    for *values, previous, own in found:
        yield Link(*values), previous, own
