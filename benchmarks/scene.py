"""What the benchmarks of whole runs happen on: PostgreSQL, Temporal and worker processes of their own.

Temporal keeps its histories in memory, PostgreSQL its data on disk with every commit flushed.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from devstack.postgres import Postgres
from devstack.temporal import TemporalServer
from storage import migrations
from storage.connection import Books
from storage.engine import DATABASE_URL, connect
from workflows.connection import connect as connect_temporal

PROJECT = Path(__file__).resolve().parents[1]
WORKER = ("worker.py",)


@dataclass(frozen=True, slots=True)
class Scene:
    """A migrated, empty database and a server."""

    books: Books
    database_url: str
    address: str
    scratch: Path

    async def client(self) -> Client:
        """A client of the server."""
        return await connect_temporal(self.address)

    @contextmanager
    def workers(self, count: int = 1, command: Sequence[str] = WORKER) -> Iterator[list[int]]:
        """So many worker processes, as their process ids; they are given a moment to take up work."""
        from devstack.processes import spawn

        environment = {**os.environ, DATABASE_URL: self.database_url, "TEMPORAL_ADDRESS": self.address}
        children = [
            spawn(f"worker {at}", [sys.executable, *command], self.scratch / f"w{at}.log", env=environment, cwd=PROJECT)
            for at in range(count)
        ]
        try:
            time.sleep(4)
            yield [child.pid for child in children]
        finally:
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop(35.0)


@contextmanager
def scene() -> Iterator[Scene]:
    """Starts what is needed, and ends it."""
    with (
        tempfile.TemporaryDirectory(prefix="rebalancer-bench-") as scratch,
        Postgres(Path(scratch, "data")) as postgres,
        TemporalServer() as temporal,
    ):
        Path(scratch).chmod(0o755)
        migrations.upgrade(postgres.url)
        engine = connect(postgres.url, pool_size=20)
        yield Scene(Books(engine), postgres.url, temporal.address, Path(scratch))
        engine.dispose()


def peak_memory(pid: int) -> float:
    """The most memory that a process had resident since it started, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
