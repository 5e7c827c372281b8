"""The commands about requests, as an operator types them at a running stack: submit, follow, interrupt, decide."""

import asyncio
import contextlib
import os
import pty
import signal

import pytest

from devstack.temporal import TemporalServer
from tests.workflows import requests_desk as requests
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.terminal import screen


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer) -> Command:
    return Command(desk, temporal_server)


async def test_submit_decide_and_follow(desk: TestDesk, command: Command) -> None:
    desk.load(drifted("A-1"), drifted("A-2"), account("A-3", target="BIG-ONLY"))
    said = await command("submit", "A-1", "A-2", "A-3", "A-1", "--by", "ann")
    assert said.code == 0, said.err
    request_id = said.out.strip()
    assert f"3 accounts submitted as {request_id}" in said.err
    handle = desk.client.get_workflow_handle(f"rebalance-request/{request_id}")
    await requests.until(handle, lambda told: told["counts"] == {"FAILED": 1, "PENDING_APPROVAL": 2})

    shown = await command("show", request_id)
    assert f"next: rebalancer approve {request_id} --by WHO (or cancel) decides 2 at once" in shown.out
    assert "Model Big can't open" in shown.out
    refused = await command("approve", request_id, "--by", "ann")
    assert (refused.code, refused.out) == (1, "")
    assert "four eyes" in refused.err

    waiting = await command.started("submit", "--resume", request_id)  # what --wait does after submitting
    assert "0 of" not in await waiting.line_with("PENDING_APPROVAL")
    plans = (await command("show", request_id, "--format", "json")).json["plans"]
    approved = await command("approve", request_id, "--by", "ben", "--plan", plans[:8])
    assert approved.out.strip() == f"{request_id}  2 accounts approved by ben"
    followed = await waiting.ended()
    assert followed.code == 1  # one FAILED
    assert "3 of 3 ended: 2 COMPLETE, 1 FAILED" in followed.err
    assert f"rebalancer submit --failed-of {request_id}" in followed.out

    nothing = await command("cancel", request_id, "--by", "ben")
    assert nothing.code == 1
    assert "nothing of" in nothing.err
    again = await command("submit", "--failed-of", request_id, "--by", "ann", "--wait", "--format", "json")
    told = again.json
    assert (again.code, told["status"], told["accounts"]) == (1, "FAILED", 1)
    assert [each["account_id"] for each in told["rebalances"]] == ["A-3"]
    listed = (await command("history", "--request", request_id, "--format", "json")).json
    assert sorted(each["account_id"] for each in listed) == ["A-1", "A-2", "A-3"]


async def test_interrupted_while_it_waits_and_resumed(desk: TestDesk, command: Command) -> None:
    desk.load(drifted("A-1"), drifted("A-2"))
    waiting = await command.started("submit", "A-1", "A-2", "--by", "ann", "--wait")
    await waiting.line_with("2 PENDING_APPROVAL")
    waiting.process.send_signal(signal.SIGINT)
    said = await waiting.ended()
    request_id = said.out.strip()
    assert said.code == 130
    assert f"{request_id} goes on. Follow it again: rebalancer submit --resume {request_id}" in said.err
    assert "Traceback" not in said.err
    again = await command.started("submit", "--resume", request_id, "--format", "json")
    await again.line_with("2 PENDING_APPROVAL")
    assert (await command("approve", request_id, "--by", "ben", "--unseen")).code == 0
    followed = await again.ended()
    assert (followed.code, followed.json["status"], followed.json["counts"]) == (0, "COMPLETE", {"COMPLETE": 2})


@pytest.mark.parametrize("columns", [44, 70, 120])
async def test_on_a_terminal_it_is_a_bar_and_what_is_said_stands_above_it(
    desk: TestDesk, command: Command, columns: int
) -> None:
    desk.load(drifted("A-1"))
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command.words("submit", "A-1", "--by", "ann", "--wait"),
        env=command.environment | {"TERM": "xterm", "COLUMNS": str(columns)},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen, decided = b"", False
    with contextlib.suppress(OSError):  # a terminal ends with an error
        while more := await asyncio.to_thread(os.read, ours, 4096):
            seen += more
            if b"next: rebalancer approve" in seen and not decided:
                decided = True
                assert (await command("approve", "R-000001", "--by", "ben", "--unseen")).code == 0
    os.close(ours)
    assert await process.wait() == 0
    shown = screen(seen.decode(), columns)
    whole = "".join(shown)
    assert whole.count("next: rebalancer approve") == 1
    assert any(line.startswith("next: rebalancer approve") for line in shown), shown
    (bar,) = [line for line in shown if "1/1" in line]
    assert bar.endswith("1/1 1 COMPLETE"), shown
    assert ("━" in bar) is (columns > 44)
    assert not any("/?" in line or "0/1" in line for line in shown), shown


