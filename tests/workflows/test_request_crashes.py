"""A request goes on where its worker was killed: nobody lost, nothing done twice."""

import asyncio
import signal

import pytest
from temporalio.client import Client

from devstack.temporal import TemporalServer
from storage.connection import Books
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.test_crashes import worker


@pytest.mark.timeout(300)  # a kill costs the server's real timeouts until it notices
async def test_a_worker_killed_in_the_middle(client: Client, temporal_server: TemporalServer, books: Books) -> None:
    desk = TestDesk(client, books)
    accounts = [f"A-{number:02d}" for number in range(6)]
    desk.load(*map(drifted, accounts))
    handle = await requests.start(desk, *accounts, approval="automatic", window=3, accounts_a_run=4)
    process = await worker(temporal_server, books)
    try:
        while not requests.counts(desk).get("COMPLETE"):
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process = await worker(temporal_server, books)
        result = await asyncio.wait_for(handle.result(), 200)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    assert (result["status"], result["counts"]) == ("COMPLETE", {"COMPLETE": 6})
    orders = desk.venue_orders()
    assert len(orders) == len({each.client_order_id for each in orders}) == 18
    for account in accounts:
        assert desk.audited(account).count("rebalance started") == 1
        assert desk.audited(account).count("positions booked") == 1
