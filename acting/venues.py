"""What operators set for the venues: terms that hold for every worker at once, and how unkind the paper venue is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reading.refused import Refused
from reading.words import counted

if TYPE_CHECKING:
    from storage.actor import Actor
    from storage.connection import Books
    from venues.registry import Venues


def set_terms(
    books: "Books", actor: "Actor", venues: "Venues", name: str, given: Mapping[str, Any], blocks: Mapping[str, Any]
) -> None:
    """Sets what is given of `orders_per_second`, `patience_seconds` and `sends`, and of blocks; the rest stays.

    Raises Refused for blocks at a venue that would not take their allocations (FIX-8).
    """
    from storage.work.venues import ONE_BY_ONE

    unable = venues.unable_to_block(name)
    if blocks.get("blocks") == "window" and unable is not None:
        raise Refused(unable)
    with books.transaction(actor) as change:
        now = change.venues.terms(name)
        kept = {
            key: getattr(now, key) if now else None for key in ("orders_per_second", "patience_seconds", "sends")
        } | dict(given)
        change.venues.set_terms(
            name,
            kept["orders_per_second"],
            kept["patience_seconds"],
            kept["sends"],
            replace(now.desk if now else ONE_BY_ONE, **blocks),
        )


def set_scenario(books: "Books", actor: "Actor", file: Path) -> int:
    """Has the paper venue follow a file, for orders from now on: how many lines it has. Refused whole with a flaw."""
    from domain.books.book import BookRefused
    from reading.files.book_file import read_object
    from venues.scenario import ScenarioRefused, read

    with books.transaction(actor) as change:
        try:
            raw = read_object(file, "is not an object with seed, close and orders")
            found = read(raw, *change.venues.paper_names())
        except BookRefused as flaw:
            raise Refused(f"{file} refused: {'; '.join(each.message for each in flaw.problems)}") from flaw
        except ScenarioRefused as flaw:
            lines = "\n".join(f"  {each}" for each in flaw.problems)
            told = f"{file} refused, {counted(len(flaw.problems), 'problem')}; nothing was changed"
            raise Refused(f"{told}. Correct the file and try again:\n{lines}") from flaw
        change.venues.set_scenario(found.model_dump(mode="json", exclude_defaults=True))
    return len(found.orders)


def clear_scenario(books: "Books", actor: "Actor") -> None:
    """Makes the paper venue kind again; orders that work there already keep their fate."""
    with books.transaction(actor) as change:
        change.venues.set_scenario(None)
