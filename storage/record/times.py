"""Do the times of the record hold together: rising in each chain, none in the future, none before a seal without it?"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from storage.record.chain import Link, moment
from storage.record.fault import Fault, a_record, named

LONGEST = timedelta(days=1)  # a transaction's records may be as much older than a seal that could not see them yet
BACKDATED = text(
    "SELECT DISTINCT ON (sealed.chain) sealed.chain, records.seq, seals.id AS seal_id, seals.sealed_at"
    " FROM (SELECT chain, seq, seal_id, lag(seq, 1, CAST(0 AS bigint)) OVER (PARTITION BY chain ORDER BY seal_id)"
    " AS behind FROM audit_seal_heads WHERE CAST(:chain AS text) IS NULL OR chain = :chain) AS sealed"
    " JOIN audit_seals AS seals ON seals.id = sealed.seal_id - 1"
    " JOIN audit_records AS records"
    " ON records.chain = sealed.chain AND records.seq > sealed.behind AND records.seq <= sealed.seq"
    " WHERE records.at < seals.sealed_at - CAST(:longest AS interval) ORDER BY sealed.chain, records.seq"
)
BEFORE_ITS_CONTENT = text(
    "SELECT seals.id, min(records.chain) AS chain FROM audit_seals AS seals"
    " JOIN audit_seal_heads AS sealed ON sealed.seal_id = seals.id"
    " JOIN audit_records AS records ON records.chain = sealed.chain AND records.seq = sealed.seq"
    " WHERE records.at > seals.sealed_at AND (CAST(:chain AS text) IS NULL OR sealed.chain = :chain)"
    " GROUP BY seals.id ORDER BY seals.id LIMIT 1"
)


def out_of_time(before: Link | None, link: Link, now: datetime) -> Fault | None:
    """What is wrong with a record's time behind the record before it in its chain, or None."""
    if link.at > now:
        return _fault(link, f"is dated in the future: it is {moment(now)[:19]}Z by the database's clock")
    if before is not None and link.at < before.at and link.rules_version is not None:
        # Records without a version of the rules are from before there were chains (migration 0003).
        return _fault(link, f"is dated before {named(before)}")
    return None


def _fault(link: Link, why: str) -> Fault:
    return Fault(link.chain, link.seq, "time", f"{named(link)} {why}", link.id, link.at)


def backdated(connection: Connection, chain: str | None) -> Iterator[Fault]:
    """Records that are much older than a seal that did not have them: they came later than they say."""
    for row in connection.execute(BACKDATED, {"chain": chain, "longest": LONGEST}).all():
        link = a_record(connection, row.chain, row.seq)
        seal = f"seal {row.seal_id} of {moment(row.sealed_at)[:19]}Z"
        says = f"{named(link)} is dated before {seal}, which did not find it: it came later than it says"
        yield Fault(row.chain, row.seq, "time", says, link.id, link.at)


def sealed_too_early(connection: Connection, chain: str | None) -> tuple[int, str] | None:
    """The first seal that is older than what it seals, and a chain of that; or None."""
    row = connection.execute(BEFORE_ITS_CONTENT, {"chain": chain}).one_or_none()
    return None if row is None else (row.id, row.chain)
