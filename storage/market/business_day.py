"""The business day: as of which the books are valued. Prices move it forward, where they cover what is held (DAY-4).

One slipped date, or a file of one symbol, moves nothing: the prices are there, the day stays, and what is missing is
said. It moves back only by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, exists, select

from policy import trading_days
from storage.schema.tables import holdings, prices, securities, sleeves
from storage.values import by_key

NAMED = 10  # of the securities that have no price


@dataclass(frozen=True, slots=True)
class Stays:
    """Why a day did not become the business day. `missing` are held and have no price of it."""

    day: date
    why: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The newest of some days that may be the business day, and why the newer ones may not."""

    day: date | None
    stays: tuple[Stays, ...]


def newest(connection: Connection, days: Iterable[date], today: date, coverage: Decimal) -> Found:
    """The newest of the days that is a session, not after today, and priced for `coverage` of what is held."""
    stays: list[Stays] = []
    for day in sorted(set(days), reverse=True):
        why = _hindered(connection, day, today, coverage)
        if why is None:
            return Found(day, tuple(stays))
        stays.append(why)
    return Found(None, tuple(stays))


def _hindered(connection: Connection, day: date, today: date, coverage: Decimal) -> Stays | None:
    if day > today:
        return Stays(day, f"it is after today, {today}")
    if trading_days.last_session(day) != day:
        return Stays(day, "the exchange does not trade on it")
    # CHECK-1: nobody needs a price of what is worthless, or protected alone.
    counts = (holdings.c.symbol == securities.c.symbol) & (holdings.c.sleeve_id == sleeves.c.id)
    counts &= (sleeves.c.status == "open") & (sleeves.c.kind != "protected")
    held = list(
        connection.scalars(
            select(securities.c.symbol)
            .where(~securities.c.worthless, exists().where(counts))
            .order_by(by_key(securities.c.symbol))
        )
    )
    priced = set(connection.scalars(select(prices.c.symbol).where(prices.c.as_of == day)))
    missing = tuple(symbol for symbol in held if symbol not in priced)
    there = len(held) - len(missing)
    if not held or Decimal(there) >= coverage * len(held):
        return None
    more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
    return Stays(
        day,
        f"{there:,} of {len(held):,} securities held have a price of it, and {coverage * 100:.0f} % are needed: "
        f"{', '.join(missing[:NAMED])}{more} {'have' if len(missing) > 1 else 'has'} none",
        missing,
    )
