"""An unkind venue: each thing that it may do, from the order to the status, the issue and the books.

The account holds 100,000.00: M at 75,000 (400 X at 100.00, 700 Y at 50.00), 1150 Z at 20.00, 2,000.00 in cash. M falls
to 62.40 %: 63 X and 133 Y are sold, 674 Z bought, and 1,520.00 stay in cash.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from domain.executing.reconciliation import compare, ledger
from storage.actor import Actor
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.scenarios import fingerprint
from venues.registry import Venues


def agree(desk: TestDesk) -> None:
    """The books are the custodian's, to the cent and the share, and no sleeve is overdrawn."""
    held = desk.snapshot().account
    theirs = Venues(desk.books.engine).custodian("PAPER").ledger(held.id)
    assert compare(ledger(held), theirs) == ()
    assert all(sleeve.cash >= 0 for sleeve in held.sleeves), held


def ended(result: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["symbol"]: (each["status"], each["filled"]) for each in result["orders"]}


async def approved(desk: TestDesk) -> WorkflowHandle[Any, Any]:
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle)
    return handle


async def working(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """Waits until orders are open at the venue."""
    for _ in range(400):
        progress: dict[str, Any] = await handle.query("progress")
        if "at the venue" in progress["note"]:
            return progress
        await asyncio.sleep(0.05)
    raise AssertionError(f"never at the venue: {progress}")


async def test_a_part_is_filled_and_the_rest_cancelled(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"symbol": "Z", "fill": "0.5"})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    status, filled = ended(result)["Z"]
    assert status == "PARTIALLY_FILLED"
    assert 0 < Decimal(filled) < 674
    assert "the venue cancelled the rest" in result["issue"]
    assert "Submit the account again" in result["issue"]
    agree(desk)


async def test_a_sell_filled_in_part_makes_the_buys_smaller(desk: TestDesk) -> None:
    """ORDER-4."""
    desk.load(drifted())
    desk.unkind({"side": "sell", "fill": "0.4"})
    result = await desk.rebalance()
    bought = Decimal(ended(result)["Z"][1])
    brought = sum(Decimal(each["amount"]) for each in result["orders"] if each["side"] == "sell")
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert 0 < bought * 20 <= brought + 500
    assert desk.snapshot().account.managed.cash >= Decimal("1500.00")
    agree(desk)


async def test_another_price_is_said_and_booked(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"side": "sell", "price": "0.98"}, {"side": "buy", "price": "1.01"})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert "planned were" in " ".join(each["message"] for each in result["findings"])
    agree(desk)


async def test_buys_that_would_overdraw_are_rejected_and_say_so(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"side": "buy", "price": "1.5"})
    result = await desk.rebalance()
    assert ended(result)["Z"] == ("REJECTED", "0")
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert "not enough cash" in result["issue"]
    agree(desk)


async def test_a_dear_buy_makes_the_next_one_smaller(desk: TestDesk) -> None:
    """ORDER-4: 100,000.00 in cash buys X, Y and Z; X costs a tenth more than planned."""
    desk.load({"id": "A-1", "cash": "100000.00", "target": "GROWTH"})
    desk.unkind({"symbol": "X", "price": "1.1"})
    result = await desk.rebalance()
    planned = {each["symbol"]: each["planned_quantity"] for each in _orders(desk, result)}
    got = {each["symbol"]: Decimal(each["filled"]) for each in result["orders"]}
    assert got["X"] == planned["X"]
    assert got["Z"] < planned["Z"]
    assert desk.snapshot().account.managed.cash >= Decimal("1499.00")
    agree(desk)


async def test_a_rejection_names_the_venues_reason(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"reject": "trading halted"})
    result = await desk.rebalance()
    assert result["status"] == "FAILED"
    assert {status for status, _ in ended(result).values()} == {"REJECTED"}
    assert "trading halted" in result["issue"]
    assert "Correct what the venue names" in result["issue"]
    agree(desk)


async def test_late_answers_are_waited_for_sells_before_buys(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"side": "sell", "late": 2})
    handle = await approved(desk)
    await working(handle)
    assert {each.side for each in desk.venue_orders()} == {"sell"}
    result = await handle.result()
    assert result["status"] == "COMPLETE"
    agree(desk)


async def test_a_rate_limit_is_waited_for_without_a_worker(desk: TestDesk) -> None:
    """Four orders in five seconds: who would wait long for its turn goes away, and its workflow comes again."""
    desk.load(drifted())
    with desk.books.transaction(Actor("test")) as books:
        books.venues.set_terms("PAPER", Decimal("0.8"), None)
    handle = await approved(desk)
    result = await handle.result()
    assert result["status"] == "COMPLETE"
    assert fingerprint(await handle.fetch_history()).count("activity submit_trades") > 1
    agree(desk)


async def test_an_answer_that_comes_twice_counts_once(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"twice": True})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert Counter(desk.audited())["order filled"] == 3
    agree(desk)


