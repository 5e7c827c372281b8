"""A new version of the workers beside an old one on one server: what began on the old one finishes on it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.temporal import TemporalServer
from reading.health.status import _versioned
from storage.connection import Books
from tests.workflows.desk import TestDesk, drifted
from worker import make_worker
from workflows import deployment
from workflows.connection import connect


@pytest.fixture(scope="module")
def server() -> Iterator[TemporalServer]:
    """One of these tests' own: which version is current holds for a whole server."""
    with TemporalServer() as started:
        yield started


@pytest.fixture
async def desk(server: TemporalServer, books: Books) -> AsyncIterator[TestDesk]:
    yield TestDesk(await connect(server.address), books)


async def config(client: Client, build_id: str, **more: str) -> object:
    return await deployment.config(client, {"REBALANCER_BUILD_ID": build_id, **more})


async def made_current(client: Client, build_id: str) -> None:
    """As soon as the server knows the version: its workers have just begun to poll."""
    for _ in range(100):
        try:
            return await deployment.make_current(client, build_id)
        except RPCError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"{build_id} is never known")


async def ran_on(desk: TestDesk, account_id: str) -> list[str]:
    """The versions that carried an account's rebalance, in order."""
    history = await desk.client.get_workflow_handle(f"rebalance/{account_id}").fetch_history()
    tasks = [each for each in history.events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    builds = [each.workflow_task_completed_event_attributes.deployment_version.build_id for each in tasks]
    return list(dict.fromkeys(builds))


async def test_what_is_under_way_finishes_on_its_version(desk: TestDesk) -> None:
    desk.load(drifted("A-1"), drifted("A-2"))
    client, work = desk.client, desk.desk
    assert await deployment.config(client, {}) is None, "where nobody uses versions, a worker has none"
    async with make_worker(client, work, version=await config(client, "1")):
        await made_current(client, "1")
        old = await desk.start("A-1")
        await desk.pending(old)
        async with make_worker(client, work, version=await config(client, "2")):
            await made_current(client, "2")
            new = await desk.start("A-2")
            await desk.pending(new)
            states = {each.build_id: each.state.partition(":")[0] for each in await deployment.versions(client)}
            assert states == {"2": "current", "1": "draining"}
            for handle in (old, new):
                await desk.approve(handle)
                assert (await handle.result())["status"] == "COMPLETE"
    assert await ran_on(desk, "A-1") == ["1"]
    assert await ran_on(desk, "A-2") == ["2"]
    assert (await deployment.config(client, {})).version.build_id == deployment.package_version()  # type: ignore[union-attr]


async def test_on_one_machine_it_goes_on_with_the_new_version(desk: TestDesk) -> None:
    desk.load(drifted("B-1"))
    client, work, moves = desk.client, desk.desk, {"REBALANCER_VERSIONING": "auto_upgrade"}
    async with make_worker(client, work, version=await config(client, "3", **moves)):
        await made_current(client, "3")
        handle = await desk.start("B-1")
        await desk.pending(handle)
    async with make_worker(client, work, version=await config(client, "4", **moves)):
        await made_current(client, "4")
        await desk.approve(handle)
        assert (await handle.result())["status"] == "COMPLETE"
    assert await ran_on(desk, "B-1") == ["3", "4"]


async def test_a_wrong_setting_is_refused_in_words(desk: TestDesk) -> None:
    with pytest.raises(ValueError, match=r"REBALANCER_VERSIONING=loose is not one of pinned, auto_upgrade"):
        await config(desk.client, "5", REBALANCER_VERSIONING="loose")
    with pytest.raises(RPCError, match=r"not found|no Worker Deployment found"):
        await deployment.make_current(desk.client, "never-seen")


@pytest.mark.parametrize(
    ("builds", "current", "ok", "told"),
    [
        ({""}, "", True, "1 worker polls"),
        ({"0.1.0"}, "0.1.0", True, "1 worker polls, version 0.1.0"),
        ({"0.1.0", "0.2.0"}, "0.2.0", True, "1 worker polls, version 0.2.0"),
        ({"0.2.0"}, "0.1.0", False, "their version is 0.2.0, the current one 0.1.0"),
        ({"0.2.0"}, "", False, "their version is 0.2.0, the current one none"),
        ({""}, "0.1.0", False, "their version is none, the current one 0.1.0"),
    ],
)
def test_status_sees_workers_that_get_no_work(builds: set[str], current: str, ok: bool, told: str) -> None:
    check = _versioned("1 worker polls", builds, current)
    assert check.ok is ok
    assert check.found.endswith(told)
    assert bool(check.next_action) is not ok
