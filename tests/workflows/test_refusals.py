"""What is refused is recorded too, whoever was asked: the workflow by any client, or the command."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowFailureError

from tests.workflows.desk import TestDesk, account


async def refusals(desk: TestDesk, count: int) -> list[tuple[Any, ...]]:
    """The refusals recorded, once there are so many of them."""
    query = text(
        "SELECT action, who, account_id, rebalance_id, workflow_id, after ->> 'given', after ->> 'reason'"
        " FROM audit_records WHERE action LIKE '% refused' ORDER BY id"
    )
    for _ in range(200):
        with desk.books.engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(query)]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_an_approval_by_who_asked_for_it(desk: TestDesk) -> None:
    desk.load(account())
    handle = await desk.start()
    pending = await desk.pending(handle)
    reason = await desk.refused(handle, "approve", {"by": "ann"})
    assert await refusals(desk, 1) == [
        ("approve refused", "ann", "A-1", pending["rebalance_id"], "rebalance/A-1", "{'by': 'ann'}", reason)
    ]
    await desk.approve(handle)
    await handle.result()
    assert len(await refusals(desk, 1)) == 1
    history = await handle.fetch_history()
    assert not any("four eyes" in str(event) for event in history.events)  # why the record is needed


@pytest.mark.parametrize(
    ("given", "who"),
    [({"by": ""}, "unknown"), ({}, "unknown"), ("ben", "unknown"), ({"by": "ben", "rebalance_id": "R-9"}, "ben")],
)
async def test_an_update_that_can_not_be_read_or_means_another_plan(desk: TestDesk, given: Any, who: str) -> None:
    desk.load(account())
    handle = await desk.start()
    await desk.pending(handle)
    await desk.refused(handle, "cancel", given)
    assert (await refusals(desk, 1))[0][:3] == ("cancel refused", who, "A-1")


@pytest.mark.parametrize(
    ("given", "who", "reason"),
    [({"requested_by": "ann", "mode": "gentle"}, "ann", '"mode"'), ({"requested_by": "eve"}, "eve", "unknown account")],
)
async def test_input_that_starts_nothing(desk: TestDesk, given: dict[str, Any], who: str, reason: str) -> None:
    handle = await desk.start("nobody", **given)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    found = (await refusals(desk, 1))[0]
    assert found[:5] == ("RebalanceAccount refused", who, "nobody", None, "rebalance/nobody")
    assert reason in found[6]
