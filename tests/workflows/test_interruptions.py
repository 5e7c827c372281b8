"""What goes wrong from outside: cancelled, terminated and reset workflows, a refusing venue, a differing custodian."""

import asyncio
import time
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError

from activities.context import Desk
from domain.values.purpose import Purpose
from policy.clock import Clock
from storage.actor import Actor
from storage.connection import Books
from storage.schema.execution import paper_accounts, paper_positions
from storage.work.rebalances import NewRebalance
from tests.workflows.desk import TestDesk, drifted
from venues.registry import Venues
from worker import make_worker
from workflows.contract import TASK_QUEUE


async def test_a_cancelled_workflow_ends_its_rebalance(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    progress = await desk.pending(handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    row = desk.row(progress["rebalance_id"])
    assert (row.status, row.issue) == ("CANCELED", "its workflow was cancelled")
    assert desk.venue_orders() == []


async def test_cancelled_while_a_step_fails_it_is_cancelled_and_not_failed(client: Client, books: Books) -> None:
    """The server does not try a step again once it was asked to cancel: that is no fault of the step's."""
    desk, asked = TestDesk(client, books), asyncio.Event()
    desk.load(drifted())
    loop = asyncio.get_running_loop()

    class Away(Clock):
        def now(self) -> datetime:
            loop.call_soon_threadsafe(asked.set)
            time.sleep(2)
            raise ConnectionError("the database is away")

    async with make_worker(client, Desk(books, Venues(books.engine), Away())):
        handle = await desk.start()
        await asyncio.wait_for(asked.wait(), 60)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()
    assert isinstance(ended.value.cause, CancelledError)


async def test_after_a_terminated_workflow_the_next_one_starts_clean(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    first = (await desk.pending(handle))["rebalance_id"]
    await handle.terminate()
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert result["rebalance_id"] != first
    assert desk.row(first).status == "CANCELED"


async def test_a_rebalance_under_another_workflow_id_holds_the_account_until_it_ends(desk: TestDesk) -> None:
    """EXEC-3. Terminated, it is brought to its end by the next one, as Temporal says that it is gone."""
    desk.load(drifted())
    given = {"account_id": "A-1", "requested_by": "ann"}
    other = await desk.client.start_workflow("RebalanceAccount", given, id="by-hand", task_queue=TASK_QUEUE)
    first = (await desk.pending(other))["rebalance_id"]
    with pytest.raises(WorkflowFailureError) as refused:
        await (await desk.start()).result()
    assert f"{first} is under way" in str(refused.value.cause.__cause__)
    await other.terminate()
    assert (await desk.rebalance())["status"] == "COMPLETE"
    assert desk.row(first).status == "CANCELED"


async def test_what_a_lost_signal_left_behind_is_ended_by_whatever_comes_next(desk: TestDesk) -> None:
    desk.load(drifted())
    purpose = Purpose("signal", model_id="M", largest_change=Decimal("0.1"))
    name = "model-signal/M/9/A-1"
    with desk.books.transaction(Actor("test")) as books:
        left = books.rebalances.create(
            NewRebalance("A-1", f"{name}#gone", name, None, purpose, "exact", "automatic", "cal", ())
        )
    assert (await desk.rebalance())["status"] == "COMPLETE"
    assert desk.row(left).status == "CANCELED"


async def test_a_workflow_reset_after_its_end_does_nothing_twice(desk: TestDesk) -> None:
    desk.load(drifted())
    result = await desk.rebalance()
    orders = [(order.client_order_id, order.filled_quantity) for order in desk.venue_orders()]
    held = desk.snapshot().account
    handle = desk.client.get_workflow_handle("rebalance/A-1")
    again = await desk.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id="rebalance/A-1", run_id=(await handle.describe()).run_id),
            reason="test",
            workflow_task_finish_event_id=4,
            request_id=str(uuid.uuid4()),
        )
    )
    rerun = desk.client.get_workflow_handle("rebalance/A-1", run_id=again.run_id)
    assert await rerun.result() == result  # at once: nobody is asked to approve it again
    assert [(order.client_order_id, order.filled_quantity) for order in desk.venue_orders()] == orders
    assert desk.snapshot().account == held
    assert desk.audited().count("positions booked") == 1


async def test_an_approval_meant_for_another_plan_is_refused(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    progress = await desk.pending(handle)
    meant: dict[str, Any] = {
        "by": "ben",
        "plan": progress["plan"],
        "rebalance_id": progress["rebalance_id"],
        "round": 2,
    }
    assert "not what was meant" in await desk.refused(handle, "approve", meant)
    assert "not what was meant" in await desk.refused(handle, "cancel", {"by": "ben", "rebalance_id": "R-9"})
    await handle.execute_update("approve", meant | {"round": 1})
    assert (await handle.result())["status"] == "COMPLETE"


async def test_a_difference_to_the_custodian_is_a_break_that_stops_the_next_rebalance(desk: TestDesk) -> None:
    """RECON-1, CHECK-1. The custodian lost one Z before we traded; nothing of it was to be sold."""
    desk.load(drifted())
    with desk.books.engine.begin() as connection:
        connection.execute(
            update(paper_positions)
            .where(paper_positions.c.symbol == "Z")
            .values(quantity=paper_positions.c.quantity - 1)
        )
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert [(each["kind"], each["symbol"]) for each in result["breaks"]] == [("quantity", "Z")]
    refused = await desk.rebalance()
    assert refused["status"] == "FAILED"
    assert "open_break" in refused["issue"]
    assert (await desk.rebalance(override=["open_break"]))["status"] == "COMPLETE"  # nothing is left to trade


async def test_rejected_sells_cut_the_buys_and_leave_no_cash_idle(desk: TestDesk) -> None:
    """EXEC-2, ORDER-4. The custodian holds none of what is to be sold: both sells are rejected, and the buy shrinks to
    what cash above its lower bound of 1,500.00 pays for: 500.00, 25 Z.
    """
    desk.load(drifted())
    with desk.books.engine.begin() as connection:
        connection.execute(
            update(paper_positions).where(paper_positions.c.symbol.in_(("X", "Y"))).values(quantity=Decimal("0.5"))
        )
    result = await desk.rebalance()
    statuses = {(order["side"], order["symbol"]): (order["status"], order["filled"]) for order in result["orders"]}
    assert statuses == {
        ("sell", "X"): ("REJECTED", "0"),
        ("sell", "Y"): ("REJECTED", "0"),
        ("buy", "Z"): ("FILLED", "25"),
    }
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    assert desk.snapshot().account.managed.cash == Decimal("1500.00")


async def test_a_buy_that_is_rejected_gives_its_sleeve_nothing_to_sit_on(desk: TestDesk) -> None:
    """RECON-2. The custodian has no cash: the sleeve that would open gets no share, and is not opened."""
    desk.load({"id": "A-1", "cash": "100000.00", "target": "GROWTH"})
    with desk.books.engine.begin() as connection:
        connection.execute(update(paper_accounts).values(cash=0))
    result = await desk.rebalance()
    assert result["status"] == "FAILED"
    after = desk.snapshot().account
    assert after.model_sleeves == ()
    assert after.managed.cash == Decimal("100000.00")
