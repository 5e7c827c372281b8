"""`rebalancer positions`: a custodian's daily statement against the books, all of it or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say
from reading.files import feed_file
from reading.refused import Refused

if TYPE_CHECKING:
    from datetime import date

    from domain.books.deliveries import PositionLine, Problems
    from reading.files.feed_file import FeedFile
    from storage.intake.statements import StatementReport

NAMED = 10  # of what was left out or not understood; the JSON has all


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.feed_option
@click.option(
    "--date", "given", default=None, metavar="DATE", help="Of which day the statement is, where it doesn't say."
)
@say.by_option
@say.format_option
def positions(file: Path, feed: str | None, given: str | None, by: str | None, form: str) -> int:
    """Compare a custodian's positions and cash in FILE with the books; all or nothing.

    FILE is as a custodian exports it (`rebalancer feed list`), or CSV in our own format:

    Columns account_id, symbol and quantity, and as_of unless --date gives it; cash is CASH or an empty symbol, a line
    each account.
    Money that came or went, and shares of the managed sleeve, are booked; any other difference becomes a break.
    """
    from cli import connections
    from domain.books.deliveries import Problems, cash_symbols
    from storage.actor import Actor
    from storage.intake.prices import latest_day
    from storage.intake.statements import load_statement

    day = say.day("--date", given)
    books, today, problems = connections.books(), connections.today(), Problems()
    latest = latest_day(books, today)
    with books.transaction() as read:
        cash = cash_symbols(read.market.is_security("CASH"))
    of_feed = feed_file.read(books, file, "positions", feed, today, problems)
    source = feed_file.source_of(file, of_feed)
    with _opened(file, of_feed, cash, latest, problems) as (lines, ignored):
        dated = (_on(day, each, problems) for each in lines)
        sender = of_feed.chosen.feed.sender if of_feed else ""
        without_cash = of_feed is not None and of_feed.reading.without_cash
        report = load_statement(books, dated, problems, source, today, Actor(say.who(by)), sender, without_cash)
    report.notes = of_feed.notes if of_feed else []
    if form == "json":
        say.as_json(_as_json(report, ignored))
        return 0
    for told in _told(file, report, ignored):
        click.echo(told)
    return 0


@contextmanager
def _opened(
    file: Path, of_feed: "FeedFile | None", cash: frozenset[str], latest: "date", problems: "Problems"
) -> "Iterator[tuple[Iterator[PositionLine], tuple[str, ...]]]":
    """The lines of the file, and the columns that are left out, while the block runs."""
    from domain.books.deliveries import POSITION_COLUMNS, STATEMENT_DAY, DeliveryRefused, read_position
    from reading.files import delivery_file

    if of_feed is not None:
        try:
            yield of_feed.positions(cash, latest, problems), ()
        except DeliveryRefused as flaw:
            raise Refused(delivery_file.refusal(file, flaw)) from flaw
        return
    with delivery_file.opened(file, POSITION_COLUMNS, (STATEMENT_DAY,), problems) as delivered:
        read = (read_position(line, texts, cash, latest, problems) for line, texts in delivered.lines)
        yield (each for each in read if each is not None), delivered.ignored


def _on(day: "date | None", line: "PositionLine", problems: "Problems") -> "PositionLine":
    """The line of the day that was given; a file that says another is refused."""
    if day is None:
        return line
    if line.as_of is not None and line.as_of != day:
        problems.add(line.line, f"is of {line.as_of}, and --date says {day}")
    return replace(line, as_of=day)


def _as_json(report: "StatementReport", ignored: tuple[str, ...]) -> dict[str, object]:
    return {
        "lines": report.lines,
        "accounts": report.accounts,
        "changed": report.changed,
        "cash_booked": report.cash,
        "positions_booked": report.positions,
        "withdrawals_paid": report.paid,
        "breaks": report.breaks,
        "breaks_closed": report.closed,
        "left_out": report.left_out,
        "notes": report.notes,
        "unknown_accounts": report.unknown_accounts,
        "unknown_symbols": report.unknown_symbols,
        "ignored_columns": list(ignored),
    }


def _told(file: Path, report: "StatementReport", ignored: tuple[str, ...]) -> Iterator[str]:
    changed = bool(report.changed or report.breaks or report.closed)
    noun = "account" if report.accounts == 1 else "accounts"
    if changed:
        yield f"{file} compared with the books: {report.accounts:,} {noun}, {report.changed:,} changed"
        yield f"  booked          cash of {report.cash:,}, positions {report.positions:,}, of the managed sleeve"
    else:
        yield f"{file} is what the books have: nothing changes ({report.accounts:,} {noun})"
    if report.paid:
        yield f"  withdrawals     {report.paid:,} paid"
    if report.closed:
        yield f"  breaks closed   {report.closed:,} whose figures agree again (BREAK-1)"
    if report.breaks:
        yield f"  breaks          {report.breaks:,} that somebody has to resolve: rebalancer breaks"
    for account_id, why in list(report.left_out.items())[:NAMED]:
        yield f"  left out        {account_id}: {why}"
    if len(report.left_out) > NAMED:
        yield f"  left out        … and {len(report.left_out) - NAMED:,} more"
    for note in report.notes[:NAMED]:
        yield f"  besides         {note}"
    if len(report.notes) > NAMED:
        yield f"  besides         … and {len(report.notes) - NAMED:,} more"
    yield from _unknown("accounts that nobody knows", report.unknown_accounts)
    yield from _unknown("symbols that no security has", report.unknown_symbols)
    if ignored:
        yield f"  left out        columns {', '.join(ignored)}"
    if report.changed:
        yield "Next: rebalancer evaluate"


def _unknown(what: str, lines: dict[str, int]) -> Iterator[str]:
    if lines:
        more = f" and {len(lines) - NAMED:,} more" if len(lines) > NAMED else ""
        count = sum(lines.values())
        noun = "line" if count == 1 else "lines"
        yield f"  not understood  {count:,} {noun}, {what}: {', '.join(list(lines)[:NAMED])}{more}"
