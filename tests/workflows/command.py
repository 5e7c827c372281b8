"""`rebalancer` as an operator calls it at the test's stack, beside the test's own worker."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from anchors.settings import ANCHORS
from devstack.temporal import TemporalServer
from policy.clock import the_clock
from storage.engine import DATABASE_URL
from tests.forked import Said, rebalancer
from tests.workflows.desk import TestDesk

REBALANCER = str(Path(sys.executable).with_name("rebalancer"))
PATIENCE = 90  # seconds


@dataclass
class Running:
    """A command at work; what it said so far on standard error is kept."""

    process: Process
    lines: list[str] = field(default_factory=list)

    async def line_with(self, words: str) -> str:
        """Waits until it says a line with these words."""
        assert self.process.stderr
        while line := await asyncio.wait_for(self.process.stderr.readline(), PATIENCE):
            self.lines.append(line.decode())
            if words in self.lines[-1]:
                return self.lines[-1]
        raise AssertionError(f"it ended without saying {words}: {self.lines}")

    async def ended(self) -> Said:
        """Waits for its end."""
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        return Said(self.process.returncode or 0, out.decode(), "".join(self.lines) + err.decode())


class Command:
    """`await command("submit", "A-1")`."""

    def __init__(self, desk: TestDesk, server: TemporalServer) -> None:
        url = desk.books.engine.url.render_as_string(hide_password=False)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "REBALANCER_"))}
        kept |= the_clock().environment
        self._anchors = TemporaryDirectory()  # a database of its own has seals of its own
        kept[ANCHORS] = f"file:{self._anchors.name}/seals.jsonl"
        self.environment = kept | {DATABASE_URL: url, "TEMPORAL_ADDRESS": server.address, "COLUMNS": "160"}

    def words(self, *arguments: str) -> list[str]:
        return [REBALANCER, *arguments]

    async def started(self, *arguments: str) -> Running:
        words = self.words(*arguments)
        return Running(await asyncio.create_subprocess_exec(*words, env=self.environment, stdout=PIPE, stderr=PIPE))

    async def __call__(self, *arguments: str) -> Said:
        return await asyncio.to_thread(rebalancer, arguments, self.environment, PATIENCE)
