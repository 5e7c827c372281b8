"""`rebalancer history` and `rebalancer show`: what was rebalanced, who asked, who approved, how it ended and why."""

from typing import Any

import click

from cli import listing, say
from reading import words

Json = dict[str, Any]
# The statuses of domain/values/outcome.py and the stages of storage/schema/execution.py; --help loads neither.
STATUSES = ("COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED")
STAGES = ("CHECKING", "PENDING_APPROVAL", "EXECUTING", "RECONCILING")  # of those that have not ended
KEYS = ("rebalance_id", "account_id", "status", "mode", "kind", "requested_by", "approved_by", "started_at", "ended_at",
        "issue", "request_id")  # fmt: skip
MOST = 1_000_000
COLUMNS = ("rebalance", "account", "status", "mode", "asked / approved", "started", "issue")


@click.command()
@click.option("--account", "account_id", metavar="ID", default=None, help="Only of this account.")
@click.option("--request", "request_id", metavar="ID", default=None, help="Only of this request.")
@click.option("--status", type=click.Choice([*STATUSES, *STAGES], case_sensitive=False), default=None)
@click.option("--since", metavar="DATE", default=None, help="Only those started on this day (UTC) or later.")
@click.option("--open", "open_", is_flag=True, help="Only those that have not ended.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=200, show_default=True, help="At most so many, the newest."
)
@click.option("--page", type=click.IntRange(1, MOST), default=1, show_default=True, help="Which page of so many.")
@listing.format_option
def history(
    account_id: str | None,
    request_id: str | None,
    status: str | None,
    since: str | None,
    open_: bool,
    limit: int,
    page: int,
    form: str,
) -> None:
    """Rebalances, newest first."""
    from cli import connections
    from reading.work import history as reading

    first = say.day("--since", since)
    found = reading.newest(connections.books(), account_id, request_id, status, first, open_, limit, page)
    if form != "table":
        listing.show(found.rows, form, KEYS, "")
    elif found.rows:
        say.show(as_table(found.rows), "\nOne of them whole: rebalancer show ID")
    else:
        say.show("No rebalance of that kind yet. Submit one: rebalancer submit ACCOUNT")
    if found.more:
        narrow = "narrow with --account, --status, --open, --since, or raise --limit"
        say.message(f"there are more than {limit * page}: --page {page + 1}, {narrow}")


def as_table(listed: list[Json]) -> object:
    """Rebalances for a person, one a line."""
    from rich.text import Text

    from cli.plan_page import ATTENTION, STATUS_STYLES

    made = say.table("", COLUMNS, [])
    for column in made.columns[:3]:
        column.no_wrap = True
    for each in listed:
        status = Text(each["status"], style=STATUS_STYLES.get(each["status"], ATTENTION))
        people = f"{each['requested_by']} / {each['approved_by'] or '–'}"
        started = words.moment(each["started_at"])
        made.add_row(each["rebalance_id"], each["account_id"], status, _what(each), people, started, each["issue"])
    return made


def _what(each: Json) -> str:
    """The mode of a full rebalance; else what it was for."""
    return str(each["mode"] if each["kind"] == "full" else each["kind"])


@click.command()
@click.argument("id_", metavar="ID")
@say.format_option
def show(id_: str, form: str) -> None:
    """One rebalance (R-…) whole, or a request (Q-…) or a model signal (model-signal/…) with all its rebalances."""
    from cli import commands, connections, rebalance_page, request_page
    from reading.work.history import whole
    from reading.work.rebalances import Rebalance

    found = whole(connections.books(), id_)
    told = found.as_json(commands.line)
    if form == "json":
        say.as_json(told)
    elif isinstance(found, Rebalance):
        say.show(*rebalance_page.page(found))
    else:
        say.show(*request_page.page(told))
