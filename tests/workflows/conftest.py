"""Fixtures of the workflow tests: a real Temporal server, and a desk at it."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.connection import StackConnection, write
from devstack.orphans import birth
from devstack.temporal import TemporalServer
from storage.connection import Books
from tests.workflows.desk import TestDesk
from tests.workflows.operating import Operator
from workflows.connection import connect
from workflows.contract import ARCHIVE_ID, EVALUATION_ID


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


@pytest.fixture
async def idle(client: Client, books: Books) -> AsyncIterator[TestDesk]:
    """A desk at which nobody works yet, and whose schedules an operator may make."""
    yield TestDesk(client, books)
    async for left in client.list_workflows("ExecutionStatus = 'Running'"):
        await client.get_workflow_handle(left.id).terminate()
    for each in (EVALUATION_ID, ARCHIVE_ID):
        with contextlib.suppress(RPCError):  # there is none
            await client.get_schedule_handle(each).delete()


@pytest.fixture
def operator(
    idle: TestDesk, temporal_server: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    """Who knows the stack's home, and nothing else."""
    url = idle.books.engine.url.render_as_string(hide_password=False)
    me = os.getpid()
    write(StackConnection(tmp_path, me, birth(me) or "", url, temporal_server.address, None, None, "", (), alive=True))
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "REBALANCER_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REBALANCER_HOME", str(tmp_path))
    return Operator(idle, tmp_path, temporal_server)
