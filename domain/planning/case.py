"""A case: one account with all that is known of it and asked of it, the same in every turn of its plan."""

from collections.abc import Sequence
from dataclasses import field
from decimal import Decimal

from domain.planning.filling import SleeveTrades
from domain.planning.spreading import Held
from domain.targets.components import Component
from domain.targets.restrictions import Aim, Limits, aim
from domain.targets.valuation import Valuation
from domain.values.money import HALF_A_CENT
from domain.values.policy import Mode, Policy
from domain.values.purpose import Purpose
from domain.values.record import record
from domain.values.snapshot import Snapshot

Asked = tuple[str, Decimal, Decimal]  # a sleeve, the change of its value, and what it is made whole with


@record
class Case:
    """One account's case: what is known and what is asked, the same in every turn.

    `smallest`: the smallest order worth making, in whole cents, as it is told (ORDER-3). `liquidation`: everything is
    sold to cash (CHECK-3, CASH-3).
    """

    snapshot: Snapshot
    valuation: Valuation
    known: Sequence[Component]
    policy: Policy
    mode: Mode
    purpose: Purpose
    allowed: Limits
    smallest: Decimal
    liquidation: bool = False
    _aims: dict[str, Aim] = field(default_factory=dict, repr=False, compare=False)
    filled: "dict[Asked, list[tuple[Held, SleeveTrades]]]" = field(default_factory=dict, repr=False, compare=False)

    def aim(self, model_id: str) -> Aim:
        """What a model asks of its sleeve, as the account's restrictions leave it."""
        known = self._aims.get(model_id)
        if known is None:
            known = self._aims[model_id] = aim(self.snapshot.models[model_id], self.allowed)
        return known

    @property
    def too_small(self) -> Decimal:
        """What an amount must come to before it is rounded to cents so as to be an order (ORDER-3)."""
        return self.smallest - HALF_A_CENT
