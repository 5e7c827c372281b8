"""Places in listings: behind which row a page begins, opaque to who carries it, and nothing but a place."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage.values import cursor

Json = dict[str, Any]


class Lost(ValueError):
    """A place that no page of this listing gave."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of a page, and the place behind which the next one begins: None where nothing follows."""

    rows: list[Json]
    after: str | None


def parts(place: str | None, count: int) -> list[str] | None:
    """The parts of a place; None for the beginning. Raises Lost."""
    if place is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(each, str) for each in found):
        raise Lost(place)
    if any("\x00" in each for each in found):
        raise Lost(place)
    return found


def number(given: str) -> int:
    """A number of a place. Raises Lost."""
    if not given.isdecimal() or len(given) > 18:
        raise Lost(given)
    return int(given)


def behind(rows: Sequence[Json], name: str, place: str | None, size: int) -> Listed:
    """A page of rows that are known whole, in their order; the key `name` has what each is called. Raises Lost."""
    last, begins = parts(place, 1), 0
    if last is not None:
        called = [str(each[name]) for each in rows]
        if last[0] not in called:
            raise Lost(place)
        begins = called.index(last[0]) + 1
    page = list(rows[begins : begins + size])
    return Listed(page, cursor(str(page[-1][name])) if len(rows) > begins + size else None)


def every(page: Callable[[str | None], Listed]) -> Iterator[Json]:
    """The rows of all pages, one page in memory at a time."""
    found = page(None)
    while True:
        yield from found.rows
        if found.after is None:
            return
        found = page(found.after)


__all__ = ["Listed", "Lost", "behind", "cursor", "every", "number", "parts"]
