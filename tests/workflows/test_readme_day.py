"""The README's day in commands, typed row by row as it stands there: a line that is wrong in it fails here.

Only what a command before has printed is put in its place: the id of a rebalance, and the digest of its plan.
"""

import re
import shlex
import signal
from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from tests.workflows.command import Command, Said
from tests.workflows.desk import TestDesk

PROJECT = Path(__file__).parents[2]
LEAST = 15  # commands of the day


def day() -> list[str]:
    """The commands of the table's first column, in their order; each once."""
    _, _, rest = (PROJECT / "README.md").read_text(encoding="utf-8").partition("## A day in commands")
    rows = [line.split(" | ") for line in rest.partition("## The layout")[0].splitlines() if line.startswith("| ")]
    return [each for row in rows[1:] for each in re.findall(r"`(rebalancer [^`]+)`", row[1])]


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(PROJECT)
    return Command(desk, temporal_server)


async def test_every_command_of_the_day(desk: TestDesk, command: Command) -> None:
    typed, said = day(), dict[str, Said]()
    assert len(typed) >= LEAST
    for line in typed:
        words = shlex.split(line)[1:]
        if "R-000001" in words:
            words = await _of_what_waits(command, words)
        if line.endswith("--queue --by ann --wait"):
            said[line] = await _followed(command, words)
        else:
            said[line] = await command(*words)
        assert "Traceback" not in said[line].err, (line, said[line].err)
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


async def _of_what_waits(command: Command, words: list[str]) -> list[str]:
    """The command about a rebalance that waits and liquidates nothing; an approval names its plan, as away from a
    terminal it has to."""
    for each in (await command("history", "--status", "PENDING_APPROVAL", "--format", "json")).json:
        shown = (await command("show", each["rebalance_id"], "--format", "json")).json
        if not shown["plan"]["liquidation"]:
            digest = ["--plan", shown["plan_digest"][:8]] if words[0] == "approve" else []
            return [shown["rebalance_id"] if word == "R-000001" else word for word in words] + digest
    raise AssertionError("nothing waits for an approval")


async def _followed(command: Command, words: list[str]) -> Said:
    """Follows until only people are waited for, then stops looking; the request goes on."""
    running = await command.started(*words)
    await running.line_with("next: rebalancer approve")
    running.process.send_signal(signal.SIGINT)
    ended = await running.ended()
    assert ended.code == 130
    return Said(0, ended.out, ended.err)
