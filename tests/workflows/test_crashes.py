"""A worker killed and started again between every two steps: nothing lost, nothing done twice.

test_request_crashes.py has one kill, in the middle of a request.
"""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from devstack.temporal import TemporalServer
from storage.connection import Books
from storage.engine import DATABASE_URL
from tests.workflows.desk import TestDesk, drifted

PROJECT = Path(__file__).resolve().parents[2]


async def worker(server: TemporalServer, books: Books) -> asyncio.subprocess.Process:
    url = books.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {DATABASE_URL: url, "TEMPORAL_ADDRESS": server.address}
    return await asyncio.create_subprocess_exec(
        sys.executable, "worker.py", cwd=PROJECT, env=environment, stderr=asyncio.subprocess.DEVNULL
    )


async def steps_done(handle: WorkflowHandle[object, object]) -> list[str]:
    """The activities that have completed, in order."""
    names, done = {}, []
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            names[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            done.append(names[event.activity_task_completed_event_attributes.scheduled_event_id])
    return done


@pytest.mark.trial
@pytest.mark.timeout(300)  # slow for a reason: every kill costs the server's real timeouts until it notices
async def test_killed_after_every_step_and_still_done_once(
    client: Client, temporal_server: TemporalServer, books: Books
) -> None:
    desk = TestDesk(client, books)
    desk.load(drifted())
    handle = await desk.start()
    kills, seen, approved, give_up = 0, 0, False, time.monotonic() + 240
    process = await worker(temporal_server, books)
    try:
        while time.monotonic() < give_up:
            await asyncio.sleep(0.02)
            done = await steps_done(handle)
            if "reconcile" in done:
                break
            if len(done) > seen:
                seen = len(done)
                kills += 1
                process.send_signal(signal.SIGKILL)
                await process.wait()
                process = await worker(temporal_server, books)
            if "generate_trades" in done and not approved:
                await desk.pending(handle)
                await desk.approve(handle)
                approved = True
        result = await asyncio.wait_for(handle.result(), timeout=60)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    assert kills >= 4
    assert result["status"] == "COMPLETE", result
    orders = desk.venue_orders()
    assert len(orders) == len(result["orders"]) == 3
    # Z rises from 23,000 to 36.48 %, 13,480; cash may fall from 2,000 to 1.5 %, 1,500: M sells 12,980
    assert desk.snapshot().account.managed.cash == Decimal("1500.00")
    audited = Counter(desk.audited())
    for once in ("rebalance started", "approved", "positions booked", "rebalance ended"):
        assert audited[once] == 1, audited
    assert audited["order filled"] == 3
