"""Targets: what accounts should hold, with sub-targets flattened and every component's bands."""

from datetime import date
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from reading.refused import Conflict, Unknown

if TYPE_CHECKING:
    from domain.targets.targets import TargetRefused
    from storage.connection import Transaction

Json = dict[str, Any]


def show(books: "Transaction", target_id: str, today: date) -> Json:
    """A target in its public form. Raises Unknown, and Conflict where it can't be used."""
    told, flaw = shown(books, target_id, today)
    if flaw is not None:
        raise Conflict(f"target {target_id} can't be used: {flaw}") from flaw
    return told


def shown(books: "Transaction", target_id: str, today: date) -> tuple[Json, "TargetRefused | None"]:
    """The same, and why it can't be used, where it can't: then it has no components. Raises Unknown."""
    from domain.targets.targets import TargetRefused
    from storage.market.reading import read_targets

    known = read_targets(books.connection, [target_id])
    if target_id not in known:
        raise unknown(target_id)
    day = books.market.book_day()
    policy = books.market.policy(day.as_of if day else today)
    assigned = books.accounts.assigned(target_id)
    try:
        return _as_json(target_id, known, policy, assigned), None
    except TargetRefused as flaw:
        of = known[target_id]
        bare = {"target": target_id, "name": of.name, "version": of.version, "accounts": assigned}
        return bare | {"sub_targets": [], "components": []}, flaw


def editable(books: "Transaction", target_id: str) -> tuple[Json, int]:
    """A target as a book has it, and its version: what an edit of it is an edit of. Raises Unknown."""
    from storage.market.reading import read_targets

    known = read_targets(books.connection, [target_id])
    if target_id not in known:
        raise unknown(target_id)
    return in_form(known[target_id]), known[target_id].version


def unknown(target_id: str) -> Unknown:
    """The refusal of a target that nobody knows."""
    return Unknown(f"target {target_id} is unknown: check the id, or load a book that has it")


def in_form(target: Any) -> Json:
    """A target as a book has it: what an edit of it is an edit of."""
    from domain.values.money import plain
    from domain.values.snapshot_json import overrides_as_json

    def band(given: Any) -> Json:
        names = ("relative", "lower", "upper")
        return {name: plain(getattr(given, name)) for name in names if getattr(given, name) is not None}

    def line(each: Any) -> Json:
        bands = {name: band(getattr(each, name)) for name in ("threshold", "precision") if getattr(each, name)}
        return {each.kind: True if each.ref is None else each.ref, "weight": plain(each.weight)} | bands

    policy = {"policy": overrides_as_json(target.policy)} if target.policy else {}
    return {"id": target.id, "name": target.name, "components": [*map(line, target.components)]} | policy


def _as_json(target_id: str, known: Any, policy: Any, assigned: int) -> Json:
    from domain.targets.targets import flatten
    from domain.values.money import EXACT, weight_text

    shown = known[target_id]
    with localcontext(EXACT):
        flat = flatten(shown, known, policy.overridden(shown.policy))
        return {
            "target": target_id,
            "name": shown.name,
            "version": shown.version,
            "accounts": assigned,
            "sub_targets": [
                {"target": each.ref, "name": known[each.ref].name, "weight": weight_text(each.weight)}
                for each in shown.components
                if each.kind == "target"
            ],
            "components": [
                {
                    "component": each.key,
                    "weight": weight_text(each.weight),
                    "lower": weight_text(each.threshold.lower),
                    "upper": weight_text(each.threshold.upper),
                    "precision_lower": weight_text(each.precision.lower),
                    "precision_upper": weight_text(each.precision.upper),
                }
                for each in flat
            ],
        }
