"""A decision, made from what is kept of it: JSON comes in, the plan leaves.

Asked by the step that generates trades, and by the auditor who computes a decision again: one way for both. It is also
the door of a frozen planner (AUDIT-1): `planners` keeps this file and all that it imports whenever the rules change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.plan import plan
from domain.rebalance_plan import RebalancePlan
from domain.telling import plan_json
from domain.values import purpose, snapshot_json
from domain.values.policy import Mode, Policy
from domain.values.rules import Rule

AUDIT_1 = Rule(
    "AUDIT-1", "A decision is computed again by the planner of the rules that made it, kept frozen and hashed."
)

Json = Mapping[str, Any]


def planned(
    snapshot: Json, policy: Json, mode: Mode, overrides: Sequence[str], purpose_kept: Json | None
) -> RebalancePlan:
    """The plan of what was kept: snapshot, policy, mode, the checks that were set aside, and what for (None: full).

    Raises ValueError, LookupError or TypeError where that is not of the form in which these rules keep it.
    """
    return plan(
        snapshot_json.restored(snapshot),
        Policy.from_json(policy),
        mode,
        frozenset(overrides),
        purpose.from_json(purpose_kept),
    )


def decided(snapshot: Json, policy: Json, mode: Mode, overrides: Sequence[str], purpose_kept: Json | None) -> str:
    """The same plan in its public form: one line of JSON, the same bytes whenever and wherever it is asked for."""
    return plan_json.dumps(planned(snapshot, policy, mode, overrides, purpose_kept))
