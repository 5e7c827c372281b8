"""Events: what is recorded, as it is recorded, for who follows it by a place that outlives restores."""

from typing import TYPE_CHECKING, Any

from storage.record import following
from storage.record.following import BEGINNING, Changed, Follower, Place

if TYPE_CHECKING:
    from storage.connection import Books

__all__ = ["BEGINNING", "Changed", "Follower", "Place", "behind", "place"]

Json = dict[str, Any]


def behind(books: "Books", after: Place, limit: int) -> tuple[list[Json], Place]:
    """Events behind a place in their public form, and the place behind them."""
    with books.reading() as read:
        found = following.events(read.connection, after, limit)
    return [following.as_json(row) for row in found], following.place_of(found[-1]) if found else after


def place(books: "Books", era: str, transaction: str, number: int) -> Place | None:
    """The place that an event's id names; None where its era is none of this database's. No era is the first."""
    with books.reading() as read:
        numbers = {each.token: each.number for each in following.eras(read.connection)}
    if era and era not in numbers:
        return None
    return Place(numbers.get(era, 1), transaction, number)
