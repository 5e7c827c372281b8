"""Histories of closed workflows are kept for good: by the worker that ended them, or by the sweep; and they replay."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, Row, text
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from storage.record.histories import HistoryDamaged, history_of
from storage.record.verification import snapshot, verify
from tests.workflows.desk import TestDesk, account
from workflows.contract import ARCHIVE_ID, TASK_QUEUE
from workflows.rebalance_account import RebalanceAccount


def kept(desk: TestDesk) -> list[Row[Any]]:
    with desk.books.engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM workflow_histories ORDER BY started_at, run_id")))


async def soon(desk: TestDesk, count: int) -> list[Row[Any]]:
    """What is kept, once it is so much."""
    for _ in range(300):
        if len(found := kept(desk)) >= count:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def sweep(client: Client, **given: Any) -> dict[str, Any]:
    done: dict[str, Any] = await client.execute_workflow(
        "ArchiveHistories", given, id=ARCHIVE_ID, task_queue=TASK_QUEUE
    )
    return done


async def test_what_a_worker_ended_is_kept_and_replays(desk: TestDesk) -> None:
    desk.load(account())
    done = await desk.rebalance()
    row = (await soon(desk, 1))[0]
    assert (row.workflow_id, row.workflow_type, row.status) == ("rebalance/A-1", "RebalanceAccount", "COMPLETED")
    assert row.first_run_id == desk.row(done["rebalance_id"]).start_key.partition("#")[2]
    history = WorkflowHistory.from_json(row.workflow_id, history_of(row))
    assert len(history.events) == row.events
    replayer = Replayer(workflows=[RebalanceAccount], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)
    with snapshot(desk.books.engine) as connection:
        archived = connection.execute(
            text(
                "SELECT after ->> 'sha256' FROM audit_records WHERE action = 'history archived' AND account_id = 'A-1'"
            )
        ).scalar_one()
        assert verify(connection).faults == []
    assert archived == row.sha256.hex()


async def terminated(desk: TestDesk, account_id: str) -> tuple[str, str]:
    """A rebalance ended from outside, as (run id, status): no worker saw it end."""
    handle = await desk.start(account_id)
    await desk.pending(handle)
    await handle.terminate("by hand")
    return handle.first_execution_run_id or "", "TERMINATED"


async def swept(desk: TestDesk, account_id: str, count: int, **given: Any) -> list[tuple[str, str]]:
    """The kept runs of an account after sweeps; the server's list of closed workflows lags."""
    for _ in range(100):
        await sweep(desk.client, **given)
        found = [(row.run_id, row.status) for row in kept(desk) if row.workflow_id == f"rebalance/{account_id}"]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


async def test_the_sweep_finds_what_was_missed_and_seals_the_day(desk: TestDesk) -> None:
    desk.load(account("A-7"))
    missed = await terminated(desk, "A-7")
    assert await swept(desk, "A-7", 1) == [missed]
    with desk.books.transaction() as books:
        seal = books.seals.last()
    assert seal is not None
    assert (await sweep(desk.client, since="2100-12-31"))["seen"] == 0


async def test_pages_go_on_where_they_were(desk: TestDesk) -> None:
    desk.load(account("A-8"))
    missed = [await terminated(desk, "A-8") for _ in range(2)]
    assert await swept(desk, "A-8", 2, page_size=1) == missed


async def test_a_sweep_of_no_day_is_refused(desk: TestDesk) -> None:
    with pytest.raises(WorkflowFailureError) as told:
        await sweep(desk.client, since="yesterday")
    assert 'archive refused: "since"' in str(told.value.cause)


async def test_a_history_that_was_changed_is_not_taken_for_it(desk: TestDesk, owner: Engine) -> None:
    desk.load(account())
    await desk.rebalance()
    row = (await soon(desk, 1))[0]
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE workflow_histories SET content = :other"), {"other": row.content[:-9]})
    with pytest.raises(HistoryDamaged, match=r"rebalance/A-1.* can't be unpacked"):
        history_of(kept(desk)[0])
