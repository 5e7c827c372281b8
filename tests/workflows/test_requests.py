"""A request over many accounts: from the list to one status, on a real server."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleSpec, WorkflowFailureError

from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, account, drifted
from workflows.contract import TASK_QUEUE


def many(count: int) -> list[dict[str, Any]]:
    return [drifted(f"A-{number:02d}") for number in range(1, count + 1)]


def ids(count: int) -> list[str]:
    return [each["id"] for each in many(count)]


async def test_all_pending_is_approved_at_once(desk: TestDesk) -> None:
    desk.load(*many(5))
    handle = await requests.start(desk, *ids(5), window=2)
    progress = await requests.pending(handle, 5)  # more than the window: who waits for a person takes no place
    assert progress["counts"] == {"PENDING_APPROVAL": 5}
    assert "four eyes" in await desk.refused(handle, "approve", {"by": "ann"})
    answer = await requests.approve(handle)
    assert answer == {"approved_by": "ben", "accounts": 5, "refused": []}
    ended = await requests.result(handle)
    assert (ended["status"], ended["accounts"], ended["counts"]) == ("COMPLETE", 5, {"COMPLETE": 5})
    assert requests.counts(desk) == {"COMPLETE": 5}
    assert len(desk.venue_orders()) == 15


async def test_automatic_and_continued_as_new(desk: TestDesk) -> None:
    """Seven accounts, two in the window, three a run: the run continues as new twice and loses nobody."""
    desk.load(*many(6), account("A-07", target="BIG-ONLY"))
    handle = await requests.start(desk, *ids(6), "A-07", approval="automatic", window=2, accounts_a_run=3)
    ended = await requests.result(handle)
    assert ended["counts"] == {"COMPLETE": 6, "FAILED": 1}
    assert ended["status"] == "COMPLETE_WITH_ERRORS"
    assert [(each["account_id"], each["status"]) for each in ended["issues"]] == [("A-07", "FAILED")]
    runs = [each.run_id async for each in desk.client.list_workflows("WorkflowType = 'RebalanceRequest'")]
    assert len(runs) >= 1


async def test_approvals_over_runs(desk: TestDesk) -> None:
    """Six wait for an approval, three of them handed on by a run that continued as new."""
    desk.load(*many(6))
    handle = await requests.start(desk, *ids(6), window=2, accounts_a_run=3)
    await requests.pending(handle, 6)
    named = await requests.approve(handle, account_ids=["A-01", "A-06", "NOBODY"])
    assert named["accounts"] == 2
    assert named["refused"] == [{"account_id": "NOBODY", "reason": "nothing of it is pending"}]
    await requests.until(handle, lambda progress: progress["counts"].get("COMPLETE") == 2)
    shown = (await handle.query("progress"))["plans"]
    assert "nothing" in await desk.refused(handle, "approve", {"by": "ben", "plan": shown, "account_ids": ["A-01"]})
    await handle.execute_update("cancel", {"by": "ben", "reason": "enough", "account_ids": ["A-02"]})
    await requests.approve(handle)
    ended = await requests.result(handle)
    assert ended["counts"] == {"COMPLETE": 5, "CANCELED": 1}
    assert ended["issues"][0]["issue"] == "cancelled by ben: enough"


async def test_the_accounts_in_the_queue_by_reason(desk: TestDesk) -> None:
    desk.load(account("A-1"), account("A-2", target=None, holdings=[{"symbol": "Z", "quantity": "10"}]), drifted("A-3"))
    handle = await requests.start(desk, queue={"reasons": ["FIRST_REBALANCE"]}, approval="automatic")
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 1}
    assert requests.outcomes(desk) == {"A-1": "COMPLETE"}
    again = await requests.start(desk, queue={"reasons": ["FIRST_REBALANCE"]}, request_id="Q-2")
    ended = await requests.result(again)
    assert (ended["status"], ended["accounts"], ended["counts"]) == ("COMPLETE", 0, {})


async def test_a_busy_and_a_terminated_account_are_counted_with_their_issue(desk: TestDesk) -> None:
    desk.load(*many(3))
    other = await desk.start("A-01")
    await desk.pending(other)
    handle = await requests.start(desk, *ids(3))
    await requests.until(handle, lambda told: told["counts"] == {"BUSY": 1, "PENDING_APPROVAL": 2})
    await desk.client.get_workflow_handle("rebalance/A-02").terminate()
    await requests.until(handle, lambda told: told["counts"].get("FAILED") == 1)
    await requests.approve(handle)
    ended = await requests.result(handle)
    assert (ended["status"], ended["counts"]) == ("COMPLETE_WITH_ERRORS", {"COMPLETE": 1, "FAILED": 1, "BUSY": 1})
    issues = {each["account_id"]: each["issue"] for each in ended["issues"]}
    assert "R-000001, asked for by ann, was already under way at PENDING_APPROVAL (EXEC-3)" in issues["A-01"]
    assert "terminated" in issues["A-02"]
    await desk.approve(other)
    await other.result()
    again = await requests.start(desk, failed_of="Q-1", request_id="Q-2", approval="automatic")
    assert (await requests.result(again))["counts"] == {"COMPLETE": 2}
    assert requests.outcomes(desk, "Q-2") == {"A-01": "COMPLETE", "A-02": "COMPLETE"}


async def test_a_terminated_account_of_an_earlier_run_is_noticed(desk: TestDesk) -> None:
    desk.load(*many(3))
    handle = await requests.start(desk, *ids(3), window=1, accounts_a_run=1)
    await requests.pending(handle, 3)
    await desk.client.get_workflow_handle("rebalance/A-01").terminate()
    await requests.approve(handle, account_ids=["A-02", "A-03"])
    ended = await requests.result(handle)
    assert ended["counts"] == {"COMPLETE": 2, "FAILED": 1}


async def test_a_cancelled_request_starts_no_more(desk: TestDesk) -> None:
    desk.load(*many(4))
    handle = await requests.start(desk, *ids(4), window=1)
    await requests.until(handle, lambda told: told["pending"] >= 1)
    answer = await handle.execute_update("cancel", {"by": "ann", "reason": "wrong list"})
    assert answer["cancelled_by"] == "ann"
    ended = await requests.result(handle)
    assert (ended["status"], ended["counts"]) == ("CANCELED", {"CANCELED": 4})
    assert desk.venue_orders() == []


async def test_a_cancelled_workflow_cancels_what_waits(desk: TestDesk) -> None:
    desk.load(*many(2))
    handle = await requests.start(desk, *ids(2))
    await requests.pending(handle, 2)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await requests.result(handle)
    assert requests.counts(desk) == {"CANCELED": 2}
    with desk.books.transaction() as books:
        assert books.requests.get("Q-1").status == "CANCELED"


async def test_pause_and_resume(desk: TestDesk) -> None:
    desk.load(*many(4))
    handle = await requests.start(desk, *ids(4), window=1)
    await handle.execute_update("pause", {"by": "ben"})
    assert "PAUSED" in await desk.refused(handle, "pause", {"by": "ben"})
    progress = await requests.until(handle, lambda told: told["stage"] == "PAUSED" and "CHECKING" not in told["counts"])
    assert progress["counts"]["NOT_STARTED"] >= 1
    waiting = progress["pending"]
    if waiting:  # an approval is taken, and waits as well
        await requests.approve(handle)
    await handle.execute_update("resume", {"by": "ben"})
    assert "not paused" in await desk.refused(handle, "resume", {"by": "ben"})
    await requests.until(handle, lambda told: told["pending"] == 4 - waiting)
    await requests.approve(handle)
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 4}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, 'one of "account_ids", "queue" and "failed_of" is needed, none is given'),
        ({"account_ids": ["A-1"], "queue": {}}, "not account_ids and queue"),
        ({"account_ids": []}, '"account_ids"'),
        ({"account_ids": "A-1"}, '"account_ids"'),
        ({"account_ids": ["A-1", 7]}, '"account_ids.1"'),
        ({"account_ids": ["A-1", "NOBODY"]}, "NOBODY"),
        ({"queue": {"reasons": ["WHIM"]}}, '"queue.reasons.0"'),
        ({"queue": {"why": "so"}}, '"queue.why"'),
        ({"failed_of": "Q-9"}, "Q-9"),
        ({"account_ids": ["A-1"], "mode": "loose"}, '"mode"'),
        ({"account_ids": ["A-1"], "approval": "yes"}, '"approval"'),
        ({"account_ids": ["A-1"], "kind": "half"}, '"kind"'),
        ({"account_ids": ["A-1"], "amount": "5"}, '"amount"'),
        ({"account_ids": ["A-1"], "kind": "raise_cash", "amount": "-5"}, '"amount"'),
        ({"account_ids": ["A-1"], "window": 0}, '"window"'),
        ({"progress": {"cursor": 1}}, '"progress.accounts" is missing'),
        ({"progress": {"accounts": 1, "cursor": 1}}, "no request Q-1"),
        ({"account_ids": ["A-1"], "mood": "good"}, '"mood"'),
        ({"account_ids": ["A-1"], "requested_by": ""}, '"requested_by"'),
        ({"account_ids": ["A-1"], "request_id": "a\nb"}, '"request_id"'),
    ],
)
async def test_bad_input_ends_the_request_at_once(desk: TestDesk, given: dict[str, Any], names: str) -> None:
    desk.load(account("A-1"))
    input_ = {"request_id": "Q-1", "requested_by": "ann"} | given
    handle = await desk.client.start_workflow("RebalanceRequest", input_, id="bad", task_queue="rebalancer")
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), requests.PATIENCE)
    cause: Any = failed.value.cause
    assert names in str(getattr(cause.cause, "message", None) or cause), cause


async def test_bad_updates_and_signals_change_nothing(desk: TestDesk) -> None:
    desk.load(*many(1))
    handle = await requests.start(desk, *ids(1))
    await requests.pending(handle, 1)
    for update in ("approve", "cancel", "pause", "resume"):
        assert '"by"' in await desk.refused(handle, update, {})
        assert "one JSON object" in await desk.refused(handle, update, "ben")
    assert '"account_ids"' in await desk.refused(handle, "approve", {"by": "ben", "account_ids": []})
    await handle.signal("account_pending", {"account_id": 7})
    await handle.execute_update("cancel", {"by": "ben"})
    assert (await requests.result(handle))["status"] == "CANCELED"


async def test_a_schedule_asks_again_and_again(desk: TestDesk) -> None:
    desk.load(account("A-1"))
    action = ScheduleActionStartWorkflow(
        "RebalanceRequest",
        {"request_id": "nightly", "requested_by": "schedule", "queue": {}, "approval": "automatic"},
        id="rebalance-request/nightly",
        task_queue=TASK_QUEUE,
    )
    handle = await desk.client.create_schedule("nightly", Schedule(action=action, spec=ScheduleSpec()))
    counts = []
    for number in (1, 2):
        await handle.trigger()
        while len(ran := (await handle.describe()).info.recent_actions) < number:
            await asyncio.sleep(0.1)
        started: Any = ran[-1].action
        counts.append((await requests.result(desk.client.get_workflow_handle(started.workflow_id)))["counts"])
        await asyncio.sleep(1)  # the time in the workflow's id is in seconds
    await handle.delete()
    assert counts == [{"COMPLETE": 1}, {}]


async def test_a_request_id_is_given_once(desk: TestDesk) -> None:
    desk.load(*many(1))
    handle = await requests.start(desk, *ids(1), approval="automatic")
    assert (await requests.result(handle))["status"] == "COMPLETE"
    with pytest.raises(WorkflowFailureError) as failed:
        await requests.result(await requests.start(desk, *ids(1)))
    cause: Any = failed.value.cause
    assert "made before" in str(cause.cause)
