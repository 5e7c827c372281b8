"""Fixtures of the workflow tests: a real Temporal server, and a desk at it."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.temporal import TemporalServer
from storage.connection import Books
from tests.workflows.desk import TestDesk
from workflows.connection import connect


@pytest.fixture(scope="session")
def temporal_server() -> Iterator[TemporalServer]:
    with TemporalServer() as server:
        yield server


@pytest.fixture
async def client(temporal_server: TemporalServer) -> Client:
    return await connect(temporal_server.address)


@pytest.fixture
async def desk(client: Client, books: Books) -> AsyncIterator[TestDesk]:
    """A desk with a worker at work. Whatever a test leaves running is ended."""
    made = TestDesk(client, books)
    async with made.working():
        yield made
    async for left in client.list_workflows("ExecutionStatus = 'Running'"):
        with contextlib.suppress(RPCError):  # the listing lags: it may have ended by itself
            await client.get_workflow_handle(left.id).terminate()
