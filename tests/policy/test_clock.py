"""One clock, handed in from outside (DAY-1)."""

import ast
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from policy.clock import AHEAD, Clock, exchange_day, machine_now, the_clock
from tests.clock import now_chosen
from tests.days import DAYS

pytestmark = pytest.mark.clock
PROJECT = Path(__file__).parents[2]
ASKING = {"now", "utcnow", "today"}  # methods of datetime and date
LAYERS = ("domain", "policy", "storage", "venues", "activities", "workflows", "cli", "devstack")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-11-21T04:59:59Z", "2026-11-20"),  # a minute to midnight in New York
        ("2026-11-21T05:00:00Z", "2026-11-21"),
        ("2026-11-21T00:30:00+09:00", "2026-11-20"),
        ("2027-03-14T04:59:00Z", "2027-03-13"),  # UTC-5, until clocks go forward at 07:00 UTC
        ("2027-03-15T03:59:00Z", "2027-03-14"),  # UTC-4
        ("2027-03-15T04:00:00Z", "2027-03-15"),
        ("2027-11-07T03:59:00Z", "2027-11-06"),  # UTC-4, until clocks go back at 06:00 UTC
        ("2027-11-07T04:00:00Z", "2027-11-07"),
        ("2027-11-08T04:59:00Z", "2027-11-07"),  # UTC-5
        ("2028-03-01T04:59:00Z", "2028-02-29"),
        ("2027-01-01T04:59:00Z", "2026-12-31"),
    ],
)
def test_which_day_it_is_at_the_exchange(moment: str, day: str) -> None:
    assert exchange_day(datetime.fromisoformat(moment)) == date.fromisoformat(day)


def test_the_tests_live_on_the_day_that_was_chosen_for_them() -> None:
    chosen = datetime.fromisoformat(now_chosen())
    passed = the_clock().now() - chosen
    assert timedelta() <= passed < timedelta(hours=6)


def test_every_process_that_is_started_lives_on_the_same_day() -> None:
    code = "from policy.clock import the_clock; print(the_clock().now().isoformat())"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert abs(datetime.fromisoformat(said.strip()) - the_clock().now()) < timedelta(seconds=30)


@pytest.mark.parametrize("day", [day.moment for day in DAYS])
def test_a_clock_is_handed_on_by_the_environment(day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock.set_to(datetime.fromisoformat(day))
    for key, value in clock.environment.items():
        monkeypatch.setenv(key, value)
    assert the_clock() == clock
    assert abs(the_clock().now() - datetime.fromisoformat(day)) < timedelta(seconds=30)


def test_without_one_it_is_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AHEAD, raising=False)
    assert the_clock() == Clock()
    assert Clock().environment == {}
    assert abs(the_clock().now() - machine_now()) < timedelta(seconds=30)
    assert machine_now().tzinfo is UTC


@pytest.mark.parametrize("given", ["yesterday", "nan", "1e30"])
def test_what_is_no_clock_is_refused_in_words(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AHEAD, given)
    with pytest.raises(ValueError, match=rf"{AHEAD}={given} is no number of seconds"):
        the_clock()


def test_nobody_else_asks_the_machine() -> None:
    """`machine_now` alone does; what measures how long something takes uses `time.monotonic`."""
    asking = {
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for layer in LAYERS
        for path in (PROJECT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _asks(node.func)
    }
    assert {each.partition(":")[0] for each in asking} == {"policy/clock.py"}
    assert len(asking) == 1


def _asks(called: ast.Attribute) -> bool:
    of = called.value.id if isinstance(called.value, ast.Name) else ""
    return (of in {"datetime", "date"} and called.attr in ASKING) or (of, called.attr) == ("time", "time")
