"""`rebalancer evaluate`: the daily evaluation, now."""

import itertools
from typing import Any

import click

from cli import connections, say

LISTED = 50  # accounts a table names of each kind


@click.command()
@click.option("--as-of", default=None, metavar="DATE", help="The day to evaluate; by default that of the last book.")
@say.format_option
def evaluate(as_of: str | None, form: str) -> int:
    """Evaluate every account with rebalancing on, and queue those that need a rebalance. Trades nothing."""
    from datetime import date

    if as_of is not None:
        try:
            as_of = date.fromisoformat(as_of).isoformat()
        except ValueError as flaw:
            raise click.UsageError(f"--as-of needs a date like 2026-11-20, not {as_of}") from flaw
    from acting import evaluate as acting
    from reading.work.evaluations import notes

    books = connections.books()
    found = connections.run(acting.evaluate(connections.temporal, as_of))
    with books.reading() as read:
        unable = notes(read, found["evaluation_id"], "unable_to_check")
        if form == "json":
            say.as_json(found | {"unable_accounts": [_as_json(note) for note in unable]})
            return 0
        within = notes(read, found["evaluation_id"], "within", LISTED)
        _show(found, list(itertools.islice(unable, LISTED)), list(within), as_of is not None)
    return 0


def _show(found: dict[str, Any], unable: list[Any], within: list[Any], asked: bool) -> None:
    """The evaluation for people: counts by reason, then who could not be checked and who has nothing to trade."""
    queued = sum(found["queued"].values())
    noun = "account" if found["evaluated"] == 1 else "accounts"
    say.show(
        f"Evaluated {found['evaluated']:,} {noun} as of {found['as_of']}: {queued:,} queued, "
        f"{found['unable_to_check']:,} unable to check, {found['within']:,} outside but with nothing to trade."
    )
    if found["queued"]:
        rows = [(reason, f"{count:,}") for reason, count in found["queued"].items()]
        say.show(say.table("", ("primary reason", "accounts"), rows, right=(1,)))
    if found["unable"]:
        rows = [(why, f"{count:,}") for why, count in found["unable"].items()]
        say.show(say.table("", ("unable to check because", "accounts"), rows, right=(1,)))
    for title, notes, count in (
        ("Unable to check:", unable, found["unable_to_check"]),
        ("Outside, but with nothing to trade:", within, found["within"]),
    ):
        if notes:
            say.show(title, *(f"  {note.account_id}  {note.message}" for note in notes))
        if count > len(notes):
            say.show(f"  and {count - len(notes):,} more: rebalancer evaluate --format json lists all unable to check")
    if asked:
        say.show(f"That is what would have been queued on {found['as_of']}: the live queue is left alone (DAY-7).")
    else:
        say.show("See the queue with its reasons: rebalancer queue")


def _as_json(note: Any) -> dict[str, Any]:
    return {"account_id": note.account_id, "why": note.why, "message": note.message, "evidence": note.evidence}
