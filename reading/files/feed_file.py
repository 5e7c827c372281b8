"""Reads files of a feed for `positions`, `prices` and `model signal`: found by name and header, or named by --feed.

What comes out is what our own format would have given (`domain/books/deliveries.py`), each security by its own
symbol. A name that no security has, or that could be several, is told; a position's then stops its account.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from reading.refused import Refused

if TYPE_CHECKING:
    from domain.books.deliveries import PositionLine, Problems
    from domain.books.identifiers import Directory, Unfound
    from feeds.catalogue import Chosen
    from feeds.definition import Gives
    from feeds.reading import FeedReading
    from reading.files.delivery_file import DeliveredFile
    from storage.connection import Books
    from storage.intake.delivered_files import Source

Texts = tuple[int, tuple[str, ...]]
OWN_FORMATS = {".parquet", ".json", ".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class FeedFile:
    """A file that a feed has read, and its bytes. `directory` knows every name on the file's day."""

    chosen: "Chosen"
    content: bytes
    reading: "FeedReading"
    directory: "Directory"
    day: date | None

    @property
    def notes(self) -> list[str]:
        """What a person should know of it besides its lines."""
        left_out = ", ".join(self.reading.unknown_columns)
        return self.reading.notes + ([f"columns {left_out} are new to feed {self.feed}: left out"] if left_out else [])

    @property
    def feed(self) -> str:
        """The feed's name."""
        return self.chosen.feed.name

    def positions(self, cash: frozenset[str], latest: date, problems: "Problems") -> Iterator["PositionLine"]:
        """The lines of a statement, each of the file's day."""
        from domain.books.deliveries import read_position, stopped
        from domain.values.money import plain

        for each in self.reading.positions:
            why, symbol = each.stop, ""
            if each.names and why is None:
                found = self.directory.find(each.names)
                symbol, why = (found, None) if isinstance(found, str) else ("", found.why)
                if why and not each.quantity:
                    continue  # nothing of what nobody knows
            if why is not None:
                yield stopped(each.line, each.account, self.day, why)
                continue
            texts = (each.account, symbol, plain(each.quantity), *([str(self.day)] if self.day else []))
            read = read_position(each.line, texts, cash, latest, problems)
            if read is not None:
                yield replace(read, lots=tuple(each.lots))

    def prices(self) -> Iterator[Texts]:
        """The lines of a price file; a symbol that nobody knows stays as the file has it, and is told by name."""
        for each in self.reading.prices:
            found = self.directory.find(each.names)
            yield each.line, (found if isinstance(found, str) else each.names[0][1], each.day, each.close)

    def weights(self, problems: "Problems") -> Iterator[Texts]:
        """The lines of a model. A holding that is not known is a problem: without it, it is another model."""
        from domain.values.money import plain

        for each in self.reading.weights:
            found: str | Unfound = self.directory.find(each.names) if each.names else ""
            if isinstance(found, str):
                yield each.line, (found, plain(each.weight))
            else:
                problems.add(each.line, found.why)


def source_of(path: Path, of_feed: FeedFile | None = None) -> "Source":
    """The file as it came, to be kept: the very bytes that its feed read, where it is of one."""
    from storage.intake.delivered_files import Source

    if of_feed is None:
        return Source(path.name, contents(path), None)
    return Source(path.name, of_feed.content, of_feed.feed)


def contents(path: Path) -> bytes:
    """A file's bytes. Refused where it can't be opened."""
    try:
        return path.read_bytes()
    except OSError as flaw:
        raise Refused(f"{path} can't be opened: {flaw.strerror or flaw}") from flaw


def read(
    books: "Books", path: Path, gives: "Gives", name: str | None, today: date, problems: "Problems"
) -> FeedFile | None:
    """The file as its feed reads it; None where it is of none, and so in our own format.

    Refused where it is not of the feed that is named, where its header changed, and where it can't be read.
    """
    from storage.market.identifiers import directory

    found = found_feed(path, gives, name, today)
    if found is None:
        return None
    chosen, content = found
    reading = taken_apart(path, chosen, content, problems)
    day = date.fromisoformat(reading.as_of) if reading.as_of else None
    with books.transaction() as transaction:
        known = directory(transaction.connection, day or today)
    return FeedFile(chosen, content, reading, known, day)


def found_feed(path: Path, gives: "Gives | None", name: str | None, today: date) -> "tuple[Chosen, bytes] | None":
    """The feed that a file is of, and its bytes; None where it is of none. Refused as `read` says."""
    from feeds.catalogue import FeedRefused, chosen
    from feeds.rows import MAX_BYTES

    try:
        if name is None and (path.suffix.lower() in OWN_FORMATS or path.stat().st_size > MAX_BYTES):
            return None
        content = contents(path)
        found = chosen(path, content, gives, name, today)
    except OSError as flaw:
        raise Refused(f"{path} can't be opened: {flaw.strerror or flaw}") from flaw
    except FeedRefused as flaw:
        raise Refused(str(flaw)) from flaw
    return None if found is None else (found, content)


def taken_apart(path: Path, chosen: "Chosen", content: bytes, problems: "Problems") -> "FeedReading":
    """What a file gives by its feed. Refused where it can't be taken apart at all."""
    from feeds import readers
    from feeds.reading import read_rows
    from feeds.rows import NotThisFeed, Unreadable

    try:
        return read_rows(chosen.feed, chosen.version, readers.rows_of(chosen.feed, chosen.version, content), problems)
    except (NotThisFeed, Unreadable) as flaw:
        where = f"line {flaw.line}: " if isinstance(flaw, Unreadable) and flaw.line else ""
        raise Refused(
            f"{path} refused by feed {chosen.feed.name}: {where}{flaw}; nothing was changed. "
            "Correct the file and try again"
        ) from flaw


@contextmanager
def opened(
    path: Path, of_feed: FeedFile | None, columns: Sequence[str], problems: "Problems"
) -> Iterator["DeliveredFile"]:
    """A file of prices or weights as its columns' texts, whether a feed read it or it is in our own format."""
    from domain.books.deliveries import WEIGHT_COLUMNS, DeliveryRefused
    from reading.files import delivery_file

    if of_feed is None:
        with delivery_file.opened(path, columns, (), problems) as delivered:
            yield delivered
        return
    lines = of_feed.weights(problems) if columns == WEIGHT_COLUMNS else of_feed.prices()
    try:
        yield delivery_file.DeliveredFile(tuple(columns), of_feed.reading.unknown_columns, lines)
    except DeliveryRefused as flaw:
        raise Refused(delivery_file.refusal(path, flaw)) from flaw


def unread(path: Path, problems: "Problems") -> None:
    """Refused where the file has any problem."""
    from domain.books.deliveries import DeliveryRefused
    from reading.files.delivery_file import refusal

    try:
        problems.refuse()
    except DeliveryRefused as flaw:
        raise Refused(refusal(path, flaw)) from flaw
