"""Stand-ins: what takes the place of a misshapen part of a book, so that the rest of it is checked in the same go.

Asked by `book` once a form has refused a book or an account. Nothing that stands in for something is ever used.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

Place = tuple[str | int, ...]
# By the list they are in: the key that names them, and what they need besides to be well formed.
STAND_INS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "securities": ("symbol", {}),
    "models": ("id", {"holdings": [{"cash": True, "weight": "1"}]}),
    "targets": ("id", {"components": []}),
    "account_groups": ("id", {"accounts": []}),
    "holdings": ("symbol", {"quantity": "0"}),
    "protected": ("symbol", {"quantity": "0"}),
    "sleeves": ("model", {}),
}


def with_stand_ins(
    raw: object, unknown: Iterable[Place], misshapen: Iterable[Place], required: Mapping[str, object]
) -> dict[str, Any] | None:
    """A copy without the unknown keys, with stand-ins for misshapen items and without other misshapen values.

    None where too little would be left to make sense of: it is no object, or one of its lists is no list.
    """
    misshapen = list(misshapen)
    if not isinstance(raw, Mapping) or () in misshapen:
        return None
    sound: dict[str, Any] = deepcopy(dict(raw))
    for place in unknown:
        _remove(sound, place)
    for key, *inside in misshapen:
        if not inside and key in STAND_INS:
            return None
        if key in STAND_INS and isinstance(inside[0], int):
            sound[str(key)][inside[0]] = _stand_in(str(key), sound[str(key)][inside[0]], inside[0])
        else:
            sound.pop(str(key), None)
    return {**required, **sound}


def _remove(sound: dict[str, Any], place: Place) -> None:
    *way, last = place
    inside: Any = sound
    for step in way:
        inside = inside[step]
    del inside[last]


def _stand_in(where: str, item: object, at: int) -> dict[str, object]:
    """As the item is named, so that what refers to it finds it."""
    key, needed = STAND_INS[where]
    name = item.get(key) if isinstance(item, Mapping) else None
    return {key: name if isinstance(name, str) and name else f"{where}[{at}]", **needed}
