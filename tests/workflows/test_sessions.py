"""DAY-6: when what was approved is sent. The venue's session is 2026-11-20, 14:30 to 21:00 in UTC, unless it says.

The account holds 100,000.00 with M at 75 %: X and Y are sold, Z is bought for what they bring.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from activities.orders import Sender
from policy.clock import Clock
from storage.connection import Books
from storage.schema.venues import ANY_TIME, IN_SESSION, NEXT_OPEN
from tests.workflows.desk import TestDesk, drifted
from venues.terms import Terms

CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Stepping(Clock):
    """A clock that the test sets on, for the steps alone: workflows wait by Temporal's."""

    moved = timedelta()

    def now(self) -> datetime:
        return super().now() + self.moved


def desk_at(client: Client, books: Books, moment: datetime, sends: str) -> TestDesk:
    desk = TestDesk(client, books, Stepping.set_to(moment))
    desk.load(drifted())
    desk.sends(sends)
    return desk


async def noted(handle: WorkflowHandle[Any, Any], words: str) -> dict[str, Any]:
    """Waits until the rebalance says it of itself."""
    for _ in range(400):
        progress: dict[str, Any] = await handle.query("progress")
        if words in progress["note"]:
            return progress
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {words}: {progress}")


async def approved(desk: TestDesk) -> tuple[WorkflowHandle[Any, Any], dict[str, Any]]:
    handle = await desk.start()
    await desk.pending(handle)
    return handle, await desk.approve(handle)


CLOSED = [
    pytest.param("2026-11-21T15:00:00+00:00", "2026-11-23T14:30:00Z", id="a Saturday"),
    pytest.param("2026-11-23T14:00:00+00:00", "2026-11-23T14:30:00Z", id="before the open"),
    pytest.param("2026-11-27T18:00:01+00:00", "2026-11-30T14:30:00Z", id="after an early close"),
    pytest.param("2027-03-14T07:10:00+00:00", "2027-03-15T13:30:00Z", id="summer time"),
]


@pytest.mark.parametrize("sends", [IN_SESSION, NEXT_OPEN])
@pytest.mark.parametrize(("now", "opens"), CLOSED)
async def test_what_is_approved_out_of_session_waits_for_the_open(
    client: Client, books: Books, now: str, opens: str, sends: str
) -> None:
    """It is executing, says from when on, nothing is out, and a person may take it back."""
    desk = desk_at(client, books, datetime.fromisoformat(now), sends)
    async with desk.working():
        handle, answer = await approved(desk)
        assert (answer["outcome"], answer["opens_at"]) == ("executing", opens)
        progress = await noted(handle, f"to be sent at the open, {opens}")
        assert progress["stage"] == "EXECUTING"
        assert desk.venue_orders() == []
        await handle.execute_update("cancel", {"by": "ben", "reason": "changed my mind"})
        result = await asyncio.wait_for(handle.result(), 30)
    assert result["status"] == "FAILED"
    assert "not sent: cancelled by ben" in result["issue"]
    assert desk.venue_orders() == []


@pytest.mark.parametrize("sends", [IN_SESSION, NEXT_OPEN])
async def test_at_the_open_it_is_sent(client: Client, books: Books, sends: str) -> None:
    """Approved on Monday, some seconds before the open: every order is of Monday, and none was sent before it."""
    opens = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    desk = desk_at(client, books, opens - 8 * SECOND, sends)
    async with desk.working():
        handle, _ = await approved(desk)
        result = await asyncio.wait_for(handle.result(), 60)
    assert result["status"] == "COMPLETE"
    with books.transaction() as read:
        sent = [order.sent_at for order in read.orders.of(result["rebalance_id"])]
    assert len(sent) == 3
    assert min(sent) >= opens


async def test_a_venue_that_takes_orders_at_any_time_gets_them_at_once(client: Client, books: Books) -> None:
    """As the paper venue does of itself; what it fills on a Saturday is Monday's."""
    desk = desk_at(client, books, datetime(2026, 11, 21, 15, tzinfo=UTC), ANY_TIME)
    async with desk.working():
        result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert {str(order.traded_on) for order in desk.venue_orders()} == {"2026-11-23"}


