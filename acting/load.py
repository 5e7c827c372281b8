"""A book into the database, all of it or nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from acting.actors import actor
from identity.person import Person

if TYPE_CHECKING:
    from reading.files.book_file import BookFile
    from storage.connection import Books
    from storage.intake.loading import LoadReport

Follow = Callable[["BookFile"], AbstractContextManager[Callable[[int], None] | None]]


@dataclass(frozen=True, slots=True)
class Meant:
    """What whoever loads says of the book: see DAY-3, DAY-4 and LOAD-1."""

    historical: bool = False
    business_day: bool = False
    overwrite_positions: bool = False


@contextmanager
def _unseen(book: "BookFile") -> Iterator[None]:
    yield None


def load(
    connect: Callable[[], "Books"], person: Person, file: Path, today: date, meant: Meant, follow: Follow = _unseen
) -> "LoadReport":
    """Loads the book of a file, and says what changed. Refused with every problem of it.

    `connect` is asked for the database once the file can be read: a `Rehearsal` makes it a dry run. `follow` is told,
    while it is read, how many accounts are done.
    """
    from reading.files.books import opened
    from storage.intake.loading import load as load_book

    with opened(file) as (book, policy), follow(book) as progress:
        return load_book(
            connect(),
            book.market,
            book.accounts,
            policy,
            today,
            actor(person),
            progress,
            meant.historical,
            meant.business_day,
            meant.overwrite_positions,
        )
