"""`rebalancer status`: what works, what doesn't, and what to do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.context import Desk
from devstack.temporal import TemporalServer
from reading.health import status_of_books
from storage.connection import Books
from tests.cli.conftest import Command, Said
from venues.registry import Venues
from worker import make_worker
from workflows.connection import connect
from workflows.contract import ARCHIVE_ID, EVALUATION_ID
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
