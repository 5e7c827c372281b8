"""A custodian's daily statement against the books, all of it or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from acting.actors import actor
from identity.person import Person
from reading.files import feed_file
from reading.refused import Refused

if TYPE_CHECKING:
    from domain.books.deliveries import PositionLine, Problems
    from reading.files.feed_file import FeedFile
    from storage.connection import Books
    from storage.intake.statements import StatementReport


@dataclass(frozen=True, slots=True)
class Compared:
    """What a statement came to, and the columns of the file that were left out."""

    report: "StatementReport"
    ignored: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The public form."""
        return _as_json(self.report, self.ignored)


def compare(books: "Books", person: Person, file: Path, feed: str | None, day: date | None, today: date) -> Compared:
    """Compares a statement of a day with the books, and books what is beyond doubt. Refused with every problem."""
    from domain.books.deliveries import Problems, cash_symbols
    from storage.intake.prices import latest_day
    from storage.intake.statements import load_statement

    problems, latest = Problems(), latest_day(books, today)
    with books.transaction() as read:
        cash = cash_symbols(read.market.is_security("CASH"))
    of_feed = feed_file.read(books, file, "positions", feed, today, problems)
    source = feed_file.source_of(file, of_feed)
    with _opened(file, of_feed, cash, latest, problems) as (lines, ignored):
        dated = (_on(day, each, problems) for each in lines)
        sender = of_feed.chosen.feed.sender if of_feed else ""
        without_cash = of_feed is not None and of_feed.reading.without_cash
        report = load_statement(books, dated, problems, source, today, actor(person), sender, without_cash)
    report.notes = of_feed.notes if of_feed else []
    return Compared(report, ignored)


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
        "breaks_still_open": report.still_open,
        "left_out": report.left_out,
        "notes": report.notes,
        "unknown_accounts": report.unknown_accounts,
        "unknown_symbols": report.unknown_symbols,
        "ignored_columns": list(ignored),
    }
