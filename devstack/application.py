"""What of the rebalancer itself a stack runs. The servers know nothing of it, and tests put another in its place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from devstack.connection import PROJECT


@dataclass(frozen=True, slots=True)
class Application:
    """`migrate` takes the database's URL as its owner, `ensure_schedule` a Temporal address; both may be repeated.

    `worker` is a command that reads REBALANCER_DATABASE_URL and TEMPORAL_ADDRESS; it is ready when someone polls
    `task_queue` (None: as soon as it runs).
    """

    migrate: Callable[[str], None]
    ensure_schedule: Callable[[str], None]
    worker: tuple[str, ...]
    task_queue: str | None


def _migrate(database_url: str) -> None:
    from storage import migrations

    migrations.upgrade(database_url)


def _ensure_schedule(temporal_address: str) -> None:
    import asyncio

    from temporalio.client import Client
    from temporalio.contrib.pydantic import pydantic_data_converter

    from workflows.schedule import ensure_schedule

    async def ensure() -> None:
        await ensure_schedule(await Client.connect(temporal_address, data_converter=pydantic_data_converter))

    asyncio.run(ensure())


REBALANCER = Application(
    migrate=_migrate,
    ensure_schedule=_ensure_schedule,
    worker=(sys.executable, str(PROJECT / "worker.py")),
    task_queue="rebalancer",
)
