"""Trading days of the New York Stock Exchange (XNYS): how old a price is, and when the business day ends.

The calendar library is heavy and imported where it is used; most callers need it only when a price is old.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

EXCHANGE = "XNYS"


@lru_cache(maxsize=8)
def _calendar(first_year: int, last_year: int) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(EXCHANGE, start=f"{first_year}-01-01", end=f"{last_year}-12-31")


def _around(day: date) -> Any:
    return _calendar(day.year - 1, day.year + 1)


@lru_cache(maxsize=1024)
def fresh_from(as_of: date, max_age: int) -> date:
    """The oldest date that a price may have on a day: `max_age` trading days before it (QUEUE-3).

    A day that is not a trading day counts from the last one before it.
    """
    import pandas

    calendar = _calendar(as_of.year - 1 - max_age // 250, as_of.year + 1)
    session = calendar.date_to_session(pandas.Timestamp(as_of), direction="previous")
    oldest: date = calendar.session_offset(session, -max_age).date()
    return oldest


def oldest_allowed(as_of: date, max_age: int, oldest_price: date) -> date:
    """`fresh_from`, without asking the calendar where no price is older than as many calendar days."""
    plain = as_of - timedelta(days=max_age)
    return plain if oldest_price >= plain else fresh_from(as_of, max_age)


def last_session(day: date) -> date:
    """The trading day that it is, or the last one before."""
    import pandas

    found: date = _around(day).date_to_session(pandas.Timestamp(day), direction="previous").date()
    return found


def next_close(now: datetime) -> datetime:
    """The end of the business day: the exchange's next close after `now`, early closes included, in UTC."""
    import pandas

    calendar = _around(now.date())
    close: datetime = calendar.next_close(pandas.Timestamp(now.astimezone(UTC))).to_pydatetime()
    return close.astimezone(UTC)
