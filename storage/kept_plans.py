"""Kept plans: the plan of a rebalance made from what was kept of it.

Asked by the step that generates trades, and by the auditor who computes a decision again: one way for both.
"""

from typing import Any

from sqlalchemy import Row

from domain.plan import plan
from domain.policy import Policy
from domain.purpose import from_json
from domain.rebalance_plan import RebalancePlan
from storage.snapshots import restored


def plan_of(row: Row[Any], kept: Any = None) -> RebalancePlan:
    """The plan of a row of `rebalances`; `kept` has the snapshot and policy of an earlier round of it."""
    seen = row if kept is None else kept
    return plan(
        restored(seen.snapshot),
        Policy.from_json(seen.policy),
        row.mode,
        frozenset(row.overrides),
        from_json(row.purpose),
    )
