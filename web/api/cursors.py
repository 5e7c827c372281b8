"""Cursors: the place behind the last row of a page, opaque to who carries it, and nothing but a place."""

from typing import Annotated

from fastapi import Query

from reading.places import cursor, parts

__all__ = ["LIMIT", "WHOLE", "Cursor", "Limit", "cursor", "place"]

Cursor = Annotated[
    str | None, Query(max_length=600, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of a page")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows of a page at most")]
LIMIT = 100
WHOLE = 1_000  # of a list that has an end of its own: who does not ask for less mostly has all of it


def place(given: str, count: int) -> list[str]:
    """The place of a cursor, of so many parts. Raises Lost where no page gave it."""
    return parts(given, count) or []
