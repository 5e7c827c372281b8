"""The venues' terms, and the paper venue's scenario, as somebody set them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reading.words import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connection import Books
    from storage.work.venues import SetBlocks

Json = dict[str, Any]


def terms(books: "Books", names: "Sequence[str]") -> list[Json]:
    """The terms of each venue in their public form; None is without a limit, or set by nobody."""
    from venues.terms import own_sends

    listed: list[Json] = []
    with books.transaction() as read:
        for name in names:
            found = read.venues.terms(name)
            listed.append(
                {
                    "venue": name,
                    "orders_per_second": _text(found.orders_per_second) if found else None,
                    "patience_seconds": found.patience_seconds if found else None,
                    "sends": (found.sends if found else None) or own_sends(name),
                    **_blocks(found.desk if found else None),
                    "set_by": found.set_by if found else None,
                    "set_at": utc(found.set_at) if found else None,
                }
            )
    return listed


def scenario(books: "Books") -> Json | None:
    """The paper venue's scenario, with who set it and when; None where every order is filled whole at its price."""
    with books.transaction() as read:
        found = read.venues.scenario()
    return None if found is None else {**found.told, "set_by": found.set_by, "set_at": utc(found.set_at)}


def _blocks(set_: "SetBlocks | None") -> Json:
    if set_ is None or set_.blocks == "off":
        return {"blocks": "off"}
    return {
        "blocks": set_.blocks,
        "window_seconds": set_.window_seconds,
        "cut_off": None if set_.cut_off is None else f"{set_.cut_off:%H:%M}",
        "leave": set_.leave,
        "unfilled": set_.unfilled,
        "de_minimis": set_.de_minimis,
    }


def _text(number: Decimal | None) -> str | None:
    from domain.values.money import plain

    return None if number is None else plain(number)
