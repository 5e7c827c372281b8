"""The components of an account: what its target names, and what it holds besides, valued against the bands.

Check target, the queue, the minimums and the plan all look at an account through this list.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Literal

from domain.targets import sleeves
from domain.targets.restrictions import NO_LIMITS, Limits, Prohibition, aim, leave_nothing
from domain.targets.sleeves import SleeveState
from domain.targets.targets import Band, BandedComponent, flatten, flatten_unrestricted
from domain.targets.valuation import Valuation
from domain.values.keys import CASH, MANAGED, Kind, named, unassigned_key
from domain.values.memo import remembered
from domain.values.money import ONE, ZERO, tidy
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.snapshot import Snapshot, Target

Breach = Literal["below", "above"]
NOTHING = Band(ZERO, ZERO)
ALL_CASH = BandedComponent(CASH, ONE, Band(ONE, ONE), Band(ONE, ONE))


@record
class Component:
    """A component with its value. `sleeve` is None for what is not a model; weights are shares of managed value."""

    key: str
    weight: Decimal
    threshold: Band
    precision: Band
    value: Decimal
    breach: Breach | None
    sleeve: SleeveState | None
    no_buy: Prohibition | None = None  # of a security that is held directly: why it may not grow, and not shrink
    no_sell: Prohibition | None = None
    stays: Decimal = ZERO  # of a model sleeve: what its holdings that may not be sold are worth
    kind: Kind = field(init=False, repr=False, compare=False)  # `model`, `security`, `unassigned` or `cash`
    ref: str = field(init=False, repr=False, compare=False)  # the model's id or the symbol; empty for cash

    def __post_init__(self) -> None:
        self.kind, self.ref = named(self.key)  # type: ignore[misc]  # while it is made

    @property
    def goes_to_zero(self) -> bool:
        """True for closing sleeves, unassigned holdings and whatever has a weight of 0 and no room above it."""
        return not self.weight and not self.threshold.upper


def components(
    snapshot: Snapshot,
    valuation: Valuation,
    policy: Policy,
    allowed: Limits = NO_LIMITS,
    everything_goes: bool = False,
) -> tuple[Component, ...]:
    """The target's components as named, then closing sleeves, then unassigned holdings by symbol, and cash last.

    Without a target, or where `everything_goes`, everything goes to cash (CHECK-3, CASH-3). Raises TargetRefused for a
    target that can't be flattened.
    """
    target, total = None if everything_goes else snapshot.target, valuation.managed_value
    managed = valuation.holding_values[MANAGED]
    kept = {
        symbol: tidy(max(ZERO, managed[symbol] / total)) if total else ZERO
        for symbol in allowed.excluded
        if symbol in managed and allowed.kept(symbol)
    }
    if target is None:
        lines: tuple[BandedComponent, ...] = (ALL_CASH,)
    elif allowed.concern(_directly_named(target, snapshot.targets)):
        lines = flatten(target, snapshot.targets, policy, allowed, kept)
    else:
        lines = flatten_unrestricted(target, snapshot.targets, policy)
    if allowed.excluded:
        lines = _without_emptied(lines, snapshot, valuation, allowed)
    states = sleeves.verify(snapshot.account, lines)
    found: list[Component] = []
    for banded in lines[:-1]:
        kind, ref = named(banded.key)
        if kind == "model":
            worth = valuation.sleeve_values.get(banded.key, ZERO)
            found.append(
                _component(banded, worth, total, states.get(banded.key), _stays(banded.key, valuation, allowed))
            )
        else:
            found.append(_direct(banded, managed.get(ref, ZERO), total, allowed, ref in kept))
    keys = {banded.key for banded in lines}
    for key in sorted(states.keys() - keys):
        closing = BandedComponent(key, ZERO, NOTHING, NOTHING)
        stays = _stays(key, valuation, allowed)
        found.append(_component(closing, valuation.sleeve_values[key], total, states.get(key), stays))
    directly = {ref for kind, ref in map(named, keys) if kind == "security"}
    for symbol in sorted(managed.keys() - directly):
        point = Band(kept[symbol], kept[symbol]) if symbol in kept else NOTHING
        unassigned = BandedComponent(unassigned_key(symbol), point.lower, point, point)
        found.append(_direct(unassigned, managed[symbol], total, allowed, symbol in kept))
    found.append(_component(lines[-1], valuation.cash, total, None))
    return tuple(found)


@remembered
def _directly_named(target: Target, targets: Mapping[str, Target]) -> frozenset[str]:
    """The symbols that are components themselves, sub-targets' included: where there is none of them, an account's
    restrictions change nothing of its flattened target.
    """
    return _named_below(target, targets, "security")


@remembered
def models_named(target: Target, targets: Mapping[str, Target]) -> frozenset[str]:
    """The models that are components, sub-targets' included, by id."""
    return _named_below(target, targets, "model")


