"""Weights against their bands as coordinates: drawn on the server, as attributes of shapes, without a style."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

WIDTH = 240  # of a drawing, in its own units
MARGIN = 9


@dataclass(frozen=True, slots=True)
class Band:
    """A component's bands and weights from left to right; `after` is None where nothing is planned."""

    lower: float
    upper: float
    precision_lower: float
    precision_upper: float
    target: float
    before: float
    after: float | None
    was_inside: bool
    is_inside: bool
    says: str


def band(component: Mapping[str, Any]) -> Band:
    """A component's drawing, on a scale of its own on which all of it is seen."""
    names = ("lower", "upper", "precision_lower", "precision_upper", "weight", "current_weight")
    figures = {name: Decimal(component[name]) for name in names}
    planned = Decimal(component["planned_weight"]) if component.get("planned_weight") is not None else None
    every = [*figures.values(), *([planned] if planned is not None else [])]
    low, high = min(every), max(every)
    scale = (WIDTH - 2 * MARGIN) / (high - low) if high > low else Decimal(0)

    def at(value: Decimal) -> float:
        return round(float(MARGIN + (value - low) * scale), 1)

    def inside(value: Decimal) -> bool:
        return figures["lower"] <= value <= figures["upper"]

    now = figures["current_weight"]
    said = f"{now * 100:.2f} % now, allowed {figures['lower'] * 100:.2f} % to {figures['upper'] * 100:.2f} %"
    return Band(
        at(figures["lower"]),
        at(figures["upper"]),
        at(figures["precision_lower"]),
        at(figures["precision_upper"]),
        at(figures["weight"]),
        at(now),
        None if planned is None else at(planned),
        inside(now),
        planned is None or inside(planned),
        said if planned is None else f"{said}, planned {planned * 100:.2f} %",
    )


def part(count: int, of: int) -> float:
    """How much of a bar that is 100 wide."""
    return round(100 * count / of, 2) if of else 0.0
