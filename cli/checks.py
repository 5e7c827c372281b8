"""Checks for a person: each under its name or its question, the next action below what was found."""

from collections.abc import Sequence

from cli import commands
from reading.health.checks import Check


def as_table(checks: Sequence[Check], questions: dict[str, str] | None = None) -> object:
    """The checks as a table; what needs somebody is marked."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column()
    for each in checks:
        mark = Text("✓", style="green") if each.ok else Text("!" if each.next_action else "?", style="bold yellow")
        told = Text(each.found)
        if each.next_action:
            told.append(f"\n→ {commands.line(each.next_action)}", style="" if each.ok else "yellow")
        made.add_row(mark, (questions or {}).get(each.check, each.check.replace("_", " ")), told)
    return made
