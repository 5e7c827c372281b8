"""`--dry-run` of what starts workflows: the same checks and refusals, nothing written, and nothing started."""

from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from tests.storage.contents import contents
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.test_model_signals import inside


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer) -> Command:
    return Command(desk, temporal_server)


async def workflows(desk: TestDesk) -> set[str]:
    return {each.id async for each in desk.client.list_workflows()}


async def test_submit(desk: TestDesk, command: Command, tmp_path: Path) -> None:
    desk.load(drifted("A-1"), drifted("A-2"), account("A-3"), account("A-4"))
    handle = await desk.start("A-2")
    await desk.pending(handle)
    before, started = contents(desk.books.engine), await workflows(desk)
    named = await command("submit", "A-1", "A-2", "--by", "ann", "--dry-run")
    assert (named.code, named.out) == (1, "A-1\nA-2\n")
    assert named.err.splitlines()[0] == "2 accounts would be submitted"
    assert "account A-2 is busy" in named.err
    assert named.err.splitlines()[-2] == "dry run: nothing was written"
    of_queue = ("submit", "--queue", "--reason", "FIRST_REBALANCE", "--dry-run")
    queued = await command(*of_queue, "--format", "json")
    assert (queued.code, queued.json) == (
        0, {"request_id": None, "accounts": 2, "busy": [], "account_ids": ["A-3", "A-4"]}
    )  # fmt: skip
    unknown = await command("submit", "A-1", "A-9", "--dry-run")
    assert (await command("submit", "A-1", "--dry-run", "--wait")).code == 2
    assert contents(desk.books.engine) == before
    assert await workflows(desk) == started
    assert (unknown.code, unknown.err) == (1, (await command("submit", "A-1", "A-9")).err)
    file = tmp_path / "accounts"
    file.write_text((await command(*of_queue)).out)
    real = await command("submit", "--file", str(file), "--by", "ann")
    assert (real.code, real.err.splitlines()[0]) == (
        0, f"2 accounts submitted as {real.out.strip()}. See: rebalancer show {real.out.strip()}"
    )  # fmt: skip


async def test_model_signal(desk: TestDesk, command: Command, tmp_path: Path) -> None:
    desk.load(inside("A-1"), inside("A-2"))
    file = tmp_path / "m.json"
    file.write_text('{"id": "M", "version": 21, "holdings": [{"symbol": "Y", "weight": "1"}]}')
    before, started = contents(desk.books.engine), await workflows(desk)
    dry = await command("model", "signal", str(file), "--dry-run")
    assert (dry.code, dry.out) == (0, "model-signal/M/21\n"), dry.err
    assert dry.err.splitlines() == [
        "dry run: nothing was written",
        "version 21 of model M would be stored (was 1); 2 open sleeves would trade to it.",
    ]
    assert (await command("model", "signal", str(file), "--dry-run", "--wait")).code == 2
    table = tmp_path / "m.csv"
    table.write_text("symbol,weight\nX,0.5\nY,0.5\n")
    old = ("model", "signal", str(table), "--id", "M", "--version", "1")
    refused = await command(*old, "--dry-run")
    assert contents(desk.books.engine) == before
    assert await workflows(desk) == started
    assert (refused.code, refused.err) == (1, (await command(*old)).err)
    real = await command("model", "signal", str(file), "--wait")
    assert (real.code, real.out) == (0, dry.out), real.err
