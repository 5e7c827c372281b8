"""A case: one account with all that is known of it and asked of it, the same in every round of its plan."""

from collections.abc import Sequence
from decimal import Decimal

from domain.components import Component
from domain.orders import minimum_trade
from domain.policy import Mode, Policy
from domain.purpose import Purpose
from domain.record import record
from domain.restrictions import Limits
from domain.snapshot import Snapshot
from domain.valuation import Valuation


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
