"""Trading days of the New York Stock Exchange: weekends, holidays, early closes."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from policy import PolicyRefused, closures, trading_days
from workflows.schedule import holidays


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


# --- closures that no calendar knew (DAY-8)

CLOSED = """closures:
  - {day: 2026-11-23, because: "a day of mourning"}
  - {day: 2026-11-25, until: "13:00", because: "a storm"}
"""


@pytest.mark.parametrize(
    ("now", "close"),
    [
        ("2026-11-20T15:00:00+00:00", "2026-11-20T21:00:00+00:00"),
        ("2026-11-21T15:00:00+00:00", "2026-11-24T21:00:00+00:00"),  # Monday the 23rd is none
        ("2026-11-25T15:00:00+00:00", "2026-11-25T18:00:00+00:00"),
        ("2026-11-25T18:00:00+00:00", "2026-11-27T18:00:00+00:00"),  # the 26th is Thanksgiving, the 27th closes early
    ],
)
def test_a_declared_closure_is_no_trading_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, close: str
) -> None:
    (tmp_path / "closures.yaml").write_text(CLOSED)
    monkeypatch.setenv(closures.FIRM_FILE, str(tmp_path / "closures.yaml"))
    at = datetime.fromisoformat(now)
    assert trading_days.next_close(at) == datetime.fromisoformat(close)
    assert trading_days.trade_date(at) == date.fromisoformat(close[:10])
    assert trading_days.fresh_from(date(2026, 11, 24), 1) == date(2026, 11, 20)
    assert trading_days.last_session(date(2026, 11, 23)) == date(2026, 11, 20)
    assert date(2026, 11, 23) in holidays(date(2026, 11, 20), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("closures: 3", "a list is needed"),
        ("closures: [{day: 2026-11-23}]", "a closure needs day and because"),
        ('closures: [{day: soon, because: "x"}]', "a date like 2026-12-24 is needed"),
        ('closures: [{day: 2026-11-23, until: "noon", because: "x"}]', "Invalid isoformat string"),
        ("{", "can't be used"),
    ],
)
def test_a_file_of_closures_that_can_not_be_used_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    path = tmp_path / "closures.yaml"
    path.write_text(text)
    monkeypatch.setenv(closures.FIRM_FILE, str(path))
    with pytest.raises(PolicyRefused, match=told):
        trading_days.fresh_from(date(2026, 11, 24), 1)
