"""EXPIRED: not approved before the exchange's close. The server skips the time; nothing sleeps."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from storage.connection import Books
from tests.workflows.desk import TestDesk, drifted
from workflows.search_attributes import NAMES


@pytest.fixture
async def skipping_client() -> AsyncIterator[Client]:
    arguments = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    for name in NAMES:
        arguments += ["--search-attribute", f"{name}=Keyword"]
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=arguments,
        data_converter=pydantic_data_converter,
    )
    async with environment:
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