def _named_below(target: Target, targets: Mapping[str, Target], kind: str) -> frozenset[str]:
    found, stack, seen = set[str](), [target], {target.id}
    while stack:
        for component in stack.pop().components:
            ref = str(component.ref)
            if component.kind == kind:
                found.add(ref)
            elif component.kind == "target" and ref in targets and ref not in seen:
                seen.add(ref)
                stack.append(targets[ref])
    return frozenset(found)


def _without_emptied(
    lines: tuple[BandedComponent, ...], snapshot: Snapshot, valuation: Valuation, allowed: Limits
) -> tuple[BandedComponent, ...]:
    """The target with the weight of models of which everything is excluded in the account's cash (RESTRICT-1).

    What of such a model is kept where it is held keeps its share.
    """
    found, moved, total = [], ZERO, valuation.managed_value
    for banded in lines[:-1]:
        kind, ref = named(banded.key)
        if kind == "model" and banded.weight and leave_nothing(allowed, snapshot.models[ref]):
            worth = _stays(banded.key, valuation, allowed)
            stays = min(banded.weight, tidy(worth / total)) if worth > 0 and total > 0 else ZERO
            moved += banded.weight - stays
            point = Band(stays, stays)
            found.append(BandedComponent(banded.key, stays, point, point))
        else:
            found.append(banded)
    cash = lines[-1]
    bands = [Band(band.lower + moved, min(ONE, band.upper + moved)) for band in (cash.threshold, cash.precision)]
    return (*found, BandedComponent(cash.key, cash.weight + moved, *bands)) if moved else lines


def emptied(snapshot: Snapshot, allowed: Limits) -> list[str]:
    """The models that the target names, itself or below, of which restrictions leave nothing to buy (RESTRICT-1)."""
    if not allowed.excluded or snapshot.target is None:
        return []
    return [
        model_id
        for model_id in sorted(models_named(snapshot.target, snapshot.targets))
        if leave_nothing(allowed, snapshot.models[model_id])
    ]


def heirless(snapshot: Snapshot, allowed: Limits) -> frozenset[str]:
    """The excluded symbols whose weight no other holding takes, as there is none beside them (RESTRICT-1)."""
    target, excluded, inherited = snapshot.target, allowed.excluded.keys(), set[str]()
    if target is None:
        return frozenset(excluded)
    for model_id in models_named(target, snapshot.targets):
        model = snapshot.models[model_id]
        if aim(model, allowed).weights:
            inherited |= {each.symbol for each in model.holdings if each.weight}
    below = [snapshot.targets[ref] for ref in _named_below(target, snapshot.targets, "target")]
    for lines in ([each for each in some.components if each.weight] for some in (target, *below)):
        if any(each.kind != CASH and (each.kind != "security" or each.ref not in excluded) for each in lines):
            inherited |= {str(each.ref) for each in lines if each.kind == "security"}
    return frozenset(excluded - inherited)


def _direct(banded: BandedComponent, worth: Decimal, total: Decimal, allowed: Limits, kept: bool) -> Component:
    """A security of the managed sleeve. What is excluded and kept is where it should be (RESTRICT-1)."""
    symbol = named(banded.key).ref
    outside = None if kept else breach(worth, banded.threshold, total)
    no_buy, no_sell = allowed.no_buy.get(symbol), allowed.no_sell.get(symbol)
    return Component(
        banded.key, banded.weight, banded.threshold, banded.precision, worth, outside, None, no_buy, no_sell
    )


def _component(
    banded: BandedComponent, worth: Decimal, total: Decimal, state: SleeveState | None, stays: Decimal = ZERO
) -> Component:
    outside = breach(worth, banded.threshold, total)
    weight, threshold, precision = banded.weight, banded.threshold, banded.precision
    return Component(banded.key, weight, threshold, precision, worth, outside, state, stays=stays)


def _stays(key: str, valuation: Valuation, allowed: Limits) -> Decimal:
    if not allowed.no_sell:
        return ZERO
    worth = valuation.holding_values.get(key, {})
    return sum([worth[symbol] for symbol in worth.keys() & allowed.no_sell.keys()], ZERO)


def breach(worth: Decimal, threshold: Band, managed_value: Decimal) -> Breach | None:
    """On which side of its threshold a value lies; exactly on a bound is inside (QUEUE-3)."""
    if worth < threshold.lower * managed_value:
        return "below"
    if worth > threshold.upper * managed_value:
        return "above"
    return None
