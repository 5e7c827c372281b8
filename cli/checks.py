"""A check that a command walked through: what was asked, what was found, and what to do about it.

`status` and `diagnose` are lists of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. `ok` is False where somebody has to act, and `next_action` then says how, or where it isn't known."""

    check: str
    ok: bool
    found: str
    next_action: str | None = None


def good(check: str, found: str) -> Check:
    """Nothing to do."""
    return Check(check, True, found)


def act(check: str, found: str, next_action: str) -> Check:
    """Somebody has to act."""
    return Check(check, False, found, next_action)


def unknown(check: str, why: str) -> Check:
    """Nobody can say, until another check is ok."""
    return Check(check, False, why)


def to_act(checks: Sequence[Check]) -> int:
    """How many of the checks somebody has to act on."""
    return sum(each.next_action is not None and not each.ok for each in checks)


def as_table(checks: Sequence[Check], questions: dict[str, str] | None = None) -> object:
    """The checks for a person, each under its name or its question, the next action below what was found."""
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
            told.append(f"\n→ {each.next_action}", style="" if each.ok else "yellow")
        made.add_row(mark, (questions or {}).get(each.check, each.check.replace("_", " ")), told)
    return made
