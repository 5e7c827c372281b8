"""What each version of a target or a model changed: lines that went, came and stayed."""

import difflib
import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.connection import Transaction

NEWEST = 5  # versions that are shown, each beside the one before
Changes = list[tuple[int, int, list[tuple[str, str]]]]  # the version before, the version, and (sign, line) of each line


def of_target(books: "Transaction", target_id: str) -> Changes:
    """The newest versions of a target, each beside the one before."""
    from sqlalchemy import select

    from domain.values.money import weight_text
    from storage.schema.tables import target_components

    of = target_components.c
    query = select(target_components).where(of.target_id == target_id).order_by(of.version, of.position)
    rows = books.connection.execute(query)
    return _changes((row.version, f"{weight_text(row.weight)}  {row.kind} {_component(row)}") for row in rows)


def of_model(books: "Transaction", model_id: str) -> Changes:
    """The newest versions of a model, each beside the one before."""
    from sqlalchemy import select

    from domain.values.money import weight_text
    from storage.schema.tables import model_holdings
    from storage.values import exact

    of = model_holdings.c
    query = (
        select(of.version, of.symbol, exact(of.weight).label("weight"))
        .where(of.model_id == model_id)
        .order_by(of.version, of.position)
    )
    rows = books.connection.execute(query)
    return _changes((row.version, f"{weight_text(row.weight)}  {row.symbol or 'cash'}") for row in rows)


def _changes(lines: Iterable[tuple[int, str]]) -> Changes:
    versions: dict[int, list[str]] = {}
    for version, line in lines:
        versions.setdefault(version, []).append(line)
    pairs = list(itertools.pairwise(sorted(versions)))[-NEWEST:][::-1]
    return [(before, after, _beside(versions, before, after)) for before, after in pairs]


def _beside(versions: Mapping[int, list[str]], before: int, after: int) -> list[tuple[str, str]]:
    lines = difflib.ndiff(versions[before], versions[after])
    return [(line[:1].strip(), line[2:]) for line in lines if line[:1] in "+- "]


def _component(row: Any) -> str:
    return str(row.model_id or row.symbol or row.sub_target_id or "cash")
