"""Rows of listings in their public form: rebalances, requests, models, targets, signals, files, whoever lists them."""

from typing import Any

from reading.words import utc

Json = dict[str, Any]
# What a file is called by who loads it, by what it is kept as.
DELIVERED = {"positions": "statement", "prices": "prices", "model": "signal", "actions": "corporate actions"}


def rebalance(row: Any) -> Json:
    """A rebalance, as `history` lists it."""
    return {
        "rebalance_id": row.id,
        "account_id": row.account_id,
        "status": row.status or row.stage,
        "mode": row.mode,
        "kind": row.kind,
        "requested_by": row.requested_by,
        "approved_by": row.approved_by,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "issue": row.issue,
        "request_id": row.request_id,
    }


def account(row: Any) -> Json:
    """An account, and the primary reason for which it is in the queue."""
    return {
        "account_id": row.id,
        "name": row.name,
        "status": row.status,
        "rebalancing": row.rebalancing,
        "target": row.target_id,
        "queued": row.queued,
    }


def request_account(each: Any) -> Json:
    """An account of a request, and how it stands."""
    return {
        "position": each.position,
        "account_id": each.account_id,
        "status": each.outcome,
        "rebalance_id": each.rebalance_id,
        "round": each.round,
        "plan": each.plan,
        "liquidation": bool(each.liquidation),
        "issue": each.issue,
        "decided_by": each.decided_by,
    }


def model(row: Any) -> Json:
    """A model: its version, minimum, how many accounts hold it, and when the newest signal came."""
    from domain.values.money import cents

    return {
        "model_id": row.id,
        "name": row.name,
        "manager": row.manager,
        "version": row.version,
        "investment_minimum": cents(row.minimum),
        "holdings": row.lines,
        "accounts": row.accounts,
        "signalled_at": utc(row.signalled),
    }


def target(row: Any) -> Json:
    """A target, and how many accounts have it."""
    return {"target": row.id, "name": row.name, "version": row.version, "accounts": row.accounts}


def request(row: Any) -> Json:
    """A request, and how many of its rebalances wait for an approval."""
    from domain.values.money import cents

    return {
        "request_id": row.id,
        "status": row.status or ("PAUSED" if row.stage == "PAUSED" else "IN_PROGRESS"),
        "requested_by": row.requested_by,
        "kind": row.kind,
        "amount": None if row.amount is None else cents(row.amount),
        "accounts": row.accounts,
        "pending": row.pending,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
    }


def signal(row: Any) -> Json:
    """A model signal, and what it came to."""
    from domain.values.money import weight_text

    came_to = row.result or {}
    return {
        "model_id": row.model_id,
        "name": row.name,
        "version": row.version,
        "status": _stands(row),
        "received_by": row.received_by,
        "received_at": utc(row.received_at),
        "largest_change": None if row.largest_change is None else weight_text(row.largest_change),
        **{name: came_to.get(name) for name in ("traded", "skipped", "failed")},
    }


def delivered(row: Any) -> Json:
    """A file that was loaded; `feed` read it, or none, where it is in our own format."""
    return {
        "id": row.id,
        "kind": DELIVERED[row.kind],
        "name": row.name,
        "feed": row.feed,
        "bytes": row.bytes,
        "sha256": row.sha256,
        "received_at": utc(row.received_at),
        "received_by": row.received_by,
    }


def _stands(row: Any) -> str:
    if row.ended_at is not None:
        return "ENDED"
    if (row.result or {}).get("superseded_by"):
        return "SUPERSEDED"
    return "NOT_STARTED" if row.begun_at is None else "IN_PROGRESS"
