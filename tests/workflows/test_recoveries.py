"""`rebalancer recover`: what a lost workflow left behind is listed, and brought to its end."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError

from devstack.temporal import TemporalServer
from domain.executing.reconciliation import compare, ledger
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.test_halts import working
from venues.registry import Venues
from workflows.contract import TASK_QUEUE


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer) -> Command:
    return Command(desk, temporal_server)


async def test_lost_rebalances_are_listed_and_ended(desk: TestDesk, command: Command) -> None:
    """
    A-1    terminated with two sells at the venue, one of them filled half: booked, the rest cancelled
    A-2    terminated while it waited for an approval: CANCELED
    A-3    waits for an approval, and is left alone
    """
    desk.load(drifted("A-1"), drifted("A-2"), drifted("A-3"))
    desk.unkind(
        {"account": "A-1", "symbol": "X", "fill": "0.5", "late": 1, "cancel_at_close": True},
        {"account": "A-1", "side": "sell", "never_fills": True},
        close="2099-01-01T00:00:00Z",
    )
    first, second, third = (
        await desk.start("A-1", approval="automatic"),
        await desk.start("A-2"),
        await desk.start("A-3"),
    )
    await working(desk, 2)
    await asyncio.sleep(1.2)  # a half of X fills a second after it came
    await desk.pending(second)
    await desk.pending(third)
    await first.terminate()
    await second.terminate()
    listed = await command("recover", "--list", "--format", "json")
    assert listed.code == 0, listed.err
    assert {each["account_id"]: each["stage"] for each in listed.json} == {
        "A-1": "EXECUTING",
        "A-2": "PENDING_APPROVAL",
    }
    done = await command("recover", "--by", "ann", "--format", "json")
    assert done.code == 0, done.err
    assert {each["account_id"]: each["outcome"] for each in done.json} == {
        "A-1": "COMPLETE_WITH_ERRORS",
        "A-2": "CANCELED",
    }
    statuses = {each.symbol: each.status for each in desk.venue_orders()}
    assert statuses == {"X": "PARTIALLY_FILLED", "Y": "CANCELED"}
    theirs = Venues(desk.books.engine).custodian("PAPER").ledger("A-1")
    assert compare(ledger(desk.snapshot("A-1").account), theirs) == ()
    nothing = await command("recover", "--by", "ann")
    assert (nothing.code, nothing.out.strip()) == (0, "every rebalance under way has its workflow")
    assert (await third.query("progress"))["pending"]


async def test_one_that_lives_is_not_ended(desk: TestDesk) -> None:
    """Whoever starts it by hand is told whose it is; so is who names what is not there."""
    desk.load(drifted())
    handle = await desk.start()
    rebalance_id = (await desk.pending(handle))["rebalance_id"]
    for named, told in ((rebalance_id, "rebalance/A-1, runs"), ("R-999999", "there is no rebalance R-999999")):
        with pytest.raises(WorkflowFailureError) as refused:
            await desk.client.execute_workflow(
                "RecoverRebalance",
                {"rebalance_id": named, "requested_by": "ann"},
                id=f"recover/{named}",
                task_queue=TASK_QUEUE,
            )
        assert told in str(refused.value.cause.__cause__)
    assert (await handle.query("progress"))["pending"]
