"""`rebalancer audit show`: the whole story of one rebalance in words."""

import contextlib
from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading.refused import Refused

if TYPE_CHECKING:
    from cli.audit_story import Line, Story
    from storage.connection import Books

SHOWN = 5  # rebalances of a request that are named


@click.command()
@click.argument("id_", metavar="ID")
@say.format_option
def show(id_: str, form: str) -> None:
    """Who asked, what was seen, what each rule decided, what failed, who approved, what was ordered and filled."""
    from cli import connections
    from cli.audit_story import archived, story_of
    from storage.record.histories import HistoryDamaged
    from storage.work.rebalances import UnknownRebalance

    desk = connections.books()
    try:
        with desk.transaction() as books:
            row = books.rebalances.get(id_)
            kept = archived(books, row)
        live = {} if kept else connections.run(_live(row))
        with desk.transaction() as books:
            story = story_of(books, id_, live)
    except UnknownRebalance as flaw:
        raise Refused(_no_rebalance(desk, id_)) from flaw
    except HistoryDamaged as flaw:
        raise Refused(f"{flaw}. Keep the database as it is: rebalancer audit verify") from flaw
    if form == "json":
        say.as_json(story.as_json())
    else:
        say.show(*_page(story, "archived" if kept else "of the Temporal server" if live else None))


def _no_rebalance(desk: "Books", id_: str) -> str:
    """What an id is that is no rebalance's."""
    with desk.transaction() as books:
        of_request = [row.id for row in books.rebalances.listing(request_id=id_, limit=SHOWN + 1)]
    if of_request:
        more = " and more" if len(of_request) > SHOWN else ""
        return f"{id_} is a request: ask for one of its rebalances, {', '.join(of_request[:SHOWN])}{more}"
    return f"{id_} is no rebalance: see `rebalancer history` for the ids"


async def _live(row: Any) -> dict[str, str]:
    """The history of a workflow that is not archived yet; none where Temporal or the workflow is away."""
    from temporalio.service import RPCError

    from cli import connections

    with contextlib.suppress(Refused, RPCError, TimeoutError):
        client = await connections.temporal()
        run_id = row.start_key.rpartition("#")[2]
        history = await client.get_workflow_handle(row.workflow_id, run_id=run_id).fetch_history()
        return {run_id: history.to_json()}
    return {}


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
