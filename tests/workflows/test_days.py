"""Rebalances on the day that the tests live on, whichever that is: the clock that was handed in decides."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from devstack.temporal import TemporalServer
from policy.clock import Clock, exchange_day, the_clock
from policy.trading_days import fresh_from, last_session, next_close
from storage.connection import Books
from tests.clock import now_chosen
from tests.days import DAYS, Day
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted


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
async def test_a_price_may_be_three_trading_days_old_and_no_more(desk: TestDesk) -> None:
    """DAY-3, QUEUE-3: whatever weekends and holidays lie in between."""
    desk.load(drifted(), **live(sessions_ago=3))
    assert (await desk.rebalance())["status"] == "COMPLETE"
    desk.load(drifted("A-2"), **live(sessions_ago=4))
    result = await desk.rebalance("A-2")
    assert result["status"] == "FAILED"
    assert "X (price of" in result["issue"]


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
    """The worker's clock is seconds before the close; Temporal's shows what it always does."""
    close = datetime.fromisoformat(day.close)
    clock = Clock.set_to(close - timedelta(seconds=4))
    desk = TestDesk(client, books, clock)
    desk.load(drifted())
    async with desk.working():
        result = await asyncio.wait_for((await desk.start()).result(), 60)
    assert result["status"] == "EXPIRED"
    assert clock.now() >= close
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
    assert submitted["request_id"].startswith(f"Q-{exchange_day(datetime.now(UTC) + the_clock().ahead):%Y%m%d}-")
