"""Targets: what an account should hold, flattened, with the two bands of every component.

Asked when a book or a target is read (is it sound?), and at the start of every plan (what are the bands?).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from domain.targets.restrictions import NO_LIMITS, Limits
from domain.values.memo import remembered
from domain.values.money import ONE, ZERO, percent, tidy
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Finding, Rule, warning
from domain.values.snapshot import CASH, BandGiven, Target, TargetComponent, security_key

TARGET_1 = Rule("TARGET-1", "Component weights are 0 or more and sum to at most 100 %; the remainder goes to cash.")
TARGET_2 = Rule("TARGET-2", "Sub-targets flatten by multiplying; a component reached twice adds up; no cycles.")
TARGET_3 = Rule("TARGET-3", "Bands nest: 0 ≤ lower ≤ destination lower ≤ weight ≤ destination upper ≤ upper ≤ 1.")
TARGET_4 = Rule(
    "TARGET-4", "Cash's default bands are at least 1 point (threshold) and 0.5 points (destination band) wide."
)
TARGET_5 = Rule("TARGET-5", "A lower threshold of 0 says that the asset need not be held at all.")

NOTHING_KEPT: Mapping[str, Decimal] = {}
MAX_DEPTH = 20  # of sub-targets in sub-targets; nobody follows more, and no stack has to


class TargetRefused(ValueError):
    """A target that breaks a rule. `rule` is its code; the text says what is wrong and where."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(f"{message} ({rule.code})")
        self.rule = rule


@record
class Band:
    """Two weights, as shares of the managed value."""

    lower: Decimal
    upper: Decimal


@record
class BandedComponent:
    """A component of a flattened target: its weight, its trigger band and its destination band."""

    key: str
    weight: Decimal
    threshold: Band
    precision: Band


@dataclass(slots=True)
class _Reach:
    """What has been gathered of one component on the ways that lead to it, in shares of the whole account."""

    weight: Decimal = ZERO
    explicit: dict[str, Band] = field(default_factory=dict)  # by "threshold" and "precision": the sum of given bands
    default_weight: dict[str, Decimal] = field(default_factory=dict)  # weight whose band is the default one
    default_width: dict[str, Decimal] = field(default_factory=dict)  # half-width of those default bands

    def add(self, kind: str, weight: Decimal, scale: Decimal, given: BandGiven | None, default: Decimal) -> None:
        """Adds one way's share of a band; `weight` and absolute bounds count `scale` times (TARGET-2)."""
        if given is None:
            self.default_weight[kind] = self.default_weight.get(kind, ZERO) + weight * scale
            self.default_width[kind] = self.default_width.get(kind, ZERO) + weight * scale * default
            return
        if given.relative is not None:
            band = Band(weight * (1 - given.relative), weight * (1 + given.relative))
        else:
            band = Band(given.lower or ZERO, ONE if given.upper is None else given.upper)
        before = self.explicit.get(kind, Band(ZERO, ZERO))
        self.explicit[kind] = Band(before.lower + band.lower * scale, before.upper + band.upper * scale)


@record
class _Defaults:
    """The relative bands that a component without its own takes: the policy's, or its sub-target's."""

    threshold: Decimal
    precision: Decimal

    def of(self, component: TargetComponent) -> "_Defaults":
        given = [component.threshold, component.precision]
        if any(band is not None and band.relative is None for band in given):
            raise TargetRefused(
                TARGET_2,
                f"sub-target {component.ref}: its threshold and destination band (precision) must be relative, as they "
                "are the default of its components",
            )
        threshold, precision = (band.relative if band is not None else None for band in given)
        return _Defaults(
            self.threshold if threshold is None else threshold, self.precision if precision is None else precision
        )


