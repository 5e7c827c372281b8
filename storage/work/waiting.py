"""Plans that wait for somebody to decide about them: how many of which request, and whether a person may.

A plan that was approved in a request, and whose turn has not come, waits for nobody.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    DateTime,
    Integer,
    Text,
    any_,
    bindparam,
    column,
    func,
    nulls_last,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from storage.values import by_key

# Of each plan: `forbidden` where four eyes forbid it to the person, by the numbers of its own account and target. Only
# of what they asked for are those looked up: documents are large.
WAITS = (
    text(
        """
        SELECT r.id, r.account_id, r.requested_by, r.expires_at, r.liquidation, r.round, r.plan_digest,
          q.id AS request_id,
          CASE WHEN lower(btrim(r.requested_by)) = lower(btrim(:name)) OR r.requested_subject = :subject THEN (
            SELECT coalesce(
              CAST(snapshot #>> '{account,policy,four_eyes}' AS boolean),
              CAST(snapshot -> 'targets' -> (snapshot #>> '{account,target_id}') #>> '{policy,four_eyes}' AS boolean),
              CAST(policy ->> 'four_eyes' AS boolean),
              true
            ) FROM (SELECT
              coalesce(r.snapshot, (SELECT content FROM documents WHERE digest = r.snapshot_digest)) AS snapshot,
              coalesce(r.policy, (SELECT content FROM documents WHERE digest = r.policy_digest)) AS policy
            ) AS decided_from
          ) ELSE false END AS forbidden
        FROM rebalances r
        LEFT JOIN rebalance_requests q ON q.id = r.request_id
        LEFT JOIN request_accounts a ON a.request_id = r.request_id AND a.account_id = r.account_id
        WHERE r.stage = 'PENDING_APPROVAL' AND (a.decision IS NULL OR a.decided_round <> r.round)
        """
    )
    .columns(
        column("id", Text),
        column("account_id", Text),
        column("requested_by", Text),
        column("expires_at", DateTime(timezone=True)),
        column("liquidation", Boolean),
        column("round", Integer),
        column("plan_digest", Text),
        column("request_id", Text),
        column("forbidden", Boolean),
    )
    .cte("waits")
)
OF = WAITS.c
FIRST = func.min(OF.expires_at).label("expires_at")
BY_REQUEST = (
    select(
        OF.request_id,
        OF.requested_by,
        OF.forbidden,
        func.count().label("plans"),
        func.count().filter(OF.liquidation).label("liquidations"),
        FIRST,
    )
    .group_by(OF.request_id, OF.requested_by, OF.forbidden)
    .order_by(nulls_last(FIRST), nulls_last(by_key(OF.request_id)), by_key(OF.requested_by))
)
LISTED = (
    select(WAITS)
    .where(~OF.forbidden)
    .order_by(nulls_last(OF.expires_at), nulls_last(by_key(OF.request_id)), by_key(OF.account_id))
)
ALONE = LISTED.where(OF.request_id.is_(None))
FORBIDDEN = select(OF.id).where(OF.forbidden, OF.id == any_(bindparam("ids", type_=ARRAY(Text))))


class Waiting:
    """What waits in one transaction, as a person sees it: by the name and the subject that they are known by."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def by_request(self, name: str, subject: str) -> Sequence[Any]:
        """How many plans wait in each request (None: of none), those apart that four eyes forbid the person."""
        return self.connection.execute(BY_REQUEST, {"name": name, "subject": subject}).all()

    def listing(self, name: str, subject: str, most: int | None = None, alone: bool = False) -> Sequence[Any]:
        """The plans that four eyes let the person approve, those first that expire first; `alone`: of no request."""
        query = (ALONE if alone else LISTED).limit(most)
        return self.connection.execute(query, {"name": name, "subject": subject}).all()

    def forbidden(self, rebalance_ids: Collection[str], name: str, subject: str) -> set[str]:
        """Those of the rebalances whose plan waits, and that four eyes forbid the person."""
        asked = {"name": name, "subject": subject, "ids": list(rebalance_ids)}
        return set(self.connection.scalars(FORBIDDEN, asked))
