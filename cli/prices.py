"""`rebalancer prices`: closing prices from a file into the database, all of it or nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import persons, say
from reading import words

if TYPE_CHECKING:
    from acting.reports import PriceReport

NAMED = 10  # of what was not understood; the JSON has all


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.feed_option
@click.option(
    "--accept-jump", "accepted", multiple=True, metavar="SYMBOL", help="A symbol whose jump somebody has looked at."
)
@say.dry_run_option
@say.by_option
@say.format_option
def prices(file: Path, feed: str | None, accepted: tuple[str, ...], dry_run: bool, by: str | None, form: str) -> int:
    """Load closing prices from FILE; all or nothing.

    FILE is as a vendor sends it (`rebalancer feed list`), or CSV or Parquet with the columns symbol, date and close.

    Symbols that no security has are left out and named. So is a price that jumps against the last close (policy
    price_jump), unless a split says why (`rebalancer corporate-actions`) or --accept-jump names it. A newer date
    becomes the business day where its prices cover what is held (DAY-4). Loading the same file again changes nothing.
    """
    from acting.prices import load
    from cli import connections

    done = load(connections.books(dry_run), persons.person(by, "load"), file, feed, accepted, connections.today())
    say.rehearsed(dry_run)
    if form == "json":
        say.as_json(done.as_json())
        return 0
    for told in _told(file, done.report, done.ignored):
        click.echo(told)
    return 0


def _told(file: Path, report: "PriceReport", ignored: tuple[str, ...]) -> Iterator[str]:
    known = report.new + report.corrected + report.unchanged
    if report.changed_anything:
        yield f"{file} loaded, business day {report.day_now}" + (
            f" (was {report.day_before})" if report.day_now != report.day_before else ""
        )
        yield f"  prices          {report.new:,} new, {report.corrected:,} corrected, {report.unchanged:,} unchanged"
    else:
        yield f"{file} was loaded already: nothing changes ({words.counted(known, 'price')} as in the file)"
    for each in report.held_back[:NAMED]:
        yield f"  held back       {each.symbol} of {each.day}: {each.why}"
    if len(report.held_back) > NAMED:
        yield f"  held back       … and {len(report.held_back) - NAMED:,} more"
    if any(each.jumps for each in report.held_back):
        splits, right = "a split comes by rebalancer corporate-actions", "what is right, with --accept-jump SYMBOL"
        yield f"                  {splits}; {right}"
    for newer in report.stays:
        yield f"  business day    stays {report.day_now}, and is not {newer.day}: {newer.why} (DAY-4)"
    if report.unknown:
        named = ", ".join(list(report.unknown)[:NAMED])
        more = f" and {len(report.unknown) - NAMED:,} more" if len(report.unknown) > NAMED else ""
        lines = sum(report.unknown.values())
        yield f"  not understood  {lines:,} of {report.lines:,} lines, no security has their symbol: {named}{more}"
    if ignored:
        yield f"  left out        columns {', '.join(ignored)}"
    if report.changed_anything:
        yield "Next: rebalancer evaluate"
