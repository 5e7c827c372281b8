"""The derivation of a plan as a page: `rebalancer plan --explain`.

Made of the derivation's public form, so that one kept as JSON reads like one made now.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from cli import say
from cli.plan_page import QUIET, title
from reading.words import amount, number, share, signed

Json = Mapping[str, Any]


def page_of(steps: Iterable[Json]) -> list[object]:
    """The steps of a derivation, numbered, as `say.show` prints them."""
    parts: list[object] = [title("How this plan comes about")]
    for at, each in zip(count(1), steps, strict=False):
        parts += ["", _heading(at, each), *_table(each), *_notes(each["notes"])]
    return [*parts, ""]


def _heading(at: int, each: Json) -> object:
    from rich.text import Text

    rules = f"  {', '.join(each['rules'])}" if each["rules"] else ""
    return Text.assemble((f"{at} · {each['title']}", "bold"), (rules, QUIET))


def _table(each: Json) -> list[object]:
    if not each["rows"]:
        return []
    kinds = [column["kind"] for column in each["columns"]]
    numbers = [at for at, kind in enumerate(kinds) if kind != "text"]
    # A heading of two words stands in two lines over its numbers, so that the table fits a narrow terminal.
    names = [c["name"].replace(" ", "\n") if c["kind"] != "text" else c["name"] for c in each["columns"]]
    rows = []
    before = None
    for row in each["rows"]:
        cells = [shown(cell, kind) for cell, kind in zip(row, kinds, strict=True)]
        if len(row) > 1 and kinds[1] == "text" and cells[0] == before:
            cells[0] = ""
        before = cells[0] or before
        rows.append(cells)
    return [say.table("", names, rows, right=numbers)]


def shown(cell: str, kind: str) -> str:
    """A cell as people read it."""
    if not cell or kind == "text":
        return cell
    if kind == "amount":
        return amount(cell)
    if kind == "change":
        return signed(cell) if Decimal(cell) else amount(cell)
    if kind == "weight":
        return share(cell)
    if kind == "shares":
        return f"{'−' if cell.startswith('-') else '+'}{number(cell.removeprefix('-'))}"
    return number(cell)


def _notes(lines: Sequence[str]) -> list[object]:
    from rich.table import Table

    if not lines:
        return []
    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column()
    for line in lines:
        made.add_row("·", line)
    return [made]