async def test_what_the_close_leaves_unsent_ends_there(
    client: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sells' fills come in after the close: no buy is sent."""
    desk = desk_at(client, books, CLOSE - HOUR, IN_SESSION)
    desk.unkind({"side": "sell", "late": 3600})
    async with desk.working():
        handle, _ = await approved(desk)
        await noted(handle, "2 at the venue")
        monkeypatch.setattr(Stepping, "moved", HOUR + 2 * SECOND)
        result = await asyncio.wait_for(handle.result(), 60)
    assert {each["side"]: each["status"] for each in result["orders"]} == {"sell": "FILLED", "buy": "CANCELED"}
    assert {order.side for order in desk.venue_orders()} == {"sell"}
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert "not sent: the exchange has closed" in result["issue"]


async def test_or_is_kept_and_sent_at_the_next_open(
    client: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The close comes between the sells and the buys. The workflow's clock is Monday's all the while, so as to wait."""
    opens = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    began = opens - 5 * SECOND
    monkeypatch.setattr(Stepping, "moved", CLOSE - HOUR - began)
    desk = desk_at(client, books, began, NEXT_OPEN)
    send_buys = Sender.send_buys

    def as_the_bell_rings(sender: Sender) -> None:
        monkeypatch.setattr(Stepping, "moved", CLOSE - began)
        send_buys(sender)

    monkeypatch.setattr(Sender, "send_buys", as_the_bell_rings)
    async with desk.working():
        handle = await desk.start(approval="automatic")
        await noted(handle, "1 to be sent at the open, 2026-11-23T14:30:00Z")
        assert {order.side for order in desk.venue_orders()} == {"sell"}
        monkeypatch.setattr(Sender, "send_buys", send_buys)
        monkeypatch.setattr(Stepping, "moved", 5 * SECOND)
        result = await asyncio.wait_for(handle.result(), 60)
    assert result["status"] == "COMPLETE"
    assert {order.side: str(order.traded_on) for order in desk.venue_orders()} == {
        "sell": "2026-11-20",
        "buy": "2026-11-23",
    }


TABLE = [  # begun, now, sends: the open that is waited for, and whether it is too late
    ("2026-11-20T20:00", "2026-11-20T20:59", IN_SESSION, None, False),
    ("2026-11-20T20:00", "2026-11-20T21:00", IN_SESSION, "2026-11-23T14:30", True),
    ("2026-11-20T20:00", "2026-11-20T21:00", NEXT_OPEN, "2026-11-23T14:30", False),
    ("2026-11-20T20:00", "2026-11-23T14:30", NEXT_OPEN, None, False),
    ("2026-11-20T20:00", "2026-11-23T21:00", NEXT_OPEN, "2026-11-24T14:30", True),  # kept once, not for ever
    ("2026-11-21T15:00", "2026-11-23T20:59", IN_SESSION, None, False),
    ("2026-11-25T20:00", "2026-11-27T17:59", NEXT_OPEN, None, False),  # over Thanksgiving, to an early close
    ("2026-11-25T20:00", "2026-11-27T18:00", NEXT_OPEN, "2026-11-30T14:30", True),
    ("2026-11-20T20:00", "2026-11-21T15:00", ANY_TIME, None, False),
]


@pytest.mark.parametrize(("begun", "now", "sends", "opens", "too_late"), TABLE)
def test_when_a_venues_terms_let_orders_be_sent(
    begun: str, now: str, sends: str, opens: str | None, too_late: bool
) -> None:
    terms, at = Terms(sends=sends), datetime.fromisoformat(f"{now}+00:00")
    last = terms.last_close(datetime.fromisoformat(f"{begun}+00:00"))
    assert terms.opens_at(at) == (opens and datetime.fromisoformat(f"{opens}+00:00"))
    assert (last is not None and at >= last) is too_late


async def test_what_was_approved_in_time_and_never_sent_is_expired(
    client: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending was halted until after the close."""
    desk = desk_at(client, books, CLOSE - HOUR, IN_SESSION)
    with books.transaction() as change:
        change.halts.halt("a test")
    async with desk.working():
        handle, _ = await approved(desk)
        await noted(handle, "to be sent")
        monkeypatch.setattr(Stepping, "moved", 2 * HOUR)
        result = await asyncio.wait_for(handle.result(), 60)
    assert result["status"] == "EXPIRED"
    assert "nothing could be sent before the exchange's close" in result["issue"]
    assert desk.venue_orders() == []
