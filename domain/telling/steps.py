"""Steps: the parts of a derivation, each a small table with its rules and a few sentences.

Made by the `derivation_…` files, shown by `rebalancer plan --explain`. Cells are texts for machines, as in a plan's
public form; whoever shows them to people formats them by the kind of their column.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from domain.telling.plan_json import Json, price_text
from domain.values.money import cents, plain, weight_text

# `change` is an amount and `shares` a quantity, both signed: above 0 what comes in, below 0 what goes out.
Kind = Literal["text", "amount", "change", "weight", "quantity", "shares", "price"]
Cell = str | Decimal | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and what its cells are."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation: what is decided, under which rules, its numbers row by row, and sentences."""

    title: str
    rules: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


def step(
    title: str,
    rules: Iterable[str],
    columns: Mapping[str, Kind],
    rows: Iterable[Sequence[Cell]],
    notes: Iterable[str] = (),
) -> Step:
    """A step from values: amounts in cents, weights as fractions of one, nothing where there is None."""
    kinds = tuple(columns.values())
    texts = tuple(tuple(_text(each, kind) for each, kind in zip(row, kinds, strict=True)) for row in rows)
    return Step(title, tuple(rules), tuple(Column(*each) for each in columns.items()), texts, tuple(notes))


def _text(cell: Cell, kind: Kind) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    if kind in {"amount", "change"}:
        return cents(cell)
    if kind == "weight":
        return weight_text(cell)
    return price_text(cell) if kind == "price" else plain(cell)


def as_json(steps: Iterable[Step]) -> list[Json]:
    """The steps as a plan's key `derivation` has them."""
    return [
        {
            "title": each.title,
            "rules": list(each.rules),
            "columns": [{"name": column.name, "kind": column.kind} for column in each.columns],
            "rows": [list(row) for row in each.rows],
            "notes": list(each.notes),
        }
        for each in steps
    ]
