"""`rebalancer status`: what works, what doesn't, and what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from activities.context import Desk
from devstack.temporal import TemporalServer
from reading.health import status_of_books
from storage.connection import Books
from tests.cli.conftest import Command, Said
from venues.registry import Venues
from worker import make_worker
from workflows.connection import connect
from workflows.contract import ARCHIVE_ID, EVALUATION_ID, TASK_QUEUE
from workflows.schedule import ensure_schedule

CHECKS = ["database", "temporal", "workers", "workflows", "schedule", *status_of_books.NAMES]


@pytest.fixture
def temporal(tmp_path: Path) -> Iterator[TemporalServer]:
    with TemporalServer(log_file=tmp_path / "temporal.log") as server:
        yield server


def failing(said: Said) -> dict[str, str]:
    """What is not ok, as check -> what was found."""
    assert said.json["ok"] is (said.code == 0)
    assert [each["check"] for each in said.json["checks"]] == CHECKS
    return {each["check"]: each["found"] for each in said.json["checks"] if not each["ok"]}


async def test_a_stack_from_its_start_to_its_trouble(
    command: Command, temporal: TemporalServer, books: Books, database_url: str, examples: Path
) -> None:
    """
    servers alone       no schedule, no worker
    schedule, worker    all in order, with nothing loaded yet
    a book              its prices are of its own day
    schedule paused     said, with why
    """

    async def status(form: str = "json") -> Said:
        where = {"REBALANCER_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": temporal.address}
        return await asyncio.to_thread(lambda: command("status", "--format", form, **where))

    client = await connect(temporal.address)
    found = failing(await status())
    assert set(found) == {"workers", "schedule"}
    assert found["schedule"] == f"{EVALUATION_ID} does not exist"
    await ensure_schedule(client)
    async with make_worker(client, Desk(books, Venues(books.engine))):
        fresh = await status()
        assert failing(fresh) == {}
        told = {each["check"]: each["found"] for each in fresh.json["checks"]}
        assert told["workers"] == "1 worker polls task queue rebalancer"
        assert (told["last_evaluation"], told["prices"], told["queue"]) == (
            "none yet",
            "none yet: no book is loaded",
            "empty",
        )
        await asyncio.to_thread(
            lambda: command("load", str(examples / "demo.yaml"), REBALANCER_DATABASE_URL=database_url)
        )
        page = await status("table")
        assert (page.code, page.out.strip().splitlines()[-1]) == (1, "1 thing needs somebody to act.")
        assert "1 symbol held without one that counts: RRC (1 account)" in page.out
        toggle = ("account", "rebalancing", "A-113", "off")
        await asyncio.to_thread(lambda: command(*toggle, REBALANCER_DATABASE_URL=database_url))
        page = await status("table")
        assert (page.code, page.out.strip().splitlines()[-1]) == (0, "Everything works.")
        assert "of 2022-12-28, a historical book: judged from its own day" in page.out
        assert "5 accounts: 1 NO_TARGET, 4 FIRST_REBALANCE" in page.out
        await client.get_schedule_handle(ARCHIVE_ID).pause(note="audit week")
        assert failing(await status()) == {"schedule": f"{ARCHIVE_ID} is paused: audit week"}
        await client.get_schedule_handle(EVALUATION_ID).pause(note="month end")
        assert failing(await status()) == {"schedule": f"{EVALUATION_ID} is paused: month end"}


def test_nothing_answers(command: Command) -> None:
    said = command("status", "--format", "json", REBALANCER_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert said.code == 1
    assert list(failing(said)) == CHECKS
    acting = [each["check"] for each in said.json["checks"] if each["next_action"]]
    assert acting == ["database", "temporal"], "the others are not known without them"


def test_a_database_that_was_never_migrated(command: Command, empty_database_url: str) -> None:
    said = command("status", REBALANCER_DATABASE_URL=empty_database_url)
    assert said.code == 1
    assert "was never migrated" in said.out
    assert "→ python -m storage.migrations" in said.out


async def test_workflows_that_failed_or_are_stuck(
    command: Command, temporal: TemporalServer, books: Books, database_url: str
) -> None:
    """
    asked for wrongly   told to who asked: nothing to act on
    an unknown kind     no worker can take it up: stuck, until somebody ends it
    """

    async def workflows() -> tuple[bool, str]:
        where = {"REBALANCER_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": temporal.address}
        said = await asyncio.to_thread(lambda: command("status", "--format", "json", **where))
        (found,) = (each for each in said.json["checks"] if each["check"] == "workflows")
        return found["ok"], found["found"]

    client = await connect(temporal.address)
    await ensure_schedule(client)
    async with make_worker(client, Desk(books, Venues(books.engine))):
        wrong = await client.start_workflow("RebalanceAccount", {}, id="rebalance/wrong", task_queue=TASK_QUEUE)
        with pytest.raises(WorkflowFailureError):
            await wrong.result()
        assert await _until(workflows, True) == (True, "none is stuck, none failed within a day")
        unknown = await client.start_workflow("NoSuchWorkflow", {}, id="unknown/1", task_queue=TASK_QUEUE)
        ok, found = await _until(workflows, False)
        assert (ok, found.startswith("1 stuck: unknown/1 (its workflow task was tried ")) == (False, True), found
        await unknown.terminate("not known")
        assert (await _until(workflows, True))[0] is True


async def _until(ask: Callable[[], Awaitable[tuple[bool, str]]], ok: bool) -> tuple[bool, str]:
    """Asks until the answer is as expected: the server lists what happened a moment later."""
    for _ in range(30):
        told = await ask()
        if told[0] is ok:
            break
        await asyncio.sleep(1)
    return told
