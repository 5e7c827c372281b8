"""Partitions by the month: made ahead, and dropped when the months that policy keeps are over."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from policy import NOTES_KEPT_MONTHS, whole_number
from policy.clock import the_clock
from storage.record.audit import Audit

KEEP = text("SELECT made, dropped FROM keep_partitions(:months)")
# The next month has to have its own; what has none, or is not partitioned yet, goes to where nothing is ever dropped.
LACKING = text(
    "SELECT wanted.name FROM unnest(ARRAY['evaluation_notes', 'evaluation_pages']) AS wanted (name),"
    " LATERAL (SELECT CAST(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month' AS date) AS day) AS next"
    " WHERE NOT EXISTS (SELECT FROM month_partitions AS there"
    " WHERE there.parent = wanted.name AND there.begins <= next.day AND there.ends > next.day) ORDER BY 1"
)


class Kept(NamedTuple):
    """The partitions that were made, and those that were dropped."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]


def keep(connection: Connection, audit: Audit) -> Kept:
    """Makes what is missing of this month and the three after it, and drops the months that policy keeps no more."""
    months = whole_number(NOTES_KEPT_MONTHS, the_clock().today())
    row = connection.execute(KEEP, {"months": months}).one()
    if row.dropped:
        audit.record("months dropped", after={"partitions": row.dropped, NOTES_KEPT_MONTHS: months})
    return Kept(tuple(row.made), tuple(row.dropped))


def lacking(connection: Connection) -> list[str]:
    """The tables that have no partition for the next month."""
    return list(connection.scalars(LACKING))
