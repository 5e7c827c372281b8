"""How a table fits into the terminal: no word is broken, whatever its width.

Columns give way where their words let them, and names between their parts (`model:LARGE-GROWTH`); a table that is too
wide even so is told row by row, a line for each column.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

JOINT = re.compile(r"(?<=[:/_-])(?=[^\W\d])")  # where a name may go on in the next line
GAP = 2  # between two columns


def fitted(table: "Table", width: int) -> "Table | str":
    """The table for a terminal of that width; lines of words where no table fits."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    natural = [max(_longest(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    room = width - GAP * len(columns)
    if sum(natural) <= room:
        return table
    least = natural
    for into in (str.split, words):  # names are parted only where whole words don't fit
        least = [
            size if column.no_wrap else max((_longest(part) for cell in cells for part in into(cell)), default=0)
            for column, cells, size in zip(table.columns, columns, natural, strict=True)
        ]
        if sum(least) <= room:
            break
    else:
        return _row_by_row(columns)
    widths, spare = least, room - sum(least)
    while spare:  # to the columns that lack most
        lacking = max(range(len(widths)), key=lambda at: (natural[at] - widths[at], -at))
        if natural[lacking] == widths[lacking]:
            break
        widths[lacking] += 1
        spare -= 1
    for column, cells, size in zip(table.columns, columns, widths, strict=True):
        column.header = broken(cells[0], size)
        column._cells = [kept if _longest(str(kept)) <= size else broken(str(kept), size) for kept in column.cells]
        column.width = size
    return table


def words(text: str) -> list[str]:
    """The words of a text, names by their parts: where a line may end."""
    return [part for word in text.split() for part in parts(word)]


def parts(word: str) -> list[str]:
    """A word between the places where it may be parted."""
    return JOINT.split(word)


def broken(cell: str, width: int) -> str:
    """A cell in lines of at most that width, parted between words, or in a long name between its parts."""
    return "\n".join(line for given in cell.split("\n") for line in _lines(given, width))


def _lines(text: str, width: int) -> list[str]:
    if _longest(text) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split():
        pieces = parts(word) if _longest(word) > width else [word]
        for at, piece in enumerate(pieces):
            joined = line + piece if at or not line else f"{line} {piece}"
            if line and _longest(joined) > width:
                lines.append(line)
                line = piece
            else:
                line = joined
    return [*lines, line]


def _longest(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _row_by_row(columns: Sequence[Sequence[str]]) -> str:
    heads = [cells[0] for cells in columns]
    size = max(map(_longest, heads)) + GAP
    rows = zip(*(cells[1:] for cells in columns), strict=True)
    return "\n\n".join(
        "\n".join(f"{head:{size}}{cell}" for head, cell in zip(heads, row, strict=True) if cell.strip()) for row in rows
    )
