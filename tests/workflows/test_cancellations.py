"""Cancelled means cancelled: a workflow that is asked to cancel while a step succeeds obeys at the next one."""

import asyncio

import pytest
from sqlalchemy import Engine, text
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError

from storage.actor import Actor
from storage.connection import Books
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.slow_steps import slow


@pytest.mark.parametrize(
    ("step", "approval"),
    [("check_target", "required"), ("check_target", "automatic"), ("begin_execution", "required")],
)
async def test_a_cancellation_during_a_step_is_obeyed_after_it(
    client: Client, books: Books, step: str, approval: str
) -> None:
    """The step succeeds, which hides the cancellation: it is looked for. Nothing was sent, and nothing is."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    async with slow(desk, step) as inside:
        handle = await desk.start(approval=approval)
        approved = None
        if step == "begin_execution":
            await desk.pending(handle)
            approved = asyncio.ensure_future(desk.approve(handle))
        await asyncio.wait_for(inside.wait(), 60)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await asyncio.wait_for(handle.result(), 60)
        if approved is not None:
            assert (await approved)["outcome"] == "failed"  # whoever approved is told
    assert isinstance(ended.value.cause, CancelledError)
    with books.transaction() as read:
        row = read.rebalances.latest("A-1")
        assert row is not None
        orders = read.orders.of(row.id)
        told = read.connection.scalar(
            text("SELECT count(*) FROM audit_records WHERE rebalance_id = :id AND action = 'order canceled'"),
            {"id": row.id},
        )
    assert told == len(orders)  # each order's last word is recorded, also of one that was never sent
    assert (step == "begin_execution") is (len(orders) > 0)
    assert (row.stage, row.status, row.issue) == ("ENDED", "CANCELED", "its workflow was cancelled")
    assert {order.status for order in orders} == ({"CANCELED"} if step == "begin_execution" else set())
    assert desk.venue_orders() == []
    entry = desk.entry()
    assert entry is not None
    assert entry.last_issue == "its workflow was cancelled"


@pytest.mark.parametrize("by", ["workflow", "person"])
async def test_a_cancellation_while_one_step_begins_and_sends_stops_what_is_open(
    client: Client, books: Books, by: str
) -> None:
    """Nobody waits for an answer to an automatic approval, so its step sends at once: X rests, Y is sold by then."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    desk.unkind({"side": "sell", "symbol": "X", "late": 3600})
    async with slow(desk, "submit_trades") as inside:
        handle = await desk.start(approval="automatic")
        await asyncio.wait_for(inside.wait(), 60)
        if by == "workflow":
            await handle.cancel()
        else:
            await handle.execute_update("cancel", {"by": "ben", "reason": "the wrong account"})
        result = await asyncio.wait_for(handle.result(), 60)
    ended = {(order["side"], order["symbol"]): order["status"] for order in result["orders"]}
    assert (ended[("sell", "X")], ended[("sell", "Y")]) == ("CANCELED", "FILLED")
    why = {"workflow": "its workflow was cancelled", "person": "cancelled by ben: the wrong account"}[by]
    assert why in next(order["reason"] for order in result["orders"] if order["symbol"] == "X")
    with books.transaction() as read:
        row = read.rebalances.latest("A-1")
        assert row is not None
        assert (row.stage, row.status) == ("ENDED", "COMPLETE_WITH_ERRORS")


@pytest.mark.parametrize("by", ["workflow", "person"])
async def test_a_cancellation_before_one_step_begins_and_sends_anything_sends_nothing(
    client: Client, books: Books, by: str
) -> None:
    """Sending is halted: the orders are written down, none is out, and none ever will be."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    with books.transaction(Actor("cid")) as work:
        work.halts.halt("looking into it")
    async with slow(desk, "submit_trades") as inside:
        handle = await desk.start(approval="automatic")
        await asyncio.wait_for(inside.wait(), 60)
        if by == "workflow":
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await asyncio.wait_for(handle.result(), 60)
        else:
            await handle.execute_update("cancel", {"by": "ben"})
            assert (await asyncio.wait_for(handle.result(), 60))["status"] == "CANCELED"
    with books.transaction() as read:
        row = read.rebalances.latest("A-1")
        assert row is not None
        assert (row.stage, row.status) == ("ENDED", "CANCELED")
        assert {order.status for order in read.orders.of(row.id)} == {"CANCELED"}
    assert desk.venue_orders() == []


async def test_a_cancellation_while_the_venue_is_away_keeps_the_rest_from_being_sent(
    client: Client, books: Books
) -> None:
    """X's connection is lost, and whether it arrived is not known: it is cancelled there, and Z was never sent."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    desk.unkind({"side": "sell", "symbol": "X", "lose_connection": "before_accepting", "times": 1})
    async with slow(desk, "submit_trades") as inside:
        handle = await desk.start(approval="automatic")
        await asyncio.wait_for(inside.wait(), 60)
        await handle.execute_update("cancel", {"by": "ben", "reason": "the wrong account"})
        result = await asyncio.wait_for(handle.result(), 60)
    ended = {(order["side"], order["symbol"]): (order["status"], order["filled"]) for order in result["orders"]}
    assert ended[("buy", "Z")] == ("CANCELED", "0")
    assert ("buy", "Z") not in {(order.side, order.symbol) for order in desk.venue_orders()}


async def test_once_orders_are_out_what_is_open_is_cancelled_and_what_was_filled_is_booked(desk: TestDesk) -> None:
    """X rests at the venue, Y is sold: the cancellation ends X, the books have Y's fill."""
    desk.load(drifted())
    desk.unkind({"side": "sell", "symbol": "X", "late": 3600})
    handle = await desk.start(approval="automatic")
    for _ in range(400):
        if any(order.status == "WORKING" for order in desk.venue_orders()):
            break
        await asyncio.sleep(0.05)
    await handle.cancel()
    result = await asyncio.wait_for(handle.result(), 60)
    ended = {(order["side"], order["symbol"]): order["status"] for order in result["orders"]}
    assert (result["status"], ended[("sell", "X")], ended[("sell", "Y")]) == (
        "COMPLETE_WITH_ERRORS",
        "CANCELED",
        "FILLED",
    )


@pytest.mark.parametrize("approval", ["required", "automatic"])
async def test_a_request_cancelled_in_its_first_step_ends_in_the_books(
    desk: TestDesk, owner: Engine, approval: str
) -> None:
    """The first step waits for a lock while the cancellation comes; it is let finish, and nothing is started."""
    desk.load(*(drifted(f"A-{number}") for number in (1, 2, 3)))
    with owner.connect() as connection, connection.begin() as held:
        connection.execute(text("LOCK TABLE audit_heads IN EXCLUSIVE MODE"))
        handle = await requests.start(desk, "A-1", "A-2", "A-3", approval=approval)
        await asyncio.sleep(1)
        await handle.cancel()
        await asyncio.sleep(0.5)
        held.rollback()
    with pytest.raises(WorkflowFailureError):
        await requests.result(handle)
    assert requests.counts(desk) == {"CANCELED": 3}
    with desk.books.transaction() as books:
        assert (books.requests.get("Q-1").stage, books.requests.get("Q-1").status) == ("ENDED", "CANCELED")
    assert desk.venue_orders() == []
