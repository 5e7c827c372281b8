"""Why an account is in the queue, in words: each reason's evidence as sentences that a person reads at a glance."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Evidence = Mapping[str, Any]


def in_words(code: str, evidence: Evidence) -> list[str]:
    """One line or more for a reason code and the evidence that the queue keeps with it."""
    try:
        return _TOLD[code](evidence)
    except (KeyError, TypeError, AttributeError):  # evidence of another release: told as it is
        return [", ".join(f"{key} {value}" for key, value in evidence.items())]


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
    return [against_band(component, each) for component, each in evidence.items()]


def against_band(component: str, evidence: Evidence) -> str:
    """`model:LCG 25.00 % is above 24.00 %`, with as many decimals as it takes to see the difference."""
    weight, bound = (
        Decimal(evidence["weight"]),
        Decimal(evidence["upper" if evidence["breach"] == "above" else "lower"]),
    )
    for decimals in range(2, 9):
        shown, edge = f"{weight * 100:.{decimals}f}", f"{bound * 100:.{decimals}f}"
        if shown != edge:
            break
    return f"{component} {shown} % is {evidence['breach']} {edge} %"


_TOLD: dict[str, Callable[[Evidence], list[str]]] = {
    "NO_TARGET": _no_target,
    "FIRST_REBALANCE": _first_rebalance,
    "TARGET_CHANGED": _target_changed,
    "LOW_CASH": lambda evidence: [against_band("cash", evidence)],
    "HIGH_CASH": lambda evidence: [against_band("cash", evidence)],
    "OUTSIDE_TOLERANCE": _outside,
    "TOGGLED_ON": lambda evidence: [f"switched on by {evidence['switched_by']}"],
    "MANUAL": lambda evidence: [f"submitted by {evidence['requested_by']}"],
}
