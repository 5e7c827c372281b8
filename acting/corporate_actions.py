"""Splits, new symbols and dividends from a file into the books, whole or not at all."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.intake.corporate_actions import ActionsReport


def apply(books: "Books", person: Person, file: Path, today: date) -> "ActionsReport":
    """Applies the corporate actions of a file, each once by its id. Refused with every problem of it."""
    from domain.books.action_files import read_actions
    from domain.books.book import BookRefused
    from reading.files import feed_file
    from reading.files.books import listed
    from storage.intake.corporate_actions import apply_actions

    try:
        actions = read_actions(_raw(file), today)
        return apply_actions(books, actions, feed_file.source_of(file), actor(person))
    except BookRefused as flaw:
        raise Refused(listed(file, flaw)) from flaw


def _raw(file: Path) -> Any:
    from domain.books.action_files import COLUMNS, TERMS, of_table
    from domain.books.deliveries import Problems
    from reading.files import delivery_file
    from reading.files.book_file import read_object

    if file.suffix.lower() != ".csv":
        return read_object(file, "is not an object with a list of actions")
    problems = Problems()
    with delivery_file.opened(file, COLUMNS, TERMS, problems) as delivered:
        rows = list(delivered.lines)
        problems.refuse()
        if delivered.ignored:
            raise Refused(f"{file} refused: no action has a column {', '.join(delivered.ignored)}; nothing was changed")
    return of_table(rows, delivered.columns)
