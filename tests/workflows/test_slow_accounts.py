"""One slow account holds up nobody: what merely waits at the venue is handed on, and gives its place back."""

import asyncio
from typing import Any

import pytest

from storage.actor import Actor
from storage.intake.receiving_signals import receive_signal
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, drifted
from workflows.contract import TASK_QUEUE, signal_workflow_id

IDS = [f"A-{number:02d}" for number in range(1, 9)]


async def cancelled(desk: TestDesk, workflow_id: str) -> None:
    """The resting order is waited for no longer."""
    await desk.client.get_workflow_handle(workflow_id).execute_update("cancel", {"by": "ben"})


@pytest.mark.parametrize(("window", "accounts_a_run"), [(4, 4), (2, 500)])
async def test_a_resting_order_holds_up_no_request(desk: TestDesk, window: int, accounts_a_run: int) -> None:
    """A-01's order rests for ever: the accounts behind the run's limit, and behind the window, come to their ends."""
    desk.load(*map(drifted, IDS))
    desk.unkind({"account": "A-01", "never_fills": True}, {"account": "A-02", "never_fills": window == 2})
    resting = 1 + (window == 2)
    given: dict[str, Any] = {"approval": "automatic", "window": window, "accounts_a_run": accounts_a_run}
    handle = await requests.start(desk, *IDS, **given)
    told = await requests.until(handle, lambda each: each["counts"].get("COMPLETE") == len(IDS) - resting)
    assert sum(told["counts"].values()) == len(IDS)
    for number in range(1, resting + 1):
        await cancelled(desk, f"rebalance/A-{number:02d}")
    ended = await requests.result(handle)
    assert sum(ended["counts"].values()) == len(IDS)
    assert ended["counts"]["COMPLETE"] == len(IDS) - resting


@pytest.mark.parametrize(("window", "accounts_a_run"), [(2, 2), (1, 400)])
async def test_a_resting_order_holds_up_no_signal(desk: TestDesk, window: int, accounts_a_run: int) -> None:
    """SIGNAL-1: every other sleeve is traded meanwhile, and the slow one is counted once it has ended."""
    desk.load(*map(drifted, IDS[:6]))
    holdings = [{"symbol": "X", "weight": "0.3"}, {"symbol": "Y", "weight": "0.7"}]
    receive_signal(desk.books, {"id": "M", "version": 2, "holdings": holdings}, Actor("cal"))
    desk.unkind({"account": "A-01", "never_fills": True})
    handle = await desk.client.start_workflow(
        "ApplyModelSignal",
        {"model_id": "M", "version": 2, "page_size": 2, "window": window, "accounts_a_run": accounts_a_run},
        id=signal_workflow_id("M", 2),
        task_queue=TASK_QUEUE,
    )
    told = await requests.until(handle, lambda each: each["traded"] == 5)
    assert told["trading"] == ["A-01"]
    await cancelled(desk, f"{handle.id}/A-01")
    result = await asyncio.wait_for(handle.result(), requests.PATIENCE)
    assert (result["traded"], result["skipped"], result["failed"]) == (5, 0, 1)
