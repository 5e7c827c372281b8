"""Weights against their bands as coordinates of a drawing: what an auditor sees at a glance before reading figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]
WIDTH = Decimal(260)  # of a component's drawing, in its own units
MARGIN = Decimal(8)  # on both sides of what is drawn
DRAWN = ("lower", "upper", "precision_lower", "precision_upper", "weight", "current_weight", "planned_weight")
PALETTE = (
    "#1f4e79", "#c55a11", "#2e7d5b", "#7b4fa3", "#b8860b", "#3b8ea5", "#a23b52", "#5d7a1f", "#6b6b6b", "#d08ca0",
    "#4a6fd0", "#8c6d46",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch from left to right."""

    x: Decimal
    width: Decimal


@dataclass(frozen=True, slots=True)
class Band:
    """One component: its bands and its weight, before and after, all on one scale of its own.

    `after` is None where nothing is planned; `says` is the same in words.
    """

    threshold: Span
    precision: Span
    weight: Decimal
    before: Decimal
    after: Decimal | None
    was_inside: bool
    is_inside: bool
    says: str


@dataclass(frozen=True, slots=True)
class Share:
    """A component's part of a bar that is 100 wide."""

    label: str
    color: str
    x: Decimal
    width: Decimal


def band(component: Json) -> Band:
    """A component's band, drawn so that the whole of it and both weights are seen; one where nothing is planned."""
    figures = {name: Decimal(component[name]) for name in DRAWN if component.get(name) is not None}
    low, high = min(figures.values()), max(figures.values())
    scale = (WIDTH - 2 * MARGIN) / (high - low) if high > low else Decimal(0)
    planned = "planned_weight" in figures

    def at(name: str) -> Decimal:
        return _rounded(MARGIN + (figures[name] - low) * scale)

    def span(first: str, last: str) -> Span:
        return Span(at(first), max(at(last) - at(first), Decimal(1)))

    def inside(name: str) -> bool:
        return figures["lower"] <= figures[name] <= figures["upper"]

    return Band(
        threshold=span("lower", "upper"),
        precision=span("precision_lower", "precision_upper"),
        weight=at("weight"),
        before=at("current_weight"),
        after=at("planned_weight") if planned else None,
        was_inside=inside("current_weight"),
        is_inside=inside("planned_weight" if planned else "current_weight"),
        says=_says(figures),
    )


def _says(figures: Mapping[str, Decimal]) -> str:
    """The same in words, for who does not see it."""
    shown = {name: f"{value * 100:.2f} %" for name, value in figures.items()}
    said = f"{shown['current_weight']} now, allowed {shown['lower']} to {shown['upper']}"
    return f"{said}, planned {shown['planned_weight']}" if "planned_weight" in shown else said


def colors(components: Sequence[Json]) -> dict[str, str]:
    """A color for each component; where there are more than colors, they begin again."""
    return {each["component"]: PALETTE[at % len(PALETTE)] for at, each in enumerate(components)}


def shares(components: Sequence[Json], figure: str) -> list[Share]:
    """The components' weights side by side, `current_weight` or `planned_weight`; a negative one is not drawn."""
    of = colors(components)
    weights = {each["component"]: max(Decimal(each[figure]), Decimal(0)) for each in components}
    whole = sum(weights.values()) or Decimal(1)
    found, x = [], Decimal(0)
    for name, weight in weights.items():
        width = weight / whole * 100
        found.append(Share(name, of[name], _rounded(x), _rounded(width)))
        x += width
    return [each for each in found if each.width]


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))
