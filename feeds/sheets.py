"""Tables out of text: finds the header, takes rows apart, and reads the titles around them.

A table begins behind its header and ends at an empty row; another may follow, behind another header. What stands
outside is looked at for titles; a line out there that looks like one of the table is refused, not lost.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from feeds.definition import Version
from feeds.rows import NotThisFeed, Row, Sheet, Unreadable, legible
from feeds.titles import found_in

BLANK = " \t\r\n\ufeff\u00a0"
SEARCHED = 200  # rows in which the header has to be
SHORT_NAME = 4  # words that the first cell of a row may have: Cash & Cash Investments
Cells = list[str]


def decoded(content: bytes, version: Version) -> str:
    """The file's text. Raises Unreadable."""
    encoding = "utf-8-sig" if version.encoding == "utf-8" else version.encoding
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as flaw:
        raise Unreadable(f"is not {version.encoding} text (byte {flaw.start})") from flaw
    except UnicodeError as flaw:
        raise Unreadable(f"is not {version.encoding} text") from flaw


def table(content: bytes, version: Version) -> Sheet:
    """A delimited file. Raises NotThisFeed where its header is another, Unreadable where it can't be taken apart."""
    return read(_delimited(decoded(content, version), version), version)


def _delimited(text: str, version: Version) -> Iterator[tuple[int, Cells]]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=version.delimiter)
    try:
        for cells in reader:
            yield reader.line_num, [each.strip(BLANK) for each in cells]
    except csv.Error as flaw:
        raise Unreadable(f"is not CSV: {flaw}", reader.line_num) from flaw


def fixed(content: bytes, version: Version) -> Sheet:
    """A file of fixed widths: every line that is neither empty nor a title is a row."""
    rows: list[Row] = []
    titles: dict[str, str] = {}
    for line, text in enumerate(decoded(content, version).splitlines(), start=1):
        if line == 1 and not text.startswith(version.begins_with):
            raise NotThisFeed(f"the header changed: it begins with {text[:40]!a}, not {version.begins_with!a}")
        if line <= version.skip_lines or not text.strip(BLANK):
            continue
        if found := found_in(text, version.titles):
            titles = {**titles, **found}
            continue
        cells = {each.name: text[each.start - 1 : each.start - 1 + each.width].strip() for each in version.widths}
        rows.append(Row(line, cells, titles))
    return Sheet(rows, titles)


def read(lines: Iterator[tuple[int, Cells]], version: Version) -> Sheet:
    """The rows of cells that came from somewhere, by the columns of the header."""
    return _Table(version).run(lines)


@dataclass(slots=True)
class _Table:
    version: Version
    rows: list[Row] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    header: Cells | None = None  # as the file has it, once it was seen
    inside: bool = False
    nearest: Cells = field(default_factory=list)  # of what came before the header, what is most like it

    def run(self, lines: Iterator[tuple[int, Cells]]) -> Sheet:
        for line, cells in lines:
            if line <= self.version.skip_lines:
                continue
            if not any(cells) or (self.inside and cells[0] in self.version.ends_at):
                self.inside = False
            elif self._is_header(cells):
                self.header, self.inside = cells, True
            elif self.inside and not is_sentence(cells):
                self._row(line, cells)
            else:
                self._outside(line, cells)
        if self.header is None:
            raise NotThisFeed(changed_header(self.version.header, self.nearest))
        expected = set(self.version.header)
        return Sheet(self.rows, self.titles, tuple(each for each in self.header if each and each not in expected))

    def _is_header(self, cells: Cells) -> bool:
        return is_header(cells, self.version.header)

    def _row(self, line: int, cells: Cells) -> None:
        assert self.header is not None
        if any(cells[len(self.header) :]):
            raise Unreadable(f"{len(self.header)} fields are needed, not {len(cells)}", line)
        missing = max(0, len(self.header) - len(cells))
        if missing and (found := found_in(" ".join(filter(None, cells)), self.version.titles)):
            self.titles = {**self.titles, **found}
            return
        padded = [*cells, *[""] * missing]
        self.rows.append(Row(line, dict(zip(self.header, padded, strict=False)), self.titles, missing))

    def _outside(self, line: int, cells: Cells) -> None:
        told = [each for each in cells if each]
        found = found_in(" ".join(told), self.version.titles) or found_in(told[0], self.version.titles)
        self.titles = {**self.titles, **found}
        if self.header is None:
            if _likeness(cells, self.version.header) > _likeness(self.nearest, self.version.header):
                self.nearest = cells
            if line > SEARCHED + self.version.skip_lines:
                raise NotThisFeed(changed_header(self.version.header, self.nearest))
        elif not found and len(told) > 2 and max(len(told) * 2 - 1, len(cells)) >= len(self.header):
            raise Unreadable("stands behind the end of the table and looks like a line of it", line)


def is_sentence(cells: Sequence[str]) -> bool:
    """True of a footer that stands right below a table: one cell, of words."""
    return len([each for each in cells if each]) == 1 and len(cells[0].split()) > SHORT_NAME


def is_header(cells: Sequence[str], expected: Sequence[str]) -> bool:
    """True where the cells are the expected columns in their order, each once; others may stand between them."""
    there = [each for each in cells if each in set(expected)]
    return bool(expected) and there == list(expected)


def _likeness(cells: Sequence[str], expected: Sequence[str]) -> int:
    return len(set(cells) & set(expected))


def changed_header(expected: Sequence[str], there: Sequence[str]) -> str:
    """How a header differs from the one that its feed says, in words."""
    if _likeness(there, expected) * 2 < len(expected):
        return f"no line of it is the header {_listed(expected)}"
    gone = [each for each in expected if each not in there]
    new = [each for each in there if each and each not in expected]
    twice = sorted({each for each in expected if there.count(each) > 1})
    said = []
    if gone:
        said.append(f"{_listed(gone)} {'is' if len(gone) == 1 else 'are'} missing")
    if new:
        said.append(f"{_listed(new)} {'is' if len(new) == 1 else 'are'} new")
    if twice:
        said.append(f"{_listed(twice)} {'is' if len(twice) == 1 else 'are'} there twice")
    return f"the header changed: {'; '.join(said) or 'its columns stand in another order'}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{legible(each)}"' for each in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