def flatten(
    target: Target,
    targets: Mapping[str, Target],
    policy: Policy,
    allowed: Limits = NO_LIMITS,
    kept: Mapping[str, Decimal] = NOTHING_KEPT,
) -> tuple[BandedComponent, ...]:
    """The target's models, securities and cash with their bands, in the order named, cash last.

    Cash is always there, with what the components leave over (TARGET-1). `allowed` are the account's restrictions:
    what they exclude has a weight of 0, or of its share in `kept` (of managed value) where it stays. Raises
    TargetRefused.
    """
    reached: dict[str, _Reach] = {}
    defaults = _Defaults(policy.threshold_relative, policy.precision_relative)
    staying = _Staying(allowed, dict(kept))
    for component, scale, inherited in _walk(target, targets, defaults, (target.id,), ONE, staying):
        _check_given(component)
        by = allowed.substitutes.get(str(component.ref)) if component.kind == "security" else None
        reach = reached.setdefault(component.key if by is None else security_key(by), _Reach())
        reach.weight += component.weight * scale
        reach.add("threshold", component.weight, scale, component.threshold, inherited.threshold)
        reach.add("precision", component.weight, scale, component.precision, inherited.precision)
    for key, share in staying.shares.items():
        reached[key] = _Reach(weight=share)
    remainder = tidy(max(ZERO, ONE - sum((reach.weight for reach in reached.values()), ZERO)))  # not a division's hair
    cash = reached.pop(CASH, _Reach())
    cash.weight += remainder
    cash.add("threshold", remainder, ONE, None, defaults.threshold)
    cash.add("precision", remainder, ONE, None, defaults.precision)
    banded = [
        BandedComponent(key, reach.weight, _point(reach), _point(reach))
        if key in staying.shares
        else _banded(key, reach)
        for key, reach in reached.items()
    ]
    return (*banded, _banded(CASH, cash, policy.cash_threshold_floor, policy.cash_precision_floor))


@remembered
def flatten_unrestricted(target: Target, targets: Mapping[str, Target], policy: Policy) -> tuple[BandedComponent, ...]:
    """As `flatten` for the accounts that restrict nothing: once a target."""
    return flatten(target, targets, policy)


@dataclass(slots=True)
class _Staying:
    """What becomes of excluded securities on the way through a target and its sub-targets (RESTRICT-1).

    `kept` are the shares of managed value that stay where they are held, used up as they are met; `shares` are the
    weights that excluded components end with, by key.
    """

    allowed: Limits
    kept: dict[str, Decimal]
    shares: dict[str, Decimal] = field(default_factory=dict)

    def factor(self, target: Target, scale: Decimal) -> Decimal:
        """How much larger the other lines of a target become, cash aside, by what its excluded ones hand over."""
        spread = others = ZERO
        for line in target.components:
            excluded = self.allowed.excluded.get(str(line.ref)) if line.kind == "security" else None
            if excluded is None:
                others += line.weight if line.kind != "cash" else ZERO
                continue
            stays = min(line.weight * scale, self.kept.get(excluded.symbol, ZERO))
            self.kept[excluded.symbol] = self.kept.get(excluded.symbol, ZERO) - stays
            self.shares[line.key] = self.shares.get(line.key, ZERO) + stays
            if excluded.to != "cash" and scale:
                spread += line.weight - stays / scale
        return ONE if not spread or not others else (others + spread) / others


def _point(reach: _Reach) -> Band:
    return Band(reach.weight, reach.weight)


def _walk(
    target: Target,
    targets: Mapping[str, Target],
    defaults: _Defaults,
    path: tuple[str, ...],
    scale: Decimal,
    staying: _Staying,
) -> Iterator[tuple[TargetComponent, Decimal, _Defaults]]:
    """Every model, security and cash line below a target, with the share of the account that its target has.

    Excluded securities have none; the other lines of the same target have theirs, or cash has it.
    """
    total = sum((component.weight for component in target.components), ZERO)
    if any(component.weight < 0 for component in target.components):
        raise TargetRefused(TARGET_1, f"target {target.id}: a weight is below 0")
    if total > ONE:
        raise TargetRefused(
            TARGET_1, f"target {target.id}: the weights sum to {percent(total)}, {percent(total - ONE)} too much"
        )
    factor = staying.factor(target, scale) if staying.allowed.excluded else ONE
    for component in target.components:
        if component.kind == "cash":
            yield component, scale, defaults
            continue
        if component.kind != "target":
            yield component, ZERO if component.key in staying.shares else scale * factor, defaults
            continue
        ref = str(component.ref)
        if ref in path:
            raise TargetRefused(TARGET_2, f"targets form a cycle: {' → '.join((*path, ref))}")
        if len(path) > MAX_DEPTH:
            raise TargetRefused(TARGET_2, f"target {path[0]} has sub-targets in sub-targets more than {MAX_DEPTH} deep")
        _check_given(component)
        below = scale * factor * component.weight
        yield from _walk(targets[ref], targets, defaults.of(component), (*path, ref), below, staying)
        # What a sub-target leaves over is cash of the whole account, by the same rule as for the target itself.


