"""Prices: a delivered file into the market, all of it or nothing, and the business day that moves with it.

The lines go by COPY into a table of the transaction, and from there in a few statements to where they belong, so that
a file of any size needs the memory of one line.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Date, Integer, MetaData, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.books.deliveries import MAX_PROBLEMS, PriceLine, Problems
from domain.values.money import plain
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.copying import copy_rows
from storage.intake.delivered_files import Source, keep
from storage.market.business_day import Stays, newest
from storage.market.market import take_turn
from storage.market.price_jumps import HeldBack, hold_back
from storage.record.audit import AuditEntry
from storage.schema.tables import MONEY, prices, securities
from storage.values import by_key, exact

SLIP = timedelta(days=7)  # a price of a day further ahead than this is a slip of the pen
AT_ONCE = 1000  # corrected prices an audit record
DELIVERED = Table(
    "delivered_prices",
    MetaData(),
    Column("line", Integer),
    Column("symbol", Text),
    Column("as_of", Date),
    Column("price", MONEY),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(slots=True)
class PriceReport:
    """What a file of prices changed, in lines. `unknown` are the symbols that no security has, with their lines."""

    lines: int = 0
    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    held_back: list[HeldBack] = field(default_factory=list)
    day_before: date | None = None
    day_now: date | None = None
    stays: tuple[Stays, ...] = ()  # newer days of the file that did not become the business day, and why

    @property
    def changed_anything(self) -> bool:
        """False where the database had all of it already."""
        return bool(self.new or self.corrected or self.day_before != self.day_now)


def latest_day(books: Books, today: date) -> date:
    """The last day that a price may be of."""
    with books.transaction() as transaction:
        day = transaction.market.book_day()
    return max(today, day.as_of if day else today) + SLIP


def load_prices(
    books: Books,
    lines: Iterable[PriceLine],
    problems: Problems,
    source: Source,
    today: date,
    actor: Actor,
    accepted: Collection[str] = (),
) -> PriceReport:
    """Stores the prices of a file. Raises DeliveryRefused with its problems: then nothing has changed.

    `problems` takes those of the lines while they are read, and those that only the whole file shows. Symbols that no
    security has are left out and told, and so are prices that jump; `accepted` are symbols that may. A newer day
    that covers what is held becomes the business day (DAY-4).
    """
    with books.transaction(actor) as transaction:
        connection = transaction.connection
        DELIVERED.create(connection)
        columns = ("line", "symbol", "as_of", "price")
        copy_rows(connection, DELIVERED, columns, ((each.line, each.symbol, each.day, each.close) for each in lines))
        take_turn(connection)
        _refuse_repeated(connection, problems)
        report = PriceReport(unknown=_unknown(connection))
        report.lines = connection.scalar(select(func.count()).select_from(DELIVERED)) or 0
        if not problems.count and report.lines == sum(report.unknown.values()):
            shown = ", ".join(list(report.unknown)[:10])
            problems.add(0, f"no symbol is known ({shown}): load a book first" if shown else "there is no price in it")
        problems.refuse()
        keep(transaction, source, "prices")
        limit = transaction.market.policy(today).price_jump
        report.held_back = hold_back(connection, limit, accepted)
        _store(transaction, report, source)
        _move_day(transaction, report, today)
        if report.changed_anything:
            _record(transaction, report, source, accepted)
        return report


def _refuse_repeated(connection: Connection, problems: Problems) -> None:
    first = func.min(DELIVERED.c.line).over(partition_by=(DELIVERED.c.symbol, DELIVERED.c.as_of))
    numbered = select(DELIVERED, first.label("first")).subquery()
    repeated = select(numbered).where(numbered.c.line > numbered.c.first).order_by(numbered.c.line)
    for row in connection.execute(repeated.limit(MAX_PROBLEMS + 1)):
        problems.add(row.line, f"{row.symbol} of {row.as_of} is on line {row.first} already")


def _unknown(connection: Connection) -> dict[str, int]:
    """The symbols that no security has, each with its number of lines."""
    query = (
        select(DELIVERED.c.symbol, func.count())
        .select_from(DELIVERED.outerjoin(securities, securities.c.symbol == DELIVERED.c.symbol))
        .where(securities.c.symbol.is_(None))
        .group_by(DELIVERED.c.symbol)
        .order_by(by_key(DELIVERED.c.symbol))
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _store(transaction: Transaction, report: PriceReport, source: Source) -> None:
    """New prices, and those that differ from what was there."""
    connection = transaction.connection
    known = DELIVERED.join(securities, securities.c.symbol == DELIVERED.c.symbol)
    there = known.join(prices, (prices.c.symbol == DELIVERED.c.symbol) & (prices.c.as_of == DELIVERED.c.as_of))
    kept = connection.scalar(select(func.count()).select_from(there)) or 0
    corrections = connection.execute(
        select(
            DELIVERED.c.symbol,
            DELIVERED.c.as_of,
            exact(prices.c.price).label("before"),
            exact(DELIVERED.c.price).label("after"),
        )
        .select_from(there)
        .where(prices.c.price != DELIVERED.c.price)
        .order_by(by_key(DELIVERED.c.symbol), DELIVERED.c.as_of)
    ).all()
    line = insert(prices).from_select(
        ["symbol", "as_of", "price"],
        select(DELIVERED.c.symbol, DELIVERED.c.as_of, DELIVERED.c.price).select_from(known),
    )
    connection.execute(
        line.on_conflict_do_update(
            index_elements=["symbol", "as_of"],
            set_={"price": line.excluded.price},
            where=prices.c.price != line.excluded.price,
        )
    )
    report.new = report.lines - sum(report.unknown.values()) - len(report.held_back) - kept
    report.corrected = len(corrections)
    report.unchanged = kept - report.corrected
    transaction.audit.record_all(
        _correction(corrections[at : at + AT_ONCE], source) for at in range(0, len(corrections), AT_ONCE)
    )


def _correction(rows: Sequence[Any], source: Source) -> AuditEntry:
    return AuditEntry(
        "prices corrected",
        before={f"{row.symbol} {row.as_of}": plain(row.before) for row in rows},
        after={"source": source.name, **{f"{row.symbol} {row.as_of}": plain(row.after) for row in rows}},
    )


def _move_day(transaction: Transaction, report: PriceReport, today: date) -> None:
    """The newest day of the file's that covers what is held becomes the business day, where it is after it (DAY-4)."""
    known = DELIVERED.join(securities, securities.c.symbol == DELIVERED.c.symbol)
    day = transaction.market.book_day()
    report.day_before = report.day_now = day.as_of if day else None
    if day is None:
        return
    newer = select(DELIVERED.c.as_of).select_from(known).where(DELIVERED.c.as_of > day.as_of).distinct()
    coverage = transaction.market.policy(day.as_of).price_coverage
    found = newest(transaction.connection, transaction.connection.scalars(newer), today, coverage)
    report.stays = found.stays
    if found.day is not None:
        transaction.market.move_book_day(found.day)
        report.day_now = found.day


def _record(transaction: Transaction, report: PriceReport, source: Source, accepted: Collection[str]) -> None:
    transaction.audit.record(
        "price file loaded",
        after={
            "source": source.name,
            "sha256": source.sha256,
            "new": report.new,
            "corrected": report.corrected,
            "unchanged": report.unchanged,
            "unknown_symbols": len(report.unknown),
            "held_back": [f"{each.symbol} {each.day}" for each in report.held_back],
            "accepted": sorted(accepted),
            "business_day": str(report.day_now),
        },
    )
