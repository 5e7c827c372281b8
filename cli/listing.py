"""How listings speak: a page of them as a table for people, as JSON or as CSV for scripts.

A listing is a list of objects, all with the same keys; CSV has the same keys as its header.
"""

import csv
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading import words

if TYPE_CHECKING:
    from reading.work.shown import Page
    from storage.connection import Transaction

Json = dict[str, Any]
SIZE = 100
MONEY = re.compile(r"-?\d+\.\d\d")


def format_option(function: Any) -> Any:
    """`--format table|json|csv`."""
    formats = click.Choice(["table", "json", "csv"])
    return click.option("--format", "form", type=formats, default="table", help="For people, or for scripts.")(function)


def options(function: Any) -> Any:
    """`--format`, and which page of how many lines."""
    page = click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="Which page.")
    size = click.option(
        "--size", type=click.IntRange(1, 10_000), default=SIZE, show_default=True, help="Lines of a page."
    )
    return page(size(format_option(function)))


def read(ask: Callable[["Transaction", int, int], "Page"], page: int, size: int) -> "Page":
    """A page of a listing of the database."""
    from cli import connections

    with connections.books().transaction() as books:
        return ask(books, (page - 1) * size, size)


def show(
    listed: Sequence[Json], form: str, columns: Sequence[str], none: str, right: Sequence[int] = (), names: Any = None
) -> None:
    """Prints objects with these keys: their table has these columns, named so, money and numbers to the right."""
    if form == "json":
        say.as_json(list(listed))
    elif form == "csv":
        written = csv.writer(sys.stdout, lineterminator="\n")
        written.writerow(columns)
        written.writerows([_cell(each[key]) for key in columns] for each in listed)
    elif not listed:
        say.show(none)
    else:
        headings = [(names or {}).get(key, key.replace("_", " ")) for key in columns]
        say.show(say.table("", headings, [[_told(each[key]) for key in columns] for each in listed], right))


def more(there_are: bool, page: int) -> None:
    """Says on standard error that there is another page."""
    if there_are:
        say.message(f"there are more: --page {page + 1}, or another --size")


def _cell(value: object) -> object:
    """A value in CSV: nothing where there is none, yes and no as JSON has them, a list with blanks between."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _told(value: object) -> str:
    """A value for a person."""
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    if MONEY.fullmatch(text):
        return words.amount(text)
    return words.moment(text) if text.endswith("Z") and text[:4].isdigit() else text
