"""The components of an account: what its target names, and what it holds besides, valued against the bands.

Check target, the queue, the minimums and the plan all look at an account through this list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from domain import sleeves
from domain.money import ONE, ZERO
from domain.policy import Policy
from domain.sleeves import SleeveState
from domain.snapshot import CASH, MANAGED, Snapshot, unassigned_key
from domain.targets import Band, BandedComponent, flatten
from domain.valuation import Valuation

Breach = Literal["below", "above"]
NOTHING = Band(ZERO, ZERO)
ALL_CASH = BandedComponent(CASH, ONE, Band(ONE, ONE), Band(ONE, ONE))


@dataclass(frozen=True, slots=True)
class Component:
    """A component with its value. `sleeve` is None for what is not a model; weights are shares of managed value."""

    key: str
    weight: Decimal
    threshold: Band
    precision: Band
    value: Decimal
    breach: Breach | None
    sleeve: SleeveState | None

    @property
    def kind(self) -> str:
        """`model`, `security`, `unassigned` or `cash`."""
        return self.key.partition(":")[0]

    @property
    def ref(self) -> str:
        """The model's id or the symbol."""
        return self.key.partition(":")[2]

    @property
    def goes_to_zero(self) -> bool:
        """True for closing sleeves, unassigned holdings and whatever has a weight of 0 and no room above it."""
        return self.weight == 0 and self.threshold.upper == 0


def components(snapshot: Snapshot, valuation: Valuation, policy: Policy) -> tuple[Component, ...]:
    """The target's components as named, then closing sleeves, then unassigned holdings by symbol, and cash last.

    Without a target everything goes to cash (CHECK-3). Raises TargetRefused for a target that can't be flattened.
    """
    target = snapshot.target
    named = flatten(target, snapshot.targets, policy) if target else (ALL_CASH,)
    states = sleeves.verify(snapshot.account, named)
    managed = valuation.holding_values[MANAGED]
    found: list[Component] = []
    for banded in named[:-1]:
        if banded.key.startswith("model:"):
            worth = valuation.sleeve_values.get(banded.key, ZERO)
        else:
            worth = managed.get(banded.key.partition(":")[2], ZERO)
        found.append(_component(banded, worth, valuation.managed_value, states))
    keys = {banded.key for banded in named}
    for key in sorted(states.keys() - keys):
        closing = BandedComponent(key, ZERO, NOTHING, NOTHING)
        found.append(_component(closing, valuation.sleeve_values[key], valuation.managed_value, states))
    directly = {key.partition(":")[2] for key in keys if key.startswith("security:")}
    for symbol in sorted(managed.keys() - directly):
        unassigned = BandedComponent(unassigned_key(symbol), ZERO, NOTHING, NOTHING)
        found.append(_component(unassigned, managed[symbol], valuation.managed_value, states))
    found.append(_component(named[-1], valuation.cash, valuation.managed_value, states))
    return tuple(found)


def _component(
    banded: BandedComponent, worth: Decimal, managed_value: Decimal, states: Mapping[str, SleeveState]
) -> Component:
    return Component(
        banded.key,
        banded.weight,
        banded.threshold,
        banded.precision,
        worth,
        breach(worth, banded.threshold, managed_value),
        states.get(banded.key),
    )


def breach(worth: Decimal, threshold: Band, managed_value: Decimal) -> Breach | None:
    """On which side of its threshold a value lies; exactly on a bound is inside (QUEUE-3)."""
    if worth < threshold.lower * managed_value:
        return "below"
    if worth > threshold.upper * managed_value:
        return "above"
    return None
