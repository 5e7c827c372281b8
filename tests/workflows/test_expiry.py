"""EXPIRED: not approved before the exchange's close. The server skips the time; nothing sleeps."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from storage.connection import Books
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.scenarios import skipping


@pytest.fixture
async def skipping_client() -> AsyncIterator[Client]:
    async with await skipping() as environment:
        yield environment.client


async def test_a_rebalance_that_nobody_approves_expires_at_the_close(skipping_client: Client, books: Books) -> None:
    desk = TestDesk(skipping_client, books)
    desk.load(drifted())
    async with desk.working():
        handle = await desk.start()
        result = await handle.result()
    assert result["status"] == "EXPIRED"
    assert "close" in result["issue"]
    assert desk.venue_orders() == []
    assert desk.row(result["rebalance_id"]).status == "EXPIRED"
    entry = desk.entry()
    assert entry is not None  # QUEUE-5
    assert entry.last_issue == result["issue"]
