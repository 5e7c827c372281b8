"""Cursors: the place behind the last row of a page, opaque to who carries it, and nothing but a place."""

import base64
import binascii
import json
from typing import Annotated

from fastapi import Query

from storage.values import cursor, moment_of
from web.api.problems import Flaw, Problem

__all__ = ["LIMIT", "Cursor", "Limit", "cursor", "lost", "moment_and_id", "place"]

Cursor = Annotated[
    str | None, Query(max_length=600, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of a page")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows of a page at most")]
LIMIT = 100


def place(given: str, parts: int) -> list[str]:
    """The place of a cursor, of so many parts. Raises Problem where no page gave it."""
    try:
        found = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != parts or not all(isinstance(each, str) for each in found):
        raise lost()
    if any("\x00" in each for each in found):
        raise lost()
    return found


def moment_and_id(given: str | None) -> tuple[str, str] | None:
    """The place of a list that is newest first. Raises Problem."""
    if given is None:
        return None
    at, name = place(given, 2)
    try:
        moment_of(at)
    except ValueError as flaw:
        raise lost() from flaw
    return at, name


def lost() -> Problem:
    """A cursor that names no place."""
    flaw = Flaw(pointer="/query/cursor", detail="it is none that a page gave: begin without one")
    return Problem(422, "unreadable", "The cursor names no place in this list. Begin without one.", errors=[flaw])
