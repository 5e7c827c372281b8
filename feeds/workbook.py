"""Workbooks (XLSX): the first sheet as a table. Unpacked within bounds, and read with the safe XML reader."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from feeds.definition import Version
from feeds.rows import MAX_BYTES, NotThisFeed, Sheet, Unreadable
from feeds.sheets import BLANK, Cells
from feeds.sheets import read as read_table
from feeds.xml import Node, parse

MAX_COLUMNS = 1000
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
SHARED, FIRST = "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"


def read(content: bytes, version: Version) -> Sheet:
    """The rows of the first sheet. Raises NotThisFeed, Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = set(packed.namelist())
            if FIRST not in names:
                raise NotThisFeed("it is no workbook with a sheet")
            shared = _texts(parse(_unpacked(packed, SHARED))) if SHARED in names else []
            sheet = parse(_unpacked(packed, FIRST))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as flaw:
        if isinstance(flaw, NotThisFeed | Unreadable):
            raise
        raise NotThisFeed("it is no workbook (XLSX)") from flaw
    return read_table(_lines(sheet, shared), version)


def _unpacked(packed: zipfile.ZipFile, name: str) -> bytes:
    with packed.open(name) as source:
        content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Unreadable(f"unpacks to more than {MAX_BYTES:,} bytes")
    return content


def _texts(shared: Node) -> list[str]:
    """The texts that cells refer to, each of one or several runs."""
    return ["".join(run.text for run in each.everywhere("t")) for each in shared.all("si")]


def _lines(sheet: Node, shared: list[str]) -> Iterator[tuple[int, Cells]]:
    last = 0
    for row in sheet.all("sheetData", "row"):
        cells: Cells = []
        for cell in row.all("c"):
            place = _column(cell.attributes.get("r", ""), len(cells))
            cells += [""] * (place - len(cells))
            cells.append(_text(cell, shared).strip(BLANK))
        given = row.attributes.get("r", "")
        at = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else last + 1
        if at > last + 1:  # an empty row is left away in a workbook, and ends a table all the same
            yield last + 1, [""]
        yield at, cells or [""]
        last = at


def _column(place: str, default: int) -> int:
    found = _PLACE.fullmatch(place)
    if found is None:
        return default
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    if column > MAX_COLUMNS:
        raise Unreadable(f"has a cell in column {found[1]}: at most {MAX_COLUMNS} are read")
    return max(default, column - 1)


def _text(cell: Node, shared: list[str]) -> str:
    kind, value = cell.attributes.get("t", "n"), cell.first("v")
    if kind == "inlineStr":
        return "".join(run.text for run in cell.everywhere("t"))
    if kind == "s":
        if not (value.isascii() and value.isdigit() and len(value) < 8 and int(value) < len(shared)):
            raise Unreadable("refers to a text that is not there")
        return shared[int(value)]
    return _decimal(value) if kind == "n" else value


def _decimal(value: str) -> str:
    """A number as the sheet shows it: a workbook keeps a double, of which fifteen digits count."""
    found = re.fullmatch(r"(-?[0-9]{1,25}(?:\.[0-9]{1,30})?)(?:[eE]([+-]?[0-9]{1,2}))?", value)
    if found is None:
        return value
    from decimal import Context, Decimal

    exact = Context(prec=15).plus(Decimal(found[1]).scaleb(int(found[2] or 0)))
    return f"{exact.normalize():f}"
