"""Trading days of the New York Stock Exchange: weekends, holidays, early closes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from policy import trading_days


@pytest.mark.parametrize(
    ("as_of", "age", "oldest"),
    [
        ("2026-11-20", 0, "2026-11-20"),  # a Friday
        ("2026-11-20", 3, "2026-11-17"),
        ("2026-11-23", 3, "2026-11-18"),  # over a weekend
        ("2026-11-22", 3, "2026-11-17"),  # a Sunday counts from Friday
        ("2026-11-30", 3, "2026-11-24"),  # 26 November is Thanksgiving
        ("2026-01-02", 1, "2025-12-31"),  # over New Year
    ],
)
def test_fresh_from(as_of: str, age: int, oldest: str) -> None:
    assert trading_days.fresh_from(date.fromisoformat(as_of), age) == date.fromisoformat(oldest)


@pytest.mark.parametrize("oldest_price", ["2026-11-17", "2026-11-16", "2026-11-10", "2020-01-02"])
def test_the_calendar_is_asked_only_where_it_matters(oldest_price: str) -> None:
    """Whatever shortcut is taken, the same prices are too old."""
    price = date.fromisoformat(oldest_price)
    allowed = trading_days.oldest_allowed(date(2026, 11, 20), 3, price)
    assert (price < allowed) == (price < trading_days.fresh_from(date(2026, 11, 20), 3))


@pytest.mark.parametrize(
    ("now", "close"),
    [
        ("2026-11-20T15:00", "2026-11-20T21:00"),  # 16:00 in New York, winter time
        ("2026-07-15T15:00", "2026-07-15T20:00"),  # summer time
        ("2026-11-20T21:30", "2026-11-23T21:00"),  # after the close: Monday's
        ("2026-11-27T12:00", "2026-11-27T18:00"),  # the day after Thanksgiving closes at 13:00
        ("2026-12-24T12:00", "2026-12-24T18:00"),
        ("2026-11-26T15:00", "2026-11-27T18:00"),  # a holiday
        ("2026-11-21T15:00", "2026-11-23T21:00"),  # a Saturday
    ],
)
def test_the_business_day_ends_at_the_exchanges_close(now: str, close: str) -> None:
    found = trading_days.next_close(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(close).replace(tzinfo=UTC)
    assert found.utcoffset() == timedelta(0)
