"""A case: one account with all that is known of it and asked of it, the same in every round of its plan."""

from collections.abc import Sequence
from decimal import Decimal

from planners.rules_1.components import Component
from planners.rules_1.orders import minimum_trade
from planners.rules_1.policy import Mode, Policy
from planners.rules_1.purpose import Purpose
from planners.rules_1.record import record
from planners.rules_1.restrictions import Limits
from planners.rules_1.snapshot import Snapshot
from planners.rules_1.valuation import Valuation


@record
class Case:
    """One account's case: what is known and what is asked, the same in every round."""

    snapshot: Snapshot
    valuation: Valuation
    known: Sequence[Component]
    policy: Policy
    mode: Mode
    purpose: Purpose
    allowed: Limits

    @property
    def smallest(self) -> Decimal:
        """The smallest order worth making (ORDER-3)."""
        return minimum_trade(self.valuation.managed_value, self.policy)
