"""Reads the audit record: all that belongs to one rebalance, and all of a period as its links."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, text

from storage.record.chain import Link
from storage.record.histories import ARCHIVED
from storage.schema.audit import audit_records, workflow_histories
from storage.values import among

PERIOD = text(
    "SELECT id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version,"
    " workflow_id, run_id, activity, CAST(before AS text), CAST(after AS text), previous, hash"
    " FROM audit_records WHERE at >= :since AND at < :until ORDER BY id"
)


def of_rebalance(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """Every record of a rebalance, in the order in which they were written.

    Those that name no rebalance (a queue entry, booked positions, an archived history) are its own where they are of a
    run of its workflow's start.
    """
    records, kept = audit_records.c, workflow_histories.c
    first_run = row.start_key.rpartition("#")[2]
    later = select(kept.run_id).where(kept.workflow_id == row.workflow_id, kept.first_run_id == first_run)
    runs = {first_run, *connection.scalars(later)}
    beside = and_(
        records.account_id == row.account_id,
        records.rebalance_id.is_(None),
        or_(
            and_(records.workflow_id == row.workflow_id, among(records.run_id, runs)),
            and_(records.action == ARCHIVED, among(records.after["run_id"].as_string(), runs)),
        ),
    )
    query = select(audit_records).where(or_(records.rebalance_id == row.id, beside)).order_by(records.id)
    return connection.execute(query).all()


def of_period(connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[Link, bytes, bytes]]:
    """Every record of a period, with the hash before it and its own, a few thousand at a time."""
    found = connection.execute(PERIOD, {"since": since, "until": until}, execution_options={"yield_per": 2000})
    for *values, previous, own in found:
        yield Link(*values), previous, own
