"""Rebalances on the day that the tests live on, whichever that is: the clock that was handed in decides."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.context import Desk
from activities.evaluation import EvaluationSteps
from activities.messages import BeginEvaluation
from devstack.temporal import TemporalServer
from policy.clock import Clock, exchange_day, the_clock
from policy.trading_days import fresh_from, last_session, next_close
from storage.connection import Books
from tests.clock import now_chosen
from tests.days import DAYS, Day
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted
from venues.registry import Venues


def live(sessions_ago: int = 0) -> dict[str, object]:
    """A book that is not historical, of some trading days before today."""
    return {"as_of": str(fresh_from(last_session(the_clock().today()), sessions_ago)), "historical": False}


@pytest.mark.clock
async def test_a_live_book_of_the_last_session_is_rebalanced(desk: TestDesk) -> None:
    desk.load(drifted(), **live())
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert len(desk.venue_orders()) == 3


@pytest.mark.clock
@pytest.mark.parametrize(("age", "status"), [(3, "COMPLETE"), (4, "FAILED")])
async def test_a_price_may_be_three_trading_days_old_and_no_more(desk: TestDesk, age: int, status: str) -> None:
    """DAY-3, QUEUE-3: whatever weekends and holidays lie in between."""
    desk.load(drifted(), **live(sessions_ago=age))
    result = await desk.rebalance()
    assert result["status"] == status
    assert status == "COMPLETE" or "X (price of" in result["issue"]


@pytest.mark.clock
async def test_what_waits_for_an_approval_waits_until_the_next_close(desk: TestDesk) -> None:
    """DAY-6: shown, and counted in Temporal's time."""
    desk.load(drifted())
    progress = await desk.pending(await desk.start())
    assert datetime.fromisoformat(progress["expires_at"]) == next_close(the_clock().now())
    known = {day.moment: day.close for day in DAYS}
    assert progress["expires_at"] == known.get(now_chosen(), progress["expires_at"])


@pytest.mark.parametrize("day", DAYS, ids=[day.says for day in DAYS])
async def test_what_nobody_approves_expires_at_the_close(client: Client, books: Books, day: Day) -> None:
    """Seconds before the close by the clock, whatever Temporal's shows; however slow, the steps are in time."""
    close = datetime.fromisoformat(day.close)

    class InTime(Clock):
        def now(self) -> datetime:
            return min(super().now(), close - timedelta(seconds=1))

    clock = InTime.set_to(close - timedelta(seconds=4))
    desk = TestDesk(client, books, clock)
    desk.load(drifted())
    async with desk.working():
        result = await asyncio.wait_for((await desk.start()).result(), 60)
    assert result["status"] == "EXPIRED"
    assert Clock(clock.ahead).now() >= close
    assert desk.venue_orders() == []


@pytest.mark.clock
async def test_the_evaluation_and_the_commands_live_on_that_day_too(
    desk: TestDesk, temporal_server: TemporalServer
) -> None:
    desk.load(drifted(), account("A-2"), **live())
    command = Command(desk, temporal_server)
    evaluated = (await command("evaluate", "--format", "json")).json
    assert (evaluated["as_of"], evaluated["unable_to_check"]) == (live()["as_of"], 0)
    told = {check["check"]: check for check in (await command("status", "--format", "json")).json["checks"]}
    assert told["prices"]["ok"], told["prices"]
    submitted = (await command("submit", "A-1", "--by", "ann", "--format", "json")).json
    assert submitted["request_id"].startswith(f"Q-{the_clock().today():%Y%m%d}-")


# --- the close binds (DAY-6)


CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)


class Passing(Clock):
    """A clock that is an hour before the close until `closed`, and then a second behind it."""

    closed = False

    def now(self) -> datetime:
        return CLOSE + timedelta(seconds=1) if self.closed else super().now()


@pytest.mark.parametrize("approval", ["required", "automatic"])
async def test_what_could_not_begin_before_the_close_is_expired(
    client: Client, books: Books, monkeypatch: pytest.MonkeyPatch, approval: str
) -> None:
    """Approved in time, while the database was away until after the close."""
    desk = TestDesk(client, books, Passing.set_to(CLOSE - timedelta(hours=1)))
    desk.load(drifted())
    tries = []

    def away(*_: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            monkeypatch.setattr(Passing, "closed", True)
            raise ConnectionError("the database is away")

    monkeypatch.setattr("activities.execution.take_turn", away)
    async with desk.working():
        result = await desk.rebalance(approval=approval)
    assert result["status"] == "EXPIRED"
    assert "but nothing could begin before the exchange's close" in result["issue"]
    assert (len(tries), desk.venue_orders()) == (2, [])
    assert "approval void: the exchange has closed" in desk.audited()


# --- looking back (DAY-7)


async def test_looking_back_reports_and_queues_nobody(desk: TestDesk, temporal_server: TemporalServer) -> None:
    desk.load(drifted(), as_of="2026-11-20")
    command = Command(desk, temporal_server)
    said = await command("evaluate", "--as-of", "2026-11-20")
    assert "1 queued" in said.out
    assert "the live queue is left alone (DAY-7)" in said.out
    assert desk.entry() is None
    await command("evaluate")
    assert desk.entry() is not None


@pytest.mark.parametrize(("days_ago", "looks_back"), [(0, False), (3, True)])
def test_a_backfilled_schedule_looks_back(books: Books, days_ago: int, looks_back: bool) -> None:
    desk = Desk(books, Venues(books.engine))
    scheduled = datetime.now(UTC) - timedelta(days=days_ago)
    message = BeginEvaluation(evaluation_id="E-1", as_of=None, range_size=100, scheduled_at=scheduled)
    begun = ActivityEnvironment().run(EvaluationSteps(desk).begin_evaluation, message)
    assert begun.looking_back is looks_back
    if looks_back:
        assert begun.as_of == str(exchange_day(scheduled + the_clock().ahead))


# --- historical books (DAY-3)


async def test_a_historical_book_is_sent_to_no_venue_but_the_paper_one(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Venues, "names", ("PAPER", "REAL"))
    desk.load({**drifted(), "custodian": "REAL"})
    result = await desk.rebalance()
    assert result["status"] == "FAILED"
    assert "the books are historical" in result["issue"]
    assert desk.venue_orders() == []
