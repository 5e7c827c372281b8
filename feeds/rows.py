"""What every reader gives: the rows of a file, each a mapping from a column to its text, with its line."""

from collections.abc import Iterable, Mapping, Sequence
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


def once_each(statements: Iterable[tuple[int, str]]) -> None:
    """Raises Unreadable where two statements, each given with its line, are of one account: one would add to it."""
    seen: dict[str, int] = {}
    for line, account in statements:
        if seen.setdefault(account, line) != line:
            raise Unreadable(
                f"is another statement of account {legible(account)}, of which line {seen[account]} is", line
            )


@dataclass(frozen=True, slots=True)
class Row:
    """A row, by column. `titles` are the values found outside the table until then: account, date.

    `missing` counts the fields that it lacks at its end, which only a row that is not kept may do; `said` is what a
    message says of it besides its cells, by which two rows of the same figures are told apart.
    """

    line: int
    cells: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    said: str = ""

    def lacks(self, columns: Iterable[str]) -> bool:
        """True where one of the columns is among the fields that the row lacks at its end."""
        there = list(self.cells)
        return not set(there[: len(there) - self.missing]).issuperset(columns)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a file, what was found outside them in the whole of it, and the columns that nobody asked for."""

    rows: Sequence[Row]
    titles: Mapping[str, str]
    unknown_columns: tuple[str, ...] = ()
