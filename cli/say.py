"""How commands speak: JSON on standard output alone, tables for people, messages on standard error."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table


class Refused(Exception):
    """What was asked can't be done: one line that says what, where, and what to do next. Exit status 1."""


format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="For people, or for scripts."
)


def by_option(function: Any) -> Any:
    """`--by WHO`, the operating-system user where it is not given."""
    return click.option("--by", default=None, help="Who asks; by default the operating-system user.")(function)


def who(by: str | None) -> str:
    """The name given, or the operating-system user's."""
    import getpass

    if by is not None and not by.strip():
        raise Refused("--by is empty: say who asks, like --by ann")
    return by.strip() if by else getpass.getuser()


def message(text: str) -> None:
    """A line for a person, on standard error."""
    click.echo(text, err=True)


def as_json(value: object) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> "Table":
    """A table; `right` are the columns with numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        made.add_column(column, justify="right" if at in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def show(*parts: object) -> None:
    """Prints tables and lines for people. Piped, it is as wide as its content asks, up to 160 columns."""
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)
    for part in parts:
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
