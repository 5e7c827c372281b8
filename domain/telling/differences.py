"""Where two plans, in their public form, are not the same: a line a place, in words that an analyst reads.

Asked by the auditor's recomputation, and by the tests that compare today's plans with kept ones.
"""

from collections.abc import Iterator, Mapping, Sequence

# What names an element of a list better than its place.
NAMES = (("component",), ("side", "symbol"), ("from", "to", "symbol"), ("rule", "message"), ("sleeve",))
LONGEST = 120  # characters of a value


def differences(kept: object, again: object, where: str = "plan") -> Iterator[str]:
    """Every place where the values, or the order of what they hold, differ: `orders[buy VTI].quantity: 10, now 11`."""
    if isinstance(kept, Mapping) and isinstance(again, Mapping):
        yield from _of_objects(kept, again, where)
    elif isinstance(kept, list) and isinstance(again, list):
        yield from _of_lists(kept, again, where)
    elif kept != again or type(kept) is not type(again):
        yield f"{where}: {_shown(kept)}, now {_shown(again)}"


def _of_objects(kept: Mapping[str, object], again: Mapping[str, object], where: str) -> Iterator[str]:
    before = f"{where}." if where != "plan" else ""
    for key in kept:
        if key in again:
            yield from differences(kept[key], again[key], f"{before}{key}")
        else:
            yield f"{before}{key}: {_shown(kept[key])}, now not there"
    for key in again:
        if key not in kept:
            yield f"{before}{key}: not there, now {_shown(again[key])}"
    if list(kept) != list(again) and set(kept) == set(again):
        yield f"{where}: its keys are in another order"


def _of_lists(kept: Sequence[object], again: Sequence[object], where: str) -> Iterator[str]:
    old, new = _named(kept), _named(again)
    for name, value in old.items():
        if name in new:
            yield from differences(value, new[name], f"{where}[{name}]")
        else:
            yield f"{where}[{name}]: {_shown(value)}, now not there"
    for name, value in new.items():
        if name not in old:
            yield f"{where}[{name}]: not there, now {_shown(value)}"
    if list(old) != list(new) and set(old) == set(new):
        yield f"{where}: in another order: {', '.join(new)}"


def _named(values: Sequence[object]) -> dict[str, object]:
    """The elements by what names them; by their place where nothing does, or two have the same name."""
    names = [_name(value) for value in values]
    return {
        name if name is not None and names.count(name) == 1 else str(at): value
        for at, (name, value) in enumerate(zip(names, values, strict=True))
    }


def _name(value: object) -> str | None:
    if isinstance(value, Mapping):
        for keys in NAMES:
            if all(key in value for key in keys):
                return " ".join(str(value[key]) for key in keys)[:LONGEST]
    return None


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
