"""Is the record what was recorded? Walks every chain and every seal, and names where it first is not.

Reads in one snapshot of the database, a few thousand records at a time, while others go on writing.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from storage.record.chain import Link, account_chain, beginning, linked, moment
from storage.record.fault import Fault, a_record, named
from storage.record.guard import guard_faults, unrecorded_faults
from storage.record.kept import kept_faults
from storage.record.packed import packed_faults
from storage.record.seals import SEALS, HeadsDigest, seal_content
from storage.record.times import backdated, out_of_time, sealed_too_early

STREAMED = {"yield_per": 5000}
LINKS = text(
    "SELECT id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version,"
    " workflow_id, run_id, activity, CAST(before AS text), CAST(after AS text), previous, hash"
    " FROM audit_records WHERE CAST(:chain AS text) IS NULL OR chain = :chain ORDER BY chain, seq"
)


@dataclass
class Verified:
    """What was walked, and what was found wrong: a fault a chain at most."""

    now: datetime  # by the database's clock, when it began
    records: int = 0
    chains: int = 0
    seals: int = 0
    sealed_at: datetime | None = None
    last_seal: bytes | None = None
    unsealed: int = 0
    faults: list[Fault] = field(default_factory=list)


class NotSealed(LookupError):
    """No seal has the hash that somebody kept."""


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it was at one moment, and changes nothing."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def verify(connection: Connection, account_id: str | None = None) -> Verified:
    """Walks all chains and seals, or those of one account. The faults are in the order in which they were recorded."""
    chain = None if account_id is None else account_chain(account_id)
    done = Verified(now=connection.execute(text("SELECT clock_timestamp()")).scalar_one())
    faults: dict[str, Fault] = {}
    found = (_walk(connection, chain, done), _ends(connection, chain), _sealed_ends(connection, chain))
    for fault in (*itertools.chain(*found), *kept_faults(connection, chain), *backdated(connection, chain)):
        known = faults.get(fault.chain)
        if known is None or (fault.last or fault.seq) < known.seq:
            faults[fault.chain] = fault
    for fault in (*unrecorded_faults(connection, chain), *packed_faults(connection, account_id)):
        faults.setdefault(fault.chain, fault)  # a record that was changed is no longer the one of what it is of
    around = [*_walk_seals(connection, chain, done), *(guard_faults(connection) if chain is None else ())]
    done.unsealed = _unsealed(connection, chain)
    done.faults = around + sorted(faults.values(), key=lambda each: (each.record_id or 0, each.chain))
    return done


def find_seal(connection: Connection, kept: str) -> tuple[int, datetime]:
    """The number and moment of the seal whose hash was kept elsewhere. Raises NotSealed."""
    query = text("SELECT id, sealed_at FROM audit_seals WHERE encode(hash, 'hex') = :kept")
    found = connection.execute(query, {"kept": kept.strip().lower()}).one_or_none()
    if found is None:
        raise NotSealed(kept)
    return found.id, found.sealed_at


# --- chains


def _walk(connection: Connection, chain: str | None, done: Verified) -> Iterator[Fault]:
    """Goes through the records, each against the one before it; the first fault of each chain."""
    before: Link | None = None
    head = b""
    broken = None  # the chain in which a fault was found: the rest of it says nothing new
    for *values, previous, kept in connection.execute(LINKS, {"chain": chain}, execution_options=STREAMED):
        link = Link(*values)
        done.records += 1
        if before is None or before.chain != link.chain:
            done.chains += 1
            before, head, broken = None, beginning(link.chain), None
        if broken is None:
            fault = _fault(before, head, link, previous, kept) or out_of_time(before, link, done.now)
            if fault is not None:
                broken = link.chain
                yield fault
        before, head = link, kept


def _fault(before: Link | None, head: bytes, link: Link, previous: bytes, kept: bytes) -> Fault | None:
    """What is wrong with a record behind the one before it, or None."""
    place = before.seq + 1 if before else 1
    whole = link.hash(previous) == kept
    if link.seq != place:
        return _removed(link.chain, place, link.seq - 1, before, link)
    if whole and previous == head:
        return None
    if whole and before is not None:
        return _about(before, "changed", "what it says is no longer what the record after it was chained to")
    if replace(link, seq=link.seq + 1).hash(previous) == kept:
        return _removed(link.chain, place, place, before, link)
    if before is not None and replace(link, seq=link.seq - 1).hash(previous) == kept:
        return _about(before, "inserted", "the records after it were moved on by one place to make room for it")
    return _about(link, "changed", "what it says is not what its hash was taken over")


def _removed(chain: str, first: int, last: int, before: Link | None, after: Link | None) -> Fault:
    which = f"record {first}" if first == last else f"records {first} to {last}"
    near = [f"after {named(before)}" if before else "", f"before {named(after)}" if after else ""]
    where = " and ".join(each for each in near if each)
    says = f"{which} {'was' if first == last else 'were'} removed{f', {where}' if where else ''}"
    known = after or before
    return Fault(chain, first, "removed", says, known.id if known else None, known.at if known else None)


def _about(link: Link, kind: str, why: str) -> Fault:
    return Fault(link.chain, link.seq, kind, f"{named(link)} was {kind}: {why}", link.id, link.at)


# --- where chains end


def _ends(connection: Connection, chain: str | None) -> Iterator[Fault]:
    """Chains that do not end where they were last added to: the last records are gone, or more were put behind."""
    gone = text(
        "SELECT heads.chain, heads.seq, (SELECT max(seq) FROM audit_records AS r WHERE r.chain = heads.chain) AS found"
        " FROM audit_heads AS heads LEFT JOIN audit_records AS records USING (chain, seq)"
        " WHERE (CAST(:chain AS text) IS NULL OR chain = :chain) AND records.hash IS DISTINCT FROM heads.hash"
    )
    for row in connection.execute(gone, {"chain": chain}):
        last = row.found or 0
        if last < row.seq:
            yield _removed(row.chain, last + 1, row.seq, a_record(connection, row.chain, last), None)
        else:
            link = a_record(connection, row.chain, row.seq)
            yield (
                _about(link, "changed", "it is not the record with which its chain ended")
                if link
                else _removed(row.chain, row.seq, row.seq, None, None)
            )
    more = text(
        "SELECT records.chain, min(records.seq) AS seq FROM audit_records AS records"
        " LEFT JOIN audit_heads AS heads USING (chain)"
        " WHERE (CAST(:chain AS text) IS NULL OR chain = :chain) AND (heads.seq IS NULL OR records.seq > heads.seq)"
        " GROUP BY records.chain"
    )
    for row in connection.execute(more, {"chain": chain}):
        link = a_record(connection, row.chain, row.seq)
        if link is not None:
            yield _about(link, "inserted", "its chain had ended before it")


def _sealed_ends(connection: Connection, chain: str | None) -> Iterator[Fault]:
    """Chains that are not what was sealed, whole as they look by themselves."""
    query = text(
        "SELECT sealed.chain, sealed.seq, sealed.seal_id, records.hash IS NULL AS gone, seals.sealed_at,"
        " coalesce((SELECT max(earlier.seq) FROM audit_seal_heads AS earlier WHERE earlier.chain = sealed.chain"
        " AND earlier.seal_id < sealed.seal_id), 0) AS good"
        " FROM audit_seal_heads AS sealed JOIN audit_seals AS seals ON seals.id = sealed.seal_id"
        " LEFT JOIN audit_records AS records ON records.chain = sealed.chain AND records.seq = sealed.seq"
        " WHERE (CAST(:chain AS text) IS NULL OR sealed.chain = :chain) AND records.hash IS DISTINCT FROM sealed.hash"
        " ORDER BY sealed.seal_id"
    )
    for row in connection.execute(query, {"chain": chain}):
        seal = f"seal {row.seal_id} of {moment(row.sealed_at)[:19]}Z"
        first = a_record(connection, row.chain, row.good + 1)
        among = f"record {row.seq}" if row.good + 1 == row.seq else f"one of records {row.good + 1} to {row.seq}"
        if first is None:
            says = f"records {row.good + 1} to {row.seq} were removed: {seal} has them"
            yield Fault(row.chain, row.good + 1, "removed", says, last=row.seq)
        else:
            told = "removed" if row.gone else "changed, and what follows it was chained anew"
            says = f"{among} was {told}: {seal} has another end; the first of them is {named(first)}"
            yield Fault(row.chain, row.good + 1, "rewritten", says, first.id, first.at, last=row.seq)


# --- seals


def _walk_seals(connection: Connection, chain: str | None, done: Verified) -> Iterator[Fault]:
    """Each seal against the one before it and the ends that it sealed; for one chain, only seals that hold it."""
    previous, before = beginning(SEALS), None
    early = sealed_too_early(connection, chain)
    digests = _digests(connection, chain)
    for place, row in enumerate(connection.execute(text("SELECT * FROM audit_seals ORDER BY id")).all(), start=1):
        done.seals += 1
        done.sealed_at, done.last_seal = row.sealed_at, row.hash
        if row.id != place:
            yield Fault(SEALS, place, "seal", f"seal {place} was removed", at=row.sealed_at)
            return
        digest = digests.get(row.id)
        if chain is None and digest is None:
            digest = HeadsDigest()
        told = None
        if digest is not None:
            told = seal_content(row.id, row.sealed_at, row.sealed_by, row.chains, row.records, digest.hex())
        if row.previous != previous or (told is not None and linked(previous, told) != row.hash):
            at = f"{moment(row.sealed_at)[:19]}Z"
            yield Fault(SEALS, place, "seal", f"seal {row.id} of {at} is not what was sealed", at=row.sealed_at)
            return
        if before is not None and row.sealed_at <= before:
            told = "is dated before the seal before it"
        elif row.sealed_at > done.now:
            told = f"is dated in the future: it is {moment(done.now)[:19]}Z by the database's clock"
        elif early is not None and early[0] == row.id:
            told = f"is dated before a record that it seals, of {early[1]}"
        else:
            previous, before = row.hash, row.sealed_at
            continue
        yield Fault(SEALS, place, "time", f"seal {row.id} of {moment(row.sealed_at)[:19]}Z {told}", at=row.sealed_at)
        return


def _digests(connection: Connection, chain: str | None) -> dict[int, HeadsDigest]:
    """The digest of the ends that each seal holds; for one chain, of the seals that hold it."""
    query = text(
        "SELECT seal_id, chain, seq, hash FROM audit_seal_heads WHERE CAST(:chain AS text) IS NULL OR seal_id IN"
        ' (SELECT seal_id FROM audit_seal_heads WHERE chain = :chain) ORDER BY seal_id, chain COLLATE "C"'
    )
    found: dict[int, HeadsDigest] = {}
    for row in connection.execute(query, {"chain": chain}, execution_options=STREAMED):
        found.setdefault(row.seal_id, HeadsDigest()).add(row.chain, row.seq, row.hash)
    return found


def _unsealed(connection: Connection, chain: str | None) -> int:
    """How many records no seal holds yet."""
    query = text(
        "SELECT coalesce(sum(heads.seq - coalesce(sealed.seq, 0)), 0) FROM audit_heads AS heads"
        " LEFT JOIN (SELECT chain, max(seq) AS seq FROM audit_seal_heads GROUP BY chain) AS sealed USING (chain)"
        " WHERE CAST(:chain AS text) IS NULL OR chain = :chain"
    )
    return int(connection.execute(query, {"chain": chain}).scalar_one())