async def test_what_never_fills_is_cancelled_when_patience_ends(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"symbol": "X", "never_fills": True})
    desk.patience(2)
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    orders = ended(result)
    assert orders["X"] == ("CANCELED", "0")
    assert orders["Y"][0] == "FILLED"  # it was at the venue at the same time
    assert orders["Z"] == ("CANCELED", "0")  # buys wait for every sell, and nobody waits any more
    assert "it was not filled in time" in result["issue"]
    assert {each.status for each in desk.venue_orders()} == {"CANCELED", "FILLED"}
    agree(desk)


@pytest.mark.parametrize("when", ["before_accepting", "after_accepting"])
async def test_a_lost_connection_sends_nothing_twice(desk: TestDesk, when: str) -> None:
    """EXEC-1."""
    desk.load(drifted())
    desk.unkind({"symbol": "X", "lose_connection": when, "times": 2})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert len(desk.venue_orders()) == 3
    agree(desk)


async def test_the_venue_cancels_at_the_close(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind(
        {"symbol": "Z", "cancel_at_close": True, "fill": "0.25"},
        close=(desk.clock.now() + timedelta(seconds=4)).isoformat(),
    )
    result = await desk.rebalance()
    assert ended(result)["Z"][0] == "PARTIALLY_FILLED"
    assert "cancelled it at the close" in result["issue"]
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    agree(desk)


async def test_a_person_cancels_what_is_open(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"never_fills": True})
    handle = await approved(desk)
    progress = await working(handle)
    assert "is cancelled" in progress["note"]  # when the wait ends
    assert "not what was meant" in await desk.refused(handle, "cancel", {"by": "ben", "rebalance_id": "R-9"})
    await handle.execute_update("cancel", {"by": "ben", "reason": "client called"})
    result = await handle.result()
    assert result["status"] == "FAILED"  # approved, and nothing was executed
    assert "cancelled by ben: client called" in result["issue"]
    assert {status for status, _ in ended(result).values()} == {"CANCELED"}
    agree(desk)


async def test_a_cancelled_workflow_cancels_what_is_open_and_books_what_was_filled(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"symbol": "Z", "cancel_at_close": True, "fill": "0.25"})
    handle = await approved(desk)
    await working(handle)
    await handle.cancel()
    result = await handle.result()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert ended(result)["Z"][0] == "PARTIALLY_FILLED"
    assert "its workflow was cancelled" in result["issue"]
    agree(desk)


async def test_after_a_terminated_wait_the_next_rebalance_cancels_what_is_open(desk: TestDesk) -> None:
    desk.load(drifted())
    desk.unkind({"symbol": "Z", "cancel_at_close": True, "fill": "0.25"})
    handle = await approved(desk)
    await working(handle)
    first = (await handle.query("progress"))["rebalance_id"]
    await handle.terminate()
    desk.unkind({"fill": None})  # kind again
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    left = desk.row(first)
    assert (left.stage, left.status) == ("ENDED", "COMPLETE_WITH_ERRORS")
    assert "its workflow ended" in left.issue
    agree(desk)


def _orders(desk: TestDesk, result: dict[str, Any]) -> list[dict[str, Any]]:
    with desk.books.transaction() as read:
        return [dict(each._mapping) for each in read.orders.of(result["rebalance_id"])]


@pytest.mark.parametrize(("side", "symbol", "share"), [("buy", "Z", "1.01"), ("sell", "X", "1.5")])
async def test_more_is_filled_than_was_ordered(desk: TestDesk, side: str, symbol: str, share: str) -> None:
    """EXEC-2. It is booked, a break of its own kind says so, and the account is not wedged. The venue fills whole
    shares: 674 × 1.01 = 680.74 are 680.
    """
    desk.load(drifted())
    desk.unkind({"side": side, "symbol": symbol, "fill": share})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    order = next(each for each in result["orders"] if each["symbol"] == symbol)
    ordered, filled = order["quantity"], str(Decimal(order["quantity"]) * Decimal(share) // 1)
    assert (order["status"], order["filled"]) == ("FILLED", filled)
    told = [(each["kind"], each["symbol"], each["expected"], each["actual"]) for each in result["breaks"]]
    assert told == [("overfill", symbol, ordered, filled)]
    assert f"{ordered} {symbol} were ordered, and the venue filled {filled}" in result["issue"]
    agree(desk)


@pytest.mark.parametrize("when", ["before_accepting", "after_accepting"])
async def test_a_connection_lost_in_the_step_that_begins_is_the_next_steps_to_mend(desk: TestDesk, when: str) -> None:
    """Approved by policy: the workflow knows that it has begun, and the next step sends what is not there yet, once."""
    desk.load(drifted())
    desk.unkind({"symbol": "X", "lose_connection": when, "times": 1})
    handle = await desk.start(approval="automatic")
    result = await asyncio.wait_for(handle.result(), 60)
    assert (result["status"], set(ended(result))) == ("COMPLETE", {"X", "Y", "Z"})
    steps = [each for each in fingerprint(await handle.fetch_history()) if each.startswith("activity ")]
    assert steps[-3:] == ["activity submit_trades", "activity submit_trades", "activity reconcile"]
    assert len(desk.venue_orders()) == 3
    agree(desk)
