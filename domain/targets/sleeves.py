"""Sleeves: which are open, which open, which close. Asked by every rebalance's second step, and by `diagnose`."""

from collections.abc import Mapping
from typing import Literal

from domain.targets.targets import BandedComponent
from domain.values.keys import named as named_by
from domain.values.snapshot import Account

SleeveState = Literal["open", "opening", "closing"]


def verify(account: Account, named: tuple[BandedComponent, ...]) -> Mapping[str, SleeveState]:
    """The state of every model sleeve, by its key: `open` where it exists and the target names the model, `opening`
    where it is named and does not exist, `closing` where it exists and is no longer named. A weight of 0 with no
    room above it closes a sleeve, and a weight of 0 opens none: a model that is not held at 0 is left out.
    """
    held = {sleeve.key for sleeve in account.model_sleeves}
    states: dict[str, SleeveState] = {}
    for component in named:
        if named_by(component.key).kind != "model":
            continue
        if component.key in held:
            kept = component.weight > 0 or component.threshold.upper > 0
            states[component.key] = "open" if kept else "closing"
        elif component.weight > 0:
            states[component.key] = "opening"
    for key in sorted(held - {component.key for component in named}):
        states[key] = "closing"
    return states
