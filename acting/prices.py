"""Closing prices from a file into the database, all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from acting.actors import actor
from identity.person import Person
from reading.files import feed_file

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.intake.prices import PriceReport


@dataclass(frozen=True, slots=True)
class PricesLoaded:
    """What a file of prices changed, and the columns of it that were left out."""

    report: "PriceReport"
    ignored: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The public form."""
        return _as_json(self.report, self.ignored)


def load(
    books: "Books", person: Person, file: Path, feed: str | None, accepted: Sequence[str], today: date
) -> PricesLoaded:
    """Loads closing prices; `accepted` are symbols whose jump somebody has looked at. Refused with every problem.

    Over a `Rehearsal` of the books it only checks, and reports the same.
    """
    from domain.books.deliveries import PRICE_COLUMNS, Problems, read_price
    from storage.intake.prices import latest_day, load_prices

    problems, latest = Problems(), latest_day(books, today)
    of_feed = feed_file.read(books, file, "prices", feed, today, problems)
    source = feed_file.source_of(file, of_feed)
    with feed_file.opened(file, of_feed, PRICE_COLUMNS, problems) as delivered:
        read = (read_price(line, texts, latest, problems) for line, texts in delivered.lines)
        lines = (each for each in read if each is not None)
        report = load_prices(books, lines, problems, source, today, actor(person), tuple(accepted))
    return PricesLoaded(report, delivered.ignored)


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
