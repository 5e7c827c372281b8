"""How the accounts of requests stand, as SQL: what an outcome, an issue, a plan that waits for somebody is.

An account that was started stands as its newest rebalance does; what no rebalance knows is said by the request's own
row. Whoever asks which accounts are pending, approved or executing asks by these expressions, and by no others.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, case, desc, false, func, literal, or_, select, true

from domain.approvals import listed
from storage.schema.desk import desk_legs
from storage.schema.execution import orders, rebalances
from storage.schema.requests import request_accounts


@dataclass(frozen=True, slots=True)
class RequestAccount:
    """An account of a request. `outcome` is one of `domain.requests.OUTCOMES`; its rebalance may not be there yet."""

    position: int
    account_id: str
    outcome: str
    issue: str | None
    rebalance_id: str | None
    workflow_id: str | None
    round: int | None
    decision: str | None
    decided_by: str | None
    decided_why: str | None
    unseen: bool  # decided by somebody who did not look
    plan: str | None  # the digest of the plan of this round
    liquidation: bool
    decision_id: str | None = None  # of a decision that was signed


def plans_shown(waiting: Sequence[RequestAccount], liquidations: Collection[str] = ()) -> list[RequestAccount]:
    """The plans that a request's approval is about: a liquidation only where it is named (DECIDE-1)."""
    return [each for each in waiting if not each.liquidation or each.rebalance_id in liquidations]


def listed_plans(shown: Sequence[RequestAccount]) -> str:
    """The digest of a list of plans, in the order of their accounts; what an approval of them names."""
    return listed((str(each.rebalance_id), str(each.plan or "")) for each in shown)


# The newest rebalance of the request on the account.
NEWEST = (
    select(
        rebalances.c.id,
        rebalances.c.workflow_id,
        rebalances.c.round,
        rebalances.c.stage,
        rebalances.c.status,
        rebalances.c.issue,
        rebalances.c.plan_digest,
        rebalances.c.liquidation,
    )
    .where(
        rebalances.c.request_id == request_accounts.c.request_id,
        rebalances.c.account_id == request_accounts.c.account_id,
    )
    .order_by(desc(rebalances.c.started_at), desc(rebalances.c.id))
    .limit(1)
    .lateral("newest")
)
# Somebody decided about the plan as it now is, not about one of a round before.
DECIDED = request_accounts.c.decided_round == NEWEST.c.round
APPROVED = and_(request_accounts.c.decision == "approve", DECIDED)
# One of `domain.requests.OUTCOMES`.
OUTCOME = case(
    (request_accounts.c.state != "STARTED", request_accounts.c.state),
    (NEWEST.c.status.is_not(None), NEWEST.c.status),
    (and_(NEWEST.c.stage == "PENDING_APPROVAL", APPROVED), literal("APPROVED")),
    else_=func.coalesce(NEWEST.c.stage, "CHECKING"),
)
ISSUE = case(
    (request_accounts.c.state != "STARTED", func.coalesce(request_accounts.c.issue, NEWEST.c.issue)),
    (
        and_(NEWEST.c.status == "EXPIRED", APPROVED),
        func.concat("approved by ", request_accounts.c.decided_by, ", but the exchange closed before its turn came"),
    ),
    else_=NEWEST.c.issue,
)
# Its plan waits for somebody to decide about it.
PENDING = and_(OUTCOME == "PENDING_APPROVAL", or_(request_accounts.c.decision.is_(None), ~DECIDED))
# An order of it works at the venue, or at the desk: it merely waits.
AT_VENUE = select(orders.c.leg).where(orders.c.rebalance_id == NEWEST.c.id, orders.c.status == "WORKING").exists() | (
    select(desk_legs.c.leg).where(desk_legs.c.rebalance_id == NEWEST.c.id, desk_legs.c.ended_at.is_(None)).exists()
)


def accounts_of(request_id: str, *where: Any) -> Select[Any]:
    """The accounts of a request as `RequestAccount` has them, in their order."""
    told = request_accounts.c
    return (
        select(
            told.position,
            told.account_id,
            OUTCOME.label("outcome"),
            ISSUE.label("issue"),
            NEWEST.c.id.label("rebalance_id"),
            NEWEST.c.workflow_id,
            NEWEST.c.round,
            told.decision,
            told.decided_by,
            told.decided_why,
            told.unseen,
            NEWEST.c.plan_digest,
            func.coalesce(NEWEST.c.liquidation, false()),
            told.decision_id,
        )
        .select_from(request_accounts.outerjoin(NEWEST, true()))
        .where(told.request_id == request_id, *where)
        .order_by(told.position)
    )
