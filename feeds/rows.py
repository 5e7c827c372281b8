"""What every reader gives: the rows of a file, each a mapping from a column to its text, with its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_BYTES = 64 * 1024 * 1024  # of a file that is read whole


class NotThisFeed(ValueError):
    """A file that is not of the shape that its feed says: one line, in words."""


class Unreadable(ValueError):
    """A file that is broken as what it is (text, XML, a workbook): where, and how."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def legible(text: str) -> str:
    """A text of a file as a message may show it: not long, and nothing in it that a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in text[:100])


@dataclass(frozen=True, slots=True)
class Row:
    """A row, by column. `titles` are the values found outside the table until then: account, date.

    `missing` counts the fields that it lacks at its end, which only a row that is not kept may do.
    """

    line: int
    cells: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a file, what was found outside them in the whole of it, and the columns that nobody asked for."""

    rows: Sequence[Row]
    titles: Mapping[str, str]
    unknown_columns: tuple[str, ...] = ()
