"""Are the rounds and histories that the record says were kept still there, what they were, and all that there is?

Their hashes are taken again from what is kept: a hash beside changed content proves nothing.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from storage.record.fault import Fault, a_record, named

STREAMED = {"yield_per": 50}  # histories are some hundred KB each
ROUNDS = text(
    "WITH told AS (SELECT chain, seq, id, rebalance_id, after FROM audit_records WHERE action = 'decision kept'"
    " AND (CAST(:chain AS text) IS NULL OR chain = :chain)),"
    " kept AS (SELECT rounds.rebalance_id, rounds.round, rounds.rules_version, 'account/' || of.account_id AS chain,"
    " encode(sha256(convert_to(CAST(coalesce(rounds.snapshot, (SELECT content FROM documents"
    " WHERE digest = rounds.snapshot_digest)) AS text), 'UTF8')), 'hex') AS snapshot,"
    " encode(sha256(convert_to(CAST(coalesce(rounds.policy, (SELECT content FROM documents"
    " WHERE digest = rounds.policy_digest)) AS text), 'UTF8')), 'hex') AS policy,"
    " encode(sha256(convert_to(CAST(coalesce(rounds.plan, (SELECT content FROM documents"
    " WHERE digest = rounds.plan_digest)) AS text), 'UTF8')), 'hex') AS plan,"
    " rounds.plan_digest FROM rebalance_rounds AS rounds"
    " JOIN rebalances AS of ON of.id = rounds.rebalance_id"
    " WHERE CAST(:chain AS text) IS NULL OR 'account/' || of.account_id = :chain)"
    " SELECT coalesce(told.chain, kept.chain) AS chain, coalesce(told.seq, 0) AS seq,"
    " coalesce(told.rebalance_id, kept.rebalance_id) AS rebalance_id,"
    " coalesce(told.after ->> 'round', CAST(kept.round AS text)) AS round,"
    " CASE WHEN kept.rebalance_id IS NULL THEN 'removed' WHEN told.id IS NULL THEN 'inserted' ELSE 'changed' END"
    " AS kind FROM told FULL JOIN kept ON kept.rebalance_id = told.rebalance_id"
    " AND CAST(kept.round AS text) = told.after ->> 'round'"
    " WHERE kept.rebalance_id IS NULL OR told.id IS NULL"
    " OR told.after ->> 'rules_version' IS DISTINCT FROM kept.rules_version"
    " OR told.after ->> 'snapshot' IS DISTINCT FROM kept.snapshot"
    " OR told.after ->> 'policy' IS DISTINCT FROM kept.policy"
    " OR told.after ->> 'plan' IS DISTINCT FROM kept.plan OR told.after ->> 'plan' IS DISTINCT FROM"
    " coalesce(kept.plan_digest, kept.plan)"
    " ORDER BY told.id"
)
HISTORIES = text(
    "SELECT coalesce(told.chain, 'histories') AS chain, coalesce(told.seq, 0) AS seq, told.id,"
    " coalesce(kept.workflow_id, told.after ->> 'workflow_id') AS workflow_id,"
    " coalesce(kept.run_id, told.after ->> 'run_id') AS run_id,"
    " told.after ->> 'sha256' AS told, kept.sha256 AS sha256, kept.content AS content"
    " FROM (SELECT chain, seq, id, after FROM audit_records WHERE action = 'history archived'"
    " AND (CAST(:chain AS text) IS NULL OR chain = :chain)) AS told"
    " FULL JOIN workflow_histories AS kept"
    " ON kept.workflow_id = told.after ->> 'workflow_id' AND kept.run_id = told.after ->> 'run_id'"
    " WHERE told.id IS NOT NULL OR CAST(:chain AS text) IS NULL"
)


def kept_faults(connection: Connection, chain: str | None) -> Iterator[Fault]:
    """What of rounds and histories is gone, another, or there without a record; the first of each chain first."""
    yield from _rounds(connection, chain)
    yield from sorted(_histories(connection, chain), key=lambda fault: fault.record_id or 0)


def _rounds(connection: Connection, chain: str | None) -> Iterator[Fault]:
    for row in connection.execute(ROUNDS, {"chain": chain}).all():
        if row.kind == "inserted":
            says = f"round {row.round} of {row.rebalance_id} was inserted: no record says that it was kept"
            yield Fault(row.chain, 0, row.kind, says)
        else:
            yield _of_record(connection, row, row.kind, "the decision that it kept")


def _histories(connection: Connection, chain: str | None) -> Iterator[Fault]:
    found = connection.execute(HISTORIES, {"chain": chain}, execution_options=STREAMED)
    for row in found:
        if row.told is None:
            says = f"the history of {row.workflow_id}, run {row.run_id}, was inserted: no record says that it was kept"
            yield Fault(row.chain, 0, "inserted", says)
        elif row.sha256 is None:
            yield _of_record(connection, row, "removed", "the history that it archived")
        elif row.told != row.sha256.hex() or _digest(row.content) != row.sha256:
            yield _of_record(connection, row, "changed", "the history that it archived")


def _digest(content: bytes) -> bytes | None:
    """SHA-256 of the text that was packed; None where it can't be unpacked."""
    try:
        return hashlib.sha256(gzip.decompress(content)).digest()
    except (OSError, EOFError, zlib.error):
        return None


def _of_record(connection: Connection, row: Any, kind: str, what: str) -> Fault:
    link = a_record(connection, row.chain, row.seq)
    return Fault(row.chain, row.seq, kind, f"{what} was {kind}: {named(link)}", link.id, link.at)
