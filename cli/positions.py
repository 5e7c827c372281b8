"""`rebalancer positions`: a custodian's daily statement against the books, all of it or nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say

if TYPE_CHECKING:
    from storage.statements import StatementReport

NAMED = 10  # of what was left out or not understood; the JSON has all


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.by_option
@say.format_option
def positions(file: Path, by: str | None, form: str) -> int:
    """Compare a custodian's positions and cash in FILE, a CSV file, with the books; all or nothing.

    Columns account_id, symbol and quantity, and as_of if wanted; cash is CASH or an empty symbol, a line each account.
    Money that came or went, and shares of the managed sleeve, are booked; any other difference becomes a break.
    """
    from cli import connections, delivery_file
    from domain.deliveries import POSITION_COLUMNS, STATEMENT_DAY, Problems, cash_symbols, read_position
    from storage.connection import Actor
    from storage.prices import latest_day
    from storage.statements import load_statement

    books, today, problems = connections.books(), connections.today(), Problems()
    latest = latest_day(books, today)
    with books.transaction() as read:
        cash = cash_symbols(read.market.is_security("CASH"))
    with delivery_file.opened(file, POSITION_COLUMNS, (STATEMENT_DAY,), problems) as delivered:
        lines = (read_position(line, texts, cash, latest, problems) for line, texts in delivered.lines)
        report = load_statement(
            books, (each for each in lines if each is not None), problems, file.name, today, Actor(say.who(by))
        )
    if form == "json":
        say.as_json(_as_json(report, delivered.ignored))
        return 0
    for told in _told(file, report, delivered.ignored):
        click.echo(told)
    return 0


def _as_json(report: "StatementReport", ignored: tuple[str, ...]) -> dict[str, object]:
    return {
        "lines": report.lines,
        "accounts": report.accounts,
        "changed": report.changed,
        "cash_booked": report.cash,
        "positions_booked": report.positions,
        "withdrawals_paid": report.paid,
        "breaks": report.breaks,
        "left_out": report.left_out,
        "unknown_accounts": report.unknown_accounts,
        "unknown_symbols": report.unknown_symbols,
        "ignored_columns": list(ignored),
    }


def _told(file: Path, report: "StatementReport", ignored: tuple[str, ...]) -> Iterator[str]:
    changed = bool(report.changed or report.breaks)
    noun = "account" if report.accounts == 1 else "accounts"
    if changed:
        yield f"{file} compared with the books: {report.accounts:,} {noun}, {report.changed:,} changed"
        yield f"  booked          cash of {report.cash:,}, positions {report.positions:,}, of the managed sleeve"
    else:
        yield f"{file} is what the books have: nothing changes ({report.accounts:,} {noun})"
    if report.paid:
        yield f"  withdrawals     {report.paid:,} paid"
    if report.breaks:
        yield f"  breaks          {report.breaks:,} that somebody has to resolve: rebalancer breaks"
    for account_id, why in list(report.left_out.items())[:NAMED]:
        yield f"  left out        {account_id}: {why}"
    if len(report.left_out) > NAMED:
        yield f"  left out        … and {len(report.left_out) - NAMED:,} more"
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
