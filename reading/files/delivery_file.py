"""Reads delivered files, CSV or Parquet, line by line as texts: nothing becomes a float on the way.

What a line means is `domain/books/deliveries.py`'s business; here it is found, counted and taken apart.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from reading.refused import Refused

if TYPE_CHECKING:
    from domain.books.deliveries import DeliveryRefused, Problems

PARQUET = b"PAR1"
Line = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file's lines, each with its number and the texts of `columns`. `ignored` are the columns left out."""

    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    lines: Iterator[Line]


@contextmanager
def opened(path: Path, needed: Sequence[str], optional: Sequence[str], problems: "Problems") -> Iterator[DeliveredFile]:
    """A delivered file, open while the block runs. Lines that can't be taken apart go to `problems`.

    Raises Refused where the file can't be opened, and where the block, or its header, raises DeliveryRefused.
    """
    from domain.books.deliveries import DeliveryRefused

    try:
        with path.open("rb") as raw:
            parquet = raw.read(len(PARQUET)) == PARQUET
        if parquet:
            yield _parquet(path, needed, optional, problems)
            return
        with path.open(encoding="utf-8-sig", newline="") as text:
            yield _csv(text, needed, optional, problems)
    except OSError as flaw:
        raise Refused(f"{path} can't be opened: {flaw.strerror or flaw}") from flaw
    except UnicodeDecodeError as flaw:
        raise Refused(f"{path} refused: it is not UTF-8 text (byte {flaw.start}); nothing was changed") from flaw
    except DeliveryRefused as flaw:
        raise Refused(refusal(path, flaw)) from flaw


def refusal(path: Path, flaw: "DeliveryRefused") -> str:
    """Every problem of a file, as many as help."""
    count, shown = flaw.problems.count, flaw.problems.shown
    listed = "\n".join(f"  {each}" for each in shown)
    more = f"\n  … and {count - len(shown):,} more" if count > len(shown) else ""
    noun = "problem" if count == 1 else "problems"
    return f"{path} refused, {count:,} {noun}; nothing was changed. Correct the file and try again:\n{listed}{more}"


def _columns(
    there: Sequence[str], needed: Sequence[str], optional: Sequence[str], problems: "Problems"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns to read and those to leave out. Raises DeliveryRefused where one is missing or there twice."""
    shown = ", ".join(there)[:200]
    if not shown:
        problems.add(0, "the file is empty")
        problems.refuse()
    for name in needed:
        if name not in there:
            problems.add(0, f"the column {name} is missing: the header is {shown}")
    wanted = (*needed, *(name for name in optional if name in there))
    for name in wanted:
        if there.count(name) > 1:
            problems.add(0, f"the column {name} is there twice")
    problems.refuse()
    return wanted, tuple(name for name in there if name not in wanted)


def _csv(text: TextIO, needed: Sequence[str], optional: Sequence[str], problems: "Problems") -> DeliveredFile:
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as flaw:
        problems.add(1, f"is not CSV: {flaw}")
        header = []
    wanted, ignored = _columns(header, needed, optional, problems)
    places = [header.index(name) for name in wanted]

    def lines() -> Iterator[Line]:
        while True:
            try:
                fields = next(reader, None)
            except csv.Error as flaw:
                problems.add(reader.line_num, f"is not CSV: {flaw}")
                return
            if fields is None:
                return
            if len(fields) == len(header):
                yield reader.line_num, tuple(fields[place].strip() for place in places)
            elif fields:  # an empty line says nothing
                problems.add(reader.line_num, f"{len(header)} fields are needed, not {len(fields)}")

    return DeliveredFile(wanted, ignored, lines())


def _parquet(path: Path, needed: Sequence[str], optional: Sequence[str], problems: "Problems") -> DeliveredFile:
    import pyarrow
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, ValueError) as flaw:
        problems.add(0, f"is not a Parquet file: {str(flaw).splitlines()[0]}")
        problems.refuse()
        raise AssertionError from flaw
    schema = source.schema_arrow
    wanted, ignored = _columns(schema.names, needed, optional, problems)
    for name in wanted:
        if pyarrow.types.is_floating(schema.field(name).type):
            problems.add(
                0,
                f"the column {name} is of {schema.field(name).type}, which is not exact: write it as decimal128 or as "
                "text",
            )
    problems.refuse()

    def lines() -> Iterator[Line]:
        number = 0
        try:
            for batch in source.iter_batches(columns=list(wanted)):
                texts = [[_text(each) for each in batch.column(name).to_pylist()] for name in wanted]
                for line in zip(*texts, strict=True):
                    number += 1
                    yield number, line
        except pyarrow.ArrowException as flaw:
            problems.add(number + 1, f"can't be read: {str(flaw).splitlines()[0]}")

    return DeliveredFile(wanted, ignored, lines())


def _text(value: Any) -> str:
    """A Parquet value as a CSV file would have it: null is empty, a midnight is its day."""
    from datetime import datetime
    from decimal import Decimal

    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second or value.microsecond):
        return value.date().isoformat()
    return str(value).strip()