def _check_given(component: TargetComponent) -> None:
    """Bounds that a person wrote must make sense on their own, before anything is added up (TARGET-3)."""
    weight = component.weight
    for name, given in (("threshold", component.threshold), ("precision", component.precision)):
        if given is None:
            continue
        if given.relative is not None:
            if not ZERO <= given.relative <= ONE:
                raise TargetRefused(
                    TARGET_3, f"{component.key}: a relative {name} is from 0 to 1, not {given.relative}"
                )
        elif not ZERO <= (given.lower or ZERO) <= weight <= (ONE if given.upper is None else given.upper) <= ONE:
            raise TargetRefused(
                TARGET_3,
                f"{component.key}: the {name} must hold its weight {percent(weight)} and lie between 0 % and 100 %, "
                f"not {given.lower} to {given.upper}",
            )


def _banded(
    key: str, reach: _Reach, threshold_floor: Decimal = ZERO, precision_floor: Decimal = ZERO
) -> BandedComponent:
    threshold = _merged(reach, "threshold", threshold_floor)
    precision = _merged(reach, "precision", precision_floor)
    if "precision" not in reach.explicit:  # only what a person wrote can contradict the threshold
        precision = Band(max(precision.lower, threshold.lower), min(precision.upper, threshold.upper))
    lower, upper = threshold.lower, threshold.upper
    if not ZERO <= lower <= precision.lower <= reach.weight <= precision.upper <= upper <= ONE:
        raise TargetRefused(
            TARGET_3,
            f"{key}: the destination band (precision) {percent(precision.lower)} to {percent(precision.upper)} must "
            f"hold the weight {percent(reach.weight)} and lie inside the threshold {percent(lower)} to "
            f"{percent(upper)}",
        )
    return BandedComponent(key, reach.weight, threshold, precision)


def _merged(reach: _Reach, kind: str, floor: Decimal) -> Band:
    """The sum of the bands given and of the default band of the rest, inside 0 to 1 (TARGET-2, TARGET-3, TARGET-4).

    The floor of cash's default band counts once, on the sum, however many ways lead to cash.
    """
    explicit = reach.explicit.get(kind)
    weight = reach.default_weight.get(kind, ZERO)
    if explicit is None:
        width = max(reach.default_width.get(kind, ZERO), floor)
        return Band(max(ZERO, weight - width), min(ONE, weight + width))
    if weight == 0:
        return Band(explicit.lower, min(ONE, explicit.upper))
    width = max(reach.default_width[kind], floor)
    return Band(explicit.lower + max(ZERO, weight - width), min(ONE, explicit.upper + weight + width))


class _Banded(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def weight(self) -> Decimal: ...
    @property
    def threshold(self) -> Band: ...


def need_not_be_held(components: Iterable[_Banded]) -> list[Finding]:
    """Warnings for components whose lower threshold of 0 keeps a missing asset from ever counting as drift."""
    return [
        warning(
            TARGET_5,
            f"{component.key} has a lower threshold of 0: it need not be held at all, so that it is missing never "
            f"queues the account; give it a lower threshold above 0 if it should",
            component=component.key,
            weight=component.weight,
            upper=component.threshold.upper,
        )
        for component in components
        if component.key != CASH and component.weight > 0 and component.threshold.lower == 0
    ]
