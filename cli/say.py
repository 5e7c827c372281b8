"""How commands speak: JSON on standard output alone, tables for people, messages on standard error."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reading.refused import Refused

if TYPE_CHECKING:
    from datetime import date

    from rich.table import Table


format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="For people, or for scripts."
)


def by_option(function: Any) -> Any:
    """`--by WHO`, the operating-system user where it is not given."""
    return click.option("--by", default=None, help="Your name, for the record; by default the system user.")(function)


def dry_run_option(function: Any) -> Any:
    """`--dry-run`: the same checks and the same report, and nothing is written."""
    return click.option("--dry-run", is_flag=True, help="Only check and report; nothing is written.")(function)


def feed_option(function: Any) -> Any:
    """`--feed NAME`."""
    return click.option("--feed", default=None, metavar="NAME", help="The feed that FILE is of; else it is found.")(
        function
    )


def rehearsed(dry_run: bool) -> None:
    """Says, on standard error, that nothing was written."""
    if dry_run:
        message("dry run: nothing was written")


def who(by: str | None) -> str:
    """The name given, or the operating-system user's."""
    import getpass

    if by is not None and not by.strip():
        raise Refused("--by is empty: say who you are, like --by ann")
    return by.strip() if by else getpass.getuser()


def day(option: str, given: str | None) -> "date | None":
    """The day that an option names; wrong usage where it is no date."""
    from datetime import date

    try:
        return None if given is None else date.fromisoformat(given)
    except ValueError as flaw:
        raise click.UsageError(f"{option} needs a date like 2026-11-20, not {given}") from flaw


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

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for at, column in enumerate(columns):
        numbers = at in right  # never broken in two: where it is narrow, the words give way
        made.add_column(column, justify="right" if numbers else "left", overflow="fold", no_wrap=numbers)
    for row in rows:
        made.add_row(*row)
    return made


def show(*parts: object) -> None:
    """Prints tables and lines for people, taking nothing in them for markup.

    Piped, it is as wide as its content asks, up to 160 columns, or COLUMNS where that is set.
    """
    import os
    import sys

    from rich.console import Console
    from rich.table import Table

    from cli.fitting import fitted

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 160
    console = Console(width=width, highlight=False, soft_wrap=False, markup=False, emoji=False)
    for part in parts:
        console.print(fitted(part, console.width) if isinstance(part, Table) else part)
