"""The kill switch: nothing is sent once `halt` has answered, whoever works; another person lets it go on."""

import asyncio
import threading
import time

import pytest
from sqlalchemy import func, select, text

from devstack.temporal import TemporalServer
from storage.actor import Actor
from storage.connection import Books
from storage.schema.execution import orders, sending_halts
from storage.work.halts import SamePerson
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer) -> Command:
    return Command(desk, temporal_server)


async def working(desk: TestDesk, count: int) -> None:
    """Waits until so many orders are at the venue."""
    for _ in range(400):
        with desk.books.transaction() as read:
            if len(read.halts.out()) == count:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("never at the venue")


async def test_halted_between_sells_and_buys(desk: TestDesk, command: Command) -> None:
    """
    sells     2, filled after 12 seconds: open when it is halted, listed, and booked all the same
    buy       1, waits as long as it is halted, and is sent then
    """
    desk.load(drifted())
    desk.unkind({"side": "sell", "late": 12})
    handle = await desk.start(approval="automatic")
    await working(desk, 2)
    halted = await command("halt", "--by", "ann", "--why", "odd prices", "--format", "json")
    assert halted.code == 0, halted.err
    assert {each["symbol"]: each["side"] for each in halted.json["open"]} == {"X": "sell", "Y": "sell"}
    assert halted.json["waiting"] == 1
    status = await command("status", "--format", "json")
    sending = next(each for each in status.json["checks"] if each["check"] == "sending")
    assert status.code == 1
    assert not sending["ok"]
    assert "by ann: odd prices" in sending["found"]
    while any(each.status == "WORKING" for each in desk.venue_orders()):
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # in which the buy would be sent
    assert {each.symbol: each.status for each in desk.venue_orders()} == {"X": "FILLED", "Y": "FILLED"}
    assert (await handle.query("progress"))["stage"] == "EXECUTING"
    for same in ("ann", "Ann ", "ANN"):
        refused = await command("resume", "--by", same, "--why", "prices mended")
        assert (refused.code, "somebody else" in refused.err) == (1, True)
    assert (await command("resume", "--by", "ben", "--why", "prices mended")).code == 0
    assert (await handle.result())["status"] == "COMPLETE"
    nothing = await command("resume", "--by", "ben", "--why", "again")
    assert (nothing.code, "is not halted" in nothing.err) == (1, True)
    assert {"sending halted", "sending resumed"} <= set(_general(desk.books))


async def test_a_halted_rebalance_can_be_cancelled(desk: TestDesk, command: Command) -> None:
    """Its open sells are cancelled at the venue; what was not sent never is."""
    desk.load(drifted())
    desk.unkind({"side": "sell", "never_fills": True})
    handle = await desk.start(approval="automatic")
    await working(desk, 2)
    assert (await command("halt", "--by", "ann", "--why", "odd prices")).code == 0
    await handle.execute_update("cancel", {"by": "ben"})
    result = await handle.result()
    assert {each["symbol"]: each["status"] for each in result["orders"]} == dict.fromkeys("XYZ", "CANCELED")
    assert [each.status for each in desk.venue_orders()] == ["CANCELED", "CANCELED"]


async def test_no_order_of_many_rebalances_slips_through(desk: TestDesk) -> None:
    """Twenty rebalances start to send; whatever was not written down as sent when `halt` answered is not sent."""
    desk.load(*(drifted(f"A-{number:02d}") for number in range(20)))
    handles = [await desk.start(f"A-{number:02d}", approval="automatic") for number in range(20)]
    while not desk.venue_orders():
        await asyncio.sleep(0.01)
    await asyncio.to_thread(_halt, desk.books)
    with desk.books.transaction() as read:
        halted_at = read.connection.scalar(select(func.max(sending_halts.c.halted_at)))
        answered_at = read.connection.scalar(select(func.clock_timestamp()))
    await asyncio.sleep(3)
    assert halted_at is not None and answered_at is not None
    with desk.books.transaction() as read:
        sent = read.connection.scalars(select(orders.c.sent_at).where(orders.c.sent_at.is_not(None))).all()
        waiting = read.halts.waiting()
    assert sent and max(sent) <= answered_at
    assert waiting > 0  # it had something to hold back
    with desk.books.transaction(Actor("ben")) as change:
        change.halts.resume("test")
    for handle in handles:
        assert (await handle.result())["status"] == "COMPLETE"


def test_who_halts_waits_for_whoever_is_writing_an_order_down(books: Books) -> None:
    """
    a sender holds the switch for 0.5 s    halt answers after it, and not before
    """
    order: list[str] = []

    def halt() -> None:
        _halt(books)
        order.append("halted")

    with books.transaction() as sender:
        assert sender.halts.hold() is None
        other = threading.Thread(target=halt)
        other.start()
        time.sleep(0.5)
        order.append("written down")
    other.join(10)
    assert order == ["written down", "halted"]
    with books.transaction() as sender:
        assert sender.halts.hold() == "halted by ann: test"


def test_every_halt_takes_somebody_else(books: Books) -> None:
    """Two people halted: neither of them may let it go on, a third may."""
    for who in ("ann", "ben"):
        with books.transaction(Actor(who)) as change:
            change.halts.halt("test")
    for who in ("ann", " Ben"):
        with pytest.raises(SamePerson), books.transaction(Actor(who)) as change:
            change.halts.resume("test")
    with books.transaction(Actor("cal")) as change:
        assert len(change.halts.resume("test")) == 2
        assert change.halts.hold() is None


def _halt(books: Books) -> None:
    with books.transaction(Actor("ann")) as change:
        change.halts.halt("test")


def _general(books: Books) -> list[str]:
    with books.transaction() as read:
        return list(read.connection.scalars(text("SELECT action FROM audit_records WHERE account_id IS NULL")))
