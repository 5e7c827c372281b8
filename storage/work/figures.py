"""Figures of the whole installation, for monitoring: what waits, since when, and what was done last.

Every answer is a few numbers from an index, whatever the number of accounts; every worker answers the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that the database knows: its name, what it says, the label that its rows carry (None: one row)."""

    name: str
    says: str
    label: str | None
    query: str


FIGURES = (
    Figure(
        "rebalancer_queue_accounts",
        "Accounts in the queue by primary reason.",
        "reason",
        "SELECT primary_reason, count(*) FROM queue_entries WHERE left_at IS NULL GROUP BY primary_reason",
    ),
    Figure(
        "rebalancer_rebalances_open",
        "Rebalances under way by stage.",
        "stage",
        "SELECT stage, count(*) FROM rebalances WHERE stage <> 'ENDED' GROUP BY stage",
    ),
    Figure(
        "rebalancer_rebalances_ended_today",
        "Rebalances that ended in the last 24 hours by status.",
        "status",
        "SELECT status, count(*) FROM rebalances WHERE started_at > now() - interval '2 days'"
        " AND ended_at > now() - interval '1 day' GROUP BY status",
    ),
    Figure(
        "rebalancer_approval_oldest_seconds",
        "How long the oldest plan has waited for its approval.",
        None,
        "SELECT coalesce(extract(epoch FROM now() - min(started_at)), 0) FROM rebalances"
        " WHERE stage = 'PENDING_APPROVAL'",
    ),
    Figure(
        "rebalancer_requests_open",
        "Requests under way by stage.",
        "stage",
        "SELECT stage, count(*) FROM rebalance_requests WHERE ended_at IS NULL GROUP BY stage",
    ),
    Figure(
        "rebalancer_orders_open",
        "Orders without an end by status.",
        "status",
        "SELECT o.status, count(*) FROM orders o JOIN rebalances r ON r.id = o.rebalance_id"
        " WHERE r.stage <> 'ENDED' AND o.status IN ('NEW', 'SENT', 'WORKING') GROUP BY o.status",
    ),
    Figure(
        "rebalancer_venue_orders_open",
        "Orders without an end by venue.",
        "venue",
        "SELECT a.custodian, count(*) FROM orders o JOIN rebalances r ON r.id = o.rebalance_id"
        " JOIN accounts a ON a.id = r.account_id"
        " WHERE r.stage <> 'ENDED' AND o.status IN ('NEW', 'SENT', 'WORKING') GROUP BY a.custodian",
    ),
    Figure(
        "rebalancer_order_unanswered_oldest_seconds",
        "How long the oldest order that was sent has had no answer, by venue; nothing where none has.",
        "venue",
        "SELECT a.custodian, extract(epoch FROM now() - min(o.sent_at)) FROM orders o"
        " JOIN rebalances r ON r.id = o.rebalance_id JOIN accounts a ON a.id = r.account_id"
        " WHERE r.stage <> 'ENDED' AND o.status = 'SENT' GROUP BY a.custodian",
    ),
    Figure(
        "rebalancer_breaks_open",
        "Breaks that nobody has resolved by kind.",
        "kind",
        "SELECT kind, count(*) FROM breaks WHERE resolved_at IS NULL GROUP BY kind",
    ),
    Figure(
        "rebalancer_sending_halted",
        "1 while sending is halted.",
        None,
        "SELECT count(*) FROM sending_halts WHERE resumed_at IS NULL",
    ),
    Figure(
        "rebalancer_evaluation_age_seconds",
        "How long ago the last evaluation ended.",
        None,
        "SELECT coalesce(extract(epoch FROM now() - max(ended_at)), 'Infinity') FROM evaluations",
    ),
    Figure(
        "rebalancer_evaluation_accounts",
        "What the last evaluation came to.",
        "outcome",
        "SELECT told.* FROM (SELECT * FROM evaluations WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1) e,"
        " LATERAL (VALUES ('evaluated', e.evaluated), ('unable_to_check', e.unable_to_check)) told",
    ),
    Figure(
        "rebalancer_seal_age_seconds",
        "How long ago the record was sealed last.",
        None,
        "SELECT coalesce(extract(epoch FROM clock_timestamp() - max(sealed_at)), 'Infinity') FROM audit_seals",
    ),
)


def read(connection: Connection) -> Iterator[tuple[Figure, list[tuple[str, float]]]]:
    """Each figure with its rows, as (value of the label, number)."""
    for figure in FIGURES:
        rows = connection.execute(text(figure.query)).all()
        yield figure, [(str(row[0]) if figure.label else "", float(row[-1])) for row in rows]
