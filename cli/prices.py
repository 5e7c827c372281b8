"""`rebalancer prices`: closing prices from a file into the database, all of it or nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say
from reading.files import feed_file

if TYPE_CHECKING:
    from storage.intake.prices import PriceReport

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
    from cli import connections
    from domain.books.deliveries import PRICE_COLUMNS, Problems, read_price
    from storage.actor import Actor
    from storage.intake.prices import latest_day, load_prices

    books, today, problems = connections.books(dry_run), connections.today(), Problems()
    latest = latest_day(books, today)
    of_feed = feed_file.read(books, file, "prices", feed, today, problems)
    source = feed_file.source_of(file, of_feed)
    with feed_file.opened(file, of_feed, PRICE_COLUMNS, problems) as delivered:
        read = (read_price(line, texts, latest, problems) for line, texts in delivered.lines)
        lines = (each for each in read if each is not None)
        report = load_prices(books, lines, problems, source, today, Actor(say.who(by)), accepted)
    say.rehearsed(dry_run)
    if form == "json":
        say.as_json(_as_json(report, delivered.ignored))
        return 0
    for told in _told(file, report, delivered.ignored):
        click.echo(told)
    return 0


def _as_json(report: "PriceReport", ignored: tuple[str, ...]) -> dict[str, object]:
    return {
        "lines": report.lines,
        "new": report.new,
        "corrected": report.corrected,
        "unchanged": report.unchanged,
        "unknown_symbols": report.unknown,
        "held_back": {f"{each.symbol} {each.day}": each.why for each in report.held_back},
        "ignored_columns": list(ignored),
        "business_day": None if report.day_now is None else str(report.day_now),
        "business_day_before": None if report.day_before is None else str(report.day_before),
        "not_the_business_day": [
            {"day": str(each.day), "why": each.why, "missing": list(each.missing)} for each in report.stays
        ],
    }


def _told(file: Path, report: "PriceReport", ignored: tuple[str, ...]) -> Iterator[str]:
    known = report.new + report.corrected + report.unchanged
    if report.changed_anything:
        yield f"{file} loaded, business day {report.day_now}" + (
            f" (was {report.day_before})" if report.day_now != report.day_before else ""
        )
        yield f"  prices          {report.new:,} new, {report.corrected:,} corrected, {report.unchanged:,} unchanged"
    else:
        yield f"{file} was loaded already: nothing changes ({known:,} prices as in the file)"
    for each in report.held_back[:NAMED]:
        yield f"  held back       {each.symbol} of {each.day}: {each.why}"
    if len(report.held_back) > NAMED:
        yield f"  held back       … and {len(report.held_back) - NAMED:,} more"
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
