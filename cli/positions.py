"""`rebalancer positions`: a custodian's daily statement against the books, all of it or nothing."""

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import persons, say

if TYPE_CHECKING:
    from acting.reports import StatementReport

NAMED = 10  # of what was left out or not understood; the JSON has all


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.feed_option
@click.option(
    "--date", "given", default=None, metavar="DATE", help="Of which day the statement is, where it doesn't say."
)
@say.dry_run_option
@say.by_option
@say.format_option
def positions(file: Path, feed: str | None, given: str | None, dry_run: bool, by: str | None, form: str) -> int:
    """Compare a custodian's positions and cash in FILE with the books; all or nothing.

    FILE is as a custodian exports it (`rebalancer feed list`), or CSV in our own format:

    Columns account_id, symbol and quantity, and as_of unless --date gives it; cash is CASH or an empty symbol, a line
    each account.
    Money that came or went, and shares of the managed sleeve, are booked; any other difference becomes a break.
    """
    from acting.positions import compare
    from cli import connections

    day = say.day("--date", given)
    done = compare(connections.books(dry_run), persons.person(by, "load"), file, feed, day, connections.today())
    say.rehearsed(dry_run)
    if form == "json":
        say.as_json(done.as_json())
        return 0
    for told in _told(file, done.report, done.ignored):
        click.echo(told)
    return 0


def _told(file: Path, report: "StatementReport", ignored: tuple[str, ...]) -> Iterator[str]:
    noun = "account" if report.accounts == 1 else "accounts"
    if report.is_equal:
        yield f"{file} is what the books have: nothing changes ({report.accounts:,} {noun})"
    else:
        yield f"{file} compared with the books: {report.accounts:,} {noun}, {report.changed:,} changed"
    if report.changed:
        yield f"  booked          cash of {report.cash:,}, positions {report.positions:,}, of the managed sleeve"
    if report.paid:
        yield f"  withdrawals     {report.paid:,} paid"
    if report.closed:
        yield f"  breaks closed   {report.closed:,} whose figures agree again (BREAK-1)"
    if report.breaks:
        yield f"  breaks          {report.breaks:,} that somebody has to resolve: rebalancer breaks"
    if report.still_open:
        yield f"  breaks open     {report.still_open:,}, with the same figures as before: rebalancer breaks"
    for account_id, why in list(report.left_out.items())[:NAMED]:
        yield f"  left out        {account_id}: {why}"
    yield from _more("left out", report.left_out)
    for note in report.notes[:NAMED]:
        yield f"  besides         {note}"
    yield from _more("besides", report.notes)
    yield from _unknown("accounts that nobody knows", report.unknown_accounts)
    yield from _unknown("symbols that no security has", report.unknown_symbols)
    if ignored:
        yield f"  left out        columns {', '.join(ignored)}"
    if report.changed:
        yield "Next: rebalancer evaluate"


def _more(what: str, listed: Sized) -> Iterator[str]:
    if len(listed) > NAMED:
        yield f"  {what:14}  … and {len(listed) - NAMED:,} more"


def _unknown(what: str, lines: dict[str, int]) -> Iterator[str]:
    if lines:
        more = f" and {len(lines) - NAMED:,} more" if len(lines) > NAMED else ""
        count = sum(lines.values())
        noun = "line" if count == 1 else "lines"
        yield f"  not understood  {count:,} {noun}, {what}: {', '.join(list(lines)[:NAMED])}{more}"
