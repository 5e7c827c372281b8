"""An operator who looks at `status` and types what it suggests, at a stack that nobody's tools look at by themselves.

It is as with `REBALANCER_HOME=… make up` on a port of its own: what is suggested has to reach it as it is typed.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from temporalio.client import Client

from cli import commands
from devstack.temporal import TemporalServer
from policy.clock import the_clock
from reading.health import status
from reading.health.checks import Check
from tests.workflows.desk import TestDesk
from workflows.connection import connect


class Operator:
    """Looks at `status`, and types what it suggests into a shell that knows the stack's home and nothing else."""

    def __init__(self, desk: TestDesk, home: Path, server: TemporalServer) -> None:
        self.desk, self.server, self.home = desk, server, home
        known = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "REBALANCER_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{known['PATH']}"
        self.environment = known | the_clock().environment | {"REBALANCER_HOME": str(home), "PATH": path}
        self.typed = 0

    async def look(self) -> dict[str, Check]:
        async def temporal() -> Client:
            return await connect(self.server.address)

        found = await status.checks(lambda: self.desk.books.engine, temporal, the_clock().today())
        return {each.check: each for each in found}

    async def red(self, check: str, found: str, suggests: str) -> str:
        """Waits until a check is red for this reason; the words with which it suggests what to do.

        A worker of the test before counts as one that answers for more than a minute after its last question.
        """
        for _ in range(240):
            told = (await self.look())[check]
            if not told.ok and found in told.found:
                line = commands.line(told.next_action) or ""
                assert suggests in line, line
                return line
            await asyncio.sleep(0.5)
        raise AssertionError(f"{check} is never red for {found}: {told}")

    async def green(self, check: str) -> None:
        for _ in range(60):
            told = (await self.look())[check]
            if told.ok:
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{check} stays red: {told}")

    async def type(self, line: str, code: int = 0, **environment: str) -> str:
        """Types a line; all that it says."""
        shell = await asyncio.create_subprocess_shell(
            line, env=self.environment | environment, cwd=self.home, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await asyncio.wait_for(shell.communicate(), 90)
        assert shell.returncode == code, (line, said.decode())
        assert "Traceback" not in said.decode(), said.decode()
        self.typed += 1
        return said.decode()
