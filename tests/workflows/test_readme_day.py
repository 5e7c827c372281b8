"""The README's day in commands, typed row by row as it stands there: a line that is wrong in it fails here.

Only what a command before has printed is put in its place: the id of a rebalance, and the digest of its plan.
"""

import asyncio
import os
import re
import shlex
import signal
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from tests.workflows.command import REBALANCER, Command, Said
from tests.workflows.desk import TestDesk

PROJECT = Path(__file__).parents[2]
LEAST = 15  # commands of the day


def rows() -> list[tuple[list[str], list[str]]]:
    """The table's rows in their order: what is typed of `rebalancer`, and of `temporal`."""
    _, _, rest = (PROJECT / "README.md").read_text(encoding="utf-8").partition("## A day in commands")
    cells = [line.split(" | ") for line in rest.partition("## The layout")[0].splitlines() if line.startswith("| ")]
    return [(re.findall(r"`(rebalancer [^`]+)`", row[1]), re.findall(r"`(temporal [^`]+)`", row[2])) for row in cells]


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(PROJECT)
    return Command(desk, temporal_server)


async def test_every_command_of_the_day(command: Command) -> None:
    typed, said = [each for ours, _ in rows() for each in ours], dict[str, Said]()
    assert len(typed) >= LEAST
    for line in typed:
        said[line] = await _typed(command, line)
        expected = {0, 1} if line == "rebalancer status" else {0}  # before anything is loaded, that is red
        assert said[line].code in expected, (line, said[line])
    assert "A-103" in said["rebalancer queue"].out
    assert "1 new" in said["rebalancer prices examples/day/closes.csv"].out
    assert (
        "version 2 of model LARGE-GROWTH stored" in said["rebalancer model signal examples/day/signal.json --wait"].err
    )
    assert "STARTER is now version 2" in said["rebalancer target edit examples/day/target.yaml"].out
    assert "approved by ben: executing" in said["rebalancer approve R-000001 --by ben"].out
    assert "cancelled by ben" in said["rebalancer cancel R-000001 --by ben"].out


ANSWERS = {  # what each of Temporal's commands begins with, and what its answer has
    "task-queue describe": "@",  # who polls
    "workflow query --workflow-id model-signal": "traded",
    "workflow execute --type DailyTargetEvaluation": "unable_to_check",
    "workflow start --type RebalanceAccount": "rebalance/A-103",
    "workflow start --type RebalanceRequest": "rebalance-request/Q-7",
    "workflow list": "rebalance/A-103",
    "workflow query --workflow-id rebalance/A-103": "PENDING APPROVAL",
    "workflow update execute --workflow-id rebalance/A-103 --name approve": "executing",
    "workflow update execute --workflow-id rebalance/A-103 --name cancel": "cancelled_by",
}


async def test_the_same_day_in_temporal_s_commands(command: Command) -> None:
    """Ours only where nothing is Temporal's business, and where a query asks what a signal did."""
    typed = 0
    for ours, theirs in rows():
        for line in ours if not theirs or "signal" in theirs[0] else ():
            assert (await _typed(command, line)).code == 0, line
        for line in theirs:
            (told,) = [told for begins, told in ANSWERS.items() if line.startswith(f"temporal {begins}")]
            await _of_temporal(command, line, told)
            typed += 1
    assert typed >= len(ANSWERS)


async def _typed(command: Command, line: str) -> Said:
    """What one of our commands answers, with the rebalance that waits where the README names one."""
    words = shlex.split(line)[1:]
    if "R-000001" in words:
        rebalance, _, digest = await _waiting(command)
        words = [rebalance if word == "R-000001" else word for word in words]
        words += ["--plan", digest] if words[0] == "approve" else []  # away from a terminal, it has to be named
    said = await (_followed(command, words) if line.endswith("--queue --by ann --wait") else command(*words))
    assert "Traceback" not in said.err, (line, said.err)
    return said


async def _of_temporal(command: Command, line: str, told: str) -> None:
    """Types a command of Temporal's, with the digest of the plan that waits; what is cancelled is another account's,
    as by then the README's own was approved. What only looks is asked again: it may lag."""
    if "--workflow-id rebalance/A-103 --name" in line:
        _, account, digest = await _waiting(command, "" if "cancel" in line else "A-103")
        line = line.replace("A-103", account).replace("1f3870be", digest)
    for _ in range(40):
        code, said = await _shell(command, line)
        if code or told in said or not re.search("workflow (list|query)", line):
            break
        await asyncio.sleep(0.5)
    assert (code, told in said) == (0, True), (line, said)


async def _shell(command: Command, line: str) -> tuple[int, str]:
    path = {"PATH": f"{Path(REBALANCER).parent}{os.pathsep}{os.environ['PATH']}"}
    shell = await asyncio.create_subprocess_shell(line, env=command.environment | path, stdout=PIPE, stderr=STDOUT)
    said, _ = await asyncio.wait_for(shell.communicate(), 90)
    return shell.returncode or 0, said.decode()


async def _waiting(command: Command, of: str = "") -> Sequence[str]:
    """A rebalance that waits and liquidates nothing: its id, its account, and its plan's digest."""
    for _ in range(120):
        for each in (await command("history", "--status", "PENDING_APPROVAL", "--format", "json")).json:
            shown = (await command("show", each["rebalance_id"], "--format", "json")).json
            if not shown["plan"]["liquidation"] and of in ("", each["account_id"]):
                return shown["rebalance_id"], each["account_id"], shown["plan_digest"][:8]
        await asyncio.sleep(0.5)
    raise AssertionError("nothing waits for an approval")


async def _followed(command: Command, words: list[str]) -> Said:
    """Follows until only people are waited for, then stops looking; the request goes on."""
    running = await command.started(*words)
    await running.line_with("next: rebalancer approve")
    running.process.send_signal(signal.SIGINT)
    ended = await running.ended()
    assert ended.code == 130
    return Said(0, ended.out, ended.err)
