"""What vouches for the story of a rebalance: hashes of what was kept, its last record, and the seal over it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reading.record.story import Story
    from storage.connection import Transaction


def proof_of(books: "Transaction", story: "Story", period: str) -> dict[str, Any]:
    """The hashes of a story, as its report shows them."""
    from sqlalchemy import desc, select

    from storage.schema.audit import audit_records, audit_seal_heads, audit_seals
    from storage.work.rebalances import DECISION_KEPT

    row, records = story.row, audit_records.c
    kept = books.connection.scalars(
        select(records.after)
        .where(records.rebalance_id == row.id, records.action == DECISION_KEPT)
        .order_by(records.id)
    )
    last = books.connection.execute(
        select(records.id, records.chain, records.seq, records.hash)
        .where(records.rebalance_id == row.id)
        .order_by(desc(records.id))
        .limit(1)
    ).one_or_none()
    seal = (
        last
        and books.connection.execute(
            select(audit_seals.c.id, audit_seals.c.sealed_at, audit_seals.c.hash)
            .join(audit_seal_heads, audit_seal_heads.c.seal_id == audit_seals.c.id)
            .where(audit_seal_heads.c.chain == last.chain, audit_seal_heads.c.seq >= last.seq)
            .order_by(audit_seals.c.id)
            .limit(1)
        ).one_or_none()
    )
    histories = books.histories.of_start(row.workflow_id, row.start_key.rpartition("#")[2])
    return {
        "period": period,
        "rounds": [
            {"round": after["round"], "digests": {name: after[name] for name in ("snapshot", "policy", "plan")}}
            for after in kept
        ],
        "histories": [
            {"run_id": each.run_id, "events": each.events, "sha256": each.sha256.hex()} for each in histories
        ],
        "last": last and {"id": last.id, "chain": last.chain, "seq": last.seq, "hash": last.hash.hex()},
        "seal": seal and {"id": seal.id, "sealed_at": seal.sealed_at, "hash": seal.hash.hex()},
    }
