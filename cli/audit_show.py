"""`rebalancer audit show`: the whole story of one rebalance in words."""

from typing import TYPE_CHECKING

import click

from cli import say

if TYPE_CHECKING:
    from reading.record.story import Line, Story


@click.command()
@click.argument("id_", metavar="ID")
@say.format_option
def show(id_: str, form: str) -> None:
    """Who asked, what was seen, what each rule decided, what failed, who approved, what was ordered and filled."""
    from cli import connections
    from reading.record.telling import story

    told, witness = connections.run(story(connections.books(), connections.temporal, id_))
    if form == "json":
        say.as_json(told.as_json())
    else:
        say.show(*_page(told, witness))


def _page(story: "Story", history: str | None) -> list[object]:
    from rich.table import Table

    from cli import plan_page

    row = story.row
    parts: list[object] = [plan_page.title(f"{row.id} · account {row.account_id} · {row.mode}")]
    parts.append(plan_page.status_line("", row.status or row.stage))
    parts += [f"issue: {row.issue}"] if row.issue else []
    parts.append(
        f"two witnesses: the audit record (·), and the workflow's history (○), {history}" if history else MISSING
    )
    lines = Table.grid(padding=(0, 1, 0, 0))
    day = None
    for line in story.lines:
        if line.at.date() != day:
            day = line.at.date()
            parts += [lines, "", f"{day} (UTC)"] if lines.row_count else ["", f"{day} (UTC)"]
            lines = Table.grid(padding=(0, 1, 0, 0))
        for cells in _told(line):
            lines.add_row(*cells)
    return [*parts, lines]


MISSING = "one witness only: the workflow's history is neither archived nor at hand (rebalancer status)"


def _told(line: "Line") -> list[tuple[str, str, str]]:
    rule = f" ({line.rule})" if line.rule and line.rule not in line.says else ""
    who = "" if line.says.startswith(f"{line.who} ") else f"{line.who}: "
    told = [(f"{line.at:%H:%M:%S.%f}"[:12], "·" if line.source == "record" else "○", f"{who}{line.says}{rule}")]
    for code, says in line.particulars:
        named = f" ({code})" if code and code not in says else ""
        told.append(("", "", f"– {says}{named}"))
    return told
