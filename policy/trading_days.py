"""Trading days of the New York Stock Exchange (XNYS): how old a price is, and when the business day ends.

The calendar library is heavy and imported where it is used; most callers need it only when a price is old.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from policy.clock import exchange_day
from policy.closures import closures, early_close, is_closed

EXCHANGE = "XNYS"


def load() -> None:
    """Loads what calendars are made with, a second's work: done before a worker takes its first step, no transaction
    waits for it.
    """
    import exchange_calendars  # noqa: F401
    import pandas  # noqa: F401


@lru_cache(maxsize=8)
def _calendar(first_year: int, last_year: int) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(EXCHANGE, start=f"{first_year}-01-01", end=f"{last_year}-12-31")


def _around(day: date) -> Any:
    return _calendar(day.year - 1, day.year + 1)


def fresh_from(as_of: date, max_age: int) -> date:
    """The oldest date that a price may have on a day: `max_age` trading days before it (QUEUE-3).

    A day that is not a trading day counts from the last one before it.
    """
    return _sessions_back(as_of, max_age, tuple(closures()))


@lru_cache(maxsize=1024)
def _sessions_back(as_of: date, count: int, declared: tuple[date, ...]) -> date:
    import pandas

    calendar = _calendar(as_of.year - 1 - count // 250, as_of.year + 1)
    session = calendar.date_to_session(pandas.Timestamp(as_of), direction="previous")
    while is_closed(session.date()):
        session = calendar.previous_session(session)
    for _ in range(count):
        session = calendar.previous_session(session)
        while is_closed(session.date()):
            session = calendar.previous_session(session)
    oldest: date = session.date()
    return oldest


def oldest_allowed(as_of: date, max_age: int, oldest_price: date) -> date:
    """`fresh_from`, without asking the calendar where no price is older than as many calendar days."""
    plain = as_of - timedelta(days=max_age)
    return plain if oldest_price >= plain else fresh_from(as_of, max_age)


def last_session(day: date) -> date:
    """The trading day that it is, or the last one before."""
    return fresh_from(day, 0)


def next_close(now: datetime) -> datetime:
    """The end of the business day: the exchange's next close after `now`, early closes included, in UTC (DAY-6)."""
    close = _first_close(now.astimezone(UTC).date())
    if close <= now:
        close = _first_close(close.date() + timedelta(days=1))
    day = exchange_day(close)
    early = early_close(day)
    if is_closed(day) or (early is not None and early <= now):
        return next_close(close)
    return close if early is None else min(close, early.astimezone(UTC))


@lru_cache(maxsize=64)
def _first_close(day: date) -> datetime:
    """The calendar's first close on a day in UTC, or after it. Its answer takes a third of a millisecond."""
    import pandas

    close: datetime = _around(day).next_close(pandas.Timestamp(day, tz=UTC)).to_pydatetime().astimezone(UTC)
    return close


class Session(NamedTuple):
    """A trading day from its open to its close, early ones included, in UTC. The close is no longer in it."""

    opens: datetime
    closes: datetime


def session(now: datetime) -> Session:
    """The session that there is at a moment, or the next one (DAY-6)."""
    import pandas

    close = next_close(now)
    day = exchange_day(close)
    opens: datetime = _around(day).session_open(pandas.Timestamp(day)).to_pydatetime().astimezone(UTC)
    return Session(opens, close)


def trade_date(now: datetime) -> date:
    """The day on which an order of now would trade: today's session until its close, then the next (DAY-2)."""
    return exchange_day(next_close(now))