async def test_pause_resume_and_a_busy_account(desk: TestDesk, command: Command) -> None:
    desk.load(drifted("A-1"), drifted("A-2"))
    first = (await command("submit", "A-1", "--by", "ann")).out.strip()
    handle = desk.client.get_workflow_handle(f"rebalance-request/{first}")
    await requests.pending(handle, 1)
    busy = await command("submit", "A-1")
    assert (busy.code, busy.out) == (1, "")
    assert "account A-1 is busy: R-000001 is PENDING_APPROVAL (EXEC-3)" in busy.err
    both = await command("submit", "A-1", "A-2", "--format", "json")
    assert (both.code, both.json["accounts"], len(both.json["busy"])) == (1, 2, 1)
    assert (await command("pause", first, "--by", "ben")).out.strip() == f"{first}  paused by ben"
    assert (await command("show", first, "--format", "json")).json["status"] == "PAUSED"
    assert "PAUSED" in (await command("pause", first)).err
    assert (await command("approve", first, "--by", "ben", "--unseen")).code == 0  # it waits for the resumption
    assert (await command("resume", first, "--by", "ben")).code == 0
    assert (await requests.result(handle))["status"] == "COMPLETE"
    assert "is not running" in (await command("resume", first)).err
    assert "is a rebalance" in (await command("pause", "R-000001")).err
    second = both.json["request_id"]
    await requests.until(
        desk.client.get_workflow_handle(f"rebalance-request/{second}"),
        lambda told: told["counts"] == {"BUSY": 1, "PENDING_APPROVAL": 1},
    )
    cancelled = await command("cancel", second, "--by", "ann", "--why", "no more")
    assert cancelled.out.strip() == f"{second}  1 account cancelled by ann"


async def test_a_request_whose_workflow_was_terminated(desk: TestDesk, command: Command) -> None:
    """Its accounts go on by themselves, and can be decided about; what was never started is submitted again."""
    desk.load(drifted("A-1"), drifted("A-2"))
    handle = await requests.start(desk, "A-1", "A-2", window=1)
    await requests.pending(handle, 2)
    await handle.terminate()
    gone = await command("submit", "--resume", "Q-1")
    assert gone.code == 1
    assert "terminated" in gone.err.lower()
    blind = await command("approve", "Q-1", "--by", "ben")
    assert (blind.code, blind.out) == (1, "")
    assert "does not name the plans that are pending (DECIDE-1)" in blind.err
    plans = (await command("show", "Q-1", "--format", "json")).json["plans"]
    said = await command("approve", "Q-1", "--by", "ben", "--plan", plans)
    assert said.code == 0, said.err
    assert "A-1  approved by ben" in said.out
    assert "nothing of Q-1 FAILED" in (await command("submit", "--failed-of", "Q-1")).err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("submit", 2, "name accounts"),
        ("submit A-1 --queue", 2, "one of them"),
        ("submit A-1 --reason MANUAL", 2, "--reason goes with --queue"),
        ("submit A-1 --raise-cash 0", 2, "an amount above 0"),
        ("submit A-1 --raise-cash 5 --invest-cash 5", 2, "exclude each other"),
        ("submit NOBODY", 1, "unknown account NOBODY"),
        ("submit --queue --reason WHIM", 1, "unknown reason WHIM"),
        ("submit --queue --reason NO_TARGET", 1, "nothing is queued for NO_TARGET"),
        ("submit --failed-of Q-909", 1, "Q-909 is no request"),
        ("submit --resume Q-909", 1, "Q-909 is no request"),
        ("approve Q-909", 1, "Q-909 is no rebalance and no request"),
        ("pause Q-909", 1, "request Q-909 is not running"),
        ("show Q-909", 1, "Q-909 is no rebalance and no request"),
    ],
)
async def test_what_can_not_be_is_said_in_a_line(
    desk: TestDesk, command: Command, words: str, code: int, told: str
) -> None:
    desk.load(drifted("A-1"))
    said = await command(*words.split())
    assert (said.code, said.out) == (code, ""), said
    assert told in said.err
    assert "Traceback" not in said.err
