"""A first map for a file that no feed knows, for a person to check: its dialect by `clevercsv`, its columns by name.

Only here is anything guessed, and nothing is ever loaded by a guess: a draft is a text that somebody reads, mends and
puts among the feeds. What the names of the columns do not say is left as a question.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

from feeds.definition import NEEDED, Gives
from feeds.rows import NotThisFeed, legible

LOOKED_AT = 16_000  # characters; the dialect of a file shows in its beginning
DELIMITERS = (",", ";", "\t", "|")
# The words by which columns are often named, the most telling first.
WORDS: Mapping[str, tuple[str, ...]] = {
    "account": ("account number", "account id", "account", "acct", "portfolio"),
    "symbol": ("symbol", "ticker", "security"),
    "isin": ("isin",),
    "cusip": ("cusip",),
    "sedol": ("sedol",),
    "figi": ("figi",),
    "quantity": ("quantity", "shares", "units", "position", "qty"),
    "close": ("close", "closing price", "nav"),
    "weight": ("weight", "% of fund", "weighting"),
    "value": ("market value", "current value", "value"),
    "date": ("as of", "date", "day"),
}
OF: Mapping[Gives, tuple[str, ...]] = {
    "positions": ("account", "symbol", "isin", "cusip", "sedol", "figi", "quantity", "value", "date"),
    "prices": ("symbol", "isin", "cusip", "sedol", "figi", "date", "close"),
    "model": ("symbol", "isin", "cusip", "sedol", "figi", "weight", "date"),
}
NUMBERS = {"quantity": "number", "close": "number", "value": "number", "weight": "percent"}


def draft(name: str, content: bytes, today: date) -> str:
    """A definition to start from, as the YAML of a feed. Raises NotThisFeed where the file is no table."""
    encoding, text = _text(content)
    delimiter = _delimiter(text)
    header, more = _header(text, delimiter)
    fields = {field: column for field in WORDS if (column := _column(field, header))}
    gives: Gives = "prices" if "close" in fields else "model" if "weight" in fields else "positions"
    found = {field: fields[field] for field in OF[gives] if field in fields}
    return "\n".join(_lines(name, encoding, delimiter, header, more, gives, found, today)) + "\n"


def _text(content: bytes) -> tuple[str, str]:
    for encoding in ("utf-8", "cp1252"):
        try:
            return encoding, content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError:
            continue
    raise NotThisFeed("it is neither UTF-8 nor Windows text: no table that a draft could be made of")


def _delimiter(text: str) -> str:
    """What parts its columns, as clevercsv finds it by the consistency of what comes out."""
    import clevercsv

    try:
        found = clevercsv.Sniffer().sniff(text[:LOOKED_AT], delimiters=list(DELIMITERS))
    except (clevercsv.Error, ValueError, IndexError, KeyError):
        found = None
    return found.delimiter if found is not None and found.delimiter in DELIMITERS else ","


def _header(text: str, delimiter: str) -> tuple[list[str], list[str]]:
    """The row that names the columns, and the one below it: the first of those with most words in different cells."""
    try:
        rows = list(csv.reader(io.StringIO(text[:LOOKED_AT]), delimiter=delimiter))
    except csv.Error as flaw:
        raise NotThisFeed(f"it is no table: {flaw}") from flaw
    named = [[each.strip("\ufeff\u00a0 \t\r\n") for each in row] for row in rows]

    def words(row: list[str]) -> int:
        cells = [each for each in row if any(letter.isalpha() for letter in each) and each.isprintable()]
        return len(set(cells)) if len(set(cells)) == len(cells) else 0

    best = max(range(len(named)), key=lambda at: (words(named[at]), -at), default=-1)
    if best < 0 or words(named[best]) < 2:
        raise NotThisFeed("no line of it names columns")
    below = named[best + 1] if best + 1 < len(named) else []
    return [each for each in named[best] if each], below


def _column(field: str, header: Sequence[str]) -> str | None:
    """The column whose name is one of the field's words, or else has one in it."""
    for word in WORDS[field]:
        for column in header:
            if column.strip("<>").lower() == word:
                return column
    for word in WORDS[field]:
        for column in header:
            share = field != "weight" and ("%" in column or "percent" in column.lower())
            if not share and re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", column.lower()):
                return column
    return None


def _lines(
    name: str,
    encoding: str,
    delimiter: str,
    header: Sequence[str],
    below: Sequence[str],
    gives: Gives,
    found: Mapping[str, str],
    today: date,
) -> list[str]:
    stem = "".join(each if each.isascii() and each.isalnum() else "-" for each in name.rpartition(".")[0].lower())
    feed = stem.strip("-")[:50] or "new-feed"
    shown = legible(" | ".join(below))
    lines = [
        "# A draft, by the names of the columns alone: check every line against the file, then put it in the folder",
        "# that REBALANCER_FEEDS names, and look at what it gives: rebalancer feed try FILE",
        f"# The line below the header: {shown}",
        f"name: {feed}",
        f"says: {_quoted(name)}",
        f"gives: {gives}",
        "format: csv",
        f"files: [{_quoted(name)}]",
        "versions:",
        f"  - from: {today}",
        '    because: "as the file came on this day"',
        f"    encoding: {encoding}",
        f"    delimiter: {_quoted(delimiter)}",
        f"    header: [{', '.join(map(_quoted, header))}]",
        '    # titles: lines outside the table that say the account or the day, like "Account {account}, {date}"',
        "    # rows: which are cash, totals, options; without it every row is one of the main kind",
        "    fields:",
    ]
    for field, column in found.items():
        then = f", then: {NUMBERS[field]}" if field in NUMBERS else ""
        asked = ", then: {date: YYYY-MM-DD}" if field == "date" else ""
        lines.append(
            f"      {field}: {{column: {_quoted(column)}{then}{asked}}}" + ("  # of which form?" if asked else "")
        )
    lines += [f"      # {field}: no column says so by its name" for field in sorted(NEEDED[gives] - found.keys())]
    if not {"symbol", "isin", "cusip", "sedol", "figi"} & found.keys():
        lines.append("      # symbol: no column says so by its name")
    return lines


def _quoted(text: str) -> str:
    """A text as YAML takes it on one line."""
    return json.dumps("".join(each if each.isprintable() or each == "\t" else "?" for each in text))
