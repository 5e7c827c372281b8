"""Why an account is in the queue, in words: each reason's evidence as sentences that a person reads at a glance."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Evidence = Mapping[str, Any]


FEW = 2  # lines of a reason, where a listing has no room for all


def in_words(code: str, evidence: Evidence, few: bool = False) -> list[str]:
    """One line or more for a reason code and the evidence that the queue keeps with it."""
    try:
        lines = _TOLD[code](evidence)
        return [*lines[:FEW], f"and {len(lines) - FEW} more"] if few and len(lines) > FEW + 1 else lines
    except (KeyError, TypeError, AttributeError):  # evidence of another release: told as it is
        return [", ".join(f"{key} {_plain(value)}" for key, value in evidence.items())]


def _plain(value: object) -> str:
    """A value of evidence as words, whatever it holds."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_plain, value))
    return "–" if value is None else str(value)


def _no_target(evidence: Evidence) -> list[str]:
    return [f"no target, and it holds {', '.join(evidence['symbols'])}"]


def _first_rebalance(evidence: Evidence) -> list[str]:
    return [f"never rebalanced to {evidence['target']}"]


def _target_changed(evidence: Evidence) -> list[str]:
    if "from" in evidence:
        before, now = evidence["from"], evidence["to"]
        if now is None:
            return [f"target {before} was removed"]
        return [f"target {before} was replaced by {now}" if before else f"target {now} was assigned"]
    now = f"target {evidence['target']} is at version {evidence['version']}"
    if "previous_version" in evidence:
        return [f"{now}, it was {evidence['previous_version']}"]
    return [f"{now}, last rebalanced to {evidence['rebalanced_to']} version {evidence['rebalanced_to_version']}"]


def _outside(evidence: Evidence) -> list[str]:
    """The component that is furthest from its bound first; then what is held or idle and should not be."""
    banded = [component for component, of in evidence.items() if "weight" in of]
    furthest = sorted(banded, key=lambda component: (-_distance(evidence[component]), component))
    others = [_against_rule(held, of) for held, of in evidence.items() if "weight" not in of]
    return [*(against_band(component, evidence[component]) for component in furthest), *others]


def _low_cash(evidence: Evidence) -> list[str]:
    """Below its band, below zero, or less than what withdrawals ask."""
    lines = [against_band("cash", evidence)] if evidence["breach"] else []
    if "overdrawn" in evidence:
        lines.append(f"overdrawn by {Decimal(evidence['overdrawn']):,.2f}")
    if "missing" in evidence:
        missing, reserved = Decimal(evidence["missing"]), Decimal(evidence["reserved"])
        lines.append(f"{missing:,.2f} are missing for withdrawals of {reserved:,.2f}")
    return lines


def _against_rule(held: str, evidence: Evidence) -> str:
    """`model:GROVE OIL 8,000.00 is held against RESTRICT-2`; cash of a sleeve is idle (SLEEVE-3)."""
    state = "is idle" if "upper" in evidence else "is held against"
    rule = f"({evidence['rule']})" if "upper" in evidence else evidence["rule"]
    return f"{held} {Decimal(evidence['value']):,.2f} {state} {rule}"


def _distance(evidence: Evidence) -> Decimal:
    return abs(Decimal(evidence["weight"]) - _bound(evidence))


def _bound(evidence: Evidence) -> Decimal:
    return Decimal(evidence["upper" if evidence["breach"] == "above" else "lower"])


def against_band(component: str, evidence: Evidence) -> str:
    """`model:LCG 25.00 % is above 24.00 %`, with as many decimals as it takes to see the difference."""
    weight, bound = Decimal(evidence["weight"]), _bound(evidence)
    for decimals in range(2, 9):
        shown, edge = f"{weight * 100:.{decimals}f}", f"{bound * 100:.{decimals}f}"
        if shown != edge:
            break
    return f"{component} {shown} % is {evidence['breach']} {edge} %"


_TOLD: dict[str, Callable[[Evidence], list[str]]] = {
    "NO_TARGET": _no_target,
    "FIRST_REBALANCE": _first_rebalance,
    "TARGET_CHANGED": _target_changed,
    "LOW_CASH": _low_cash,
    "HIGH_CASH": lambda evidence: [against_band("cash", evidence)],
    "OUTSIDE_TOLERANCE": _outside,
    "TOGGLED_ON": lambda evidence: [f"switched on by {evidence['switched_by']}"],
    "MANUAL": lambda evidence: [f"submitted by {evidence['requested_by']}"],
}
