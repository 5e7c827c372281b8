"""What of the rebalancer itself a stack runs. The servers know nothing of it, and tests put another in its place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.connection import PROJECT, home_folder
from devstack.errors import StackError

REPEATS = 60


@dataclass(frozen=True, slots=True)
class Application:
    """`migrate` takes the database's URL as its owner, `ensure_schedule` a Temporal address; both may be repeated.

    `worker` is a command that reads REBALANCER_DATABASE_URL, TEMPORAL_ADDRESS and `environment`; it is ready when
    someone polls `task_queue` (None: as soon as it runs), as `version` where that is given, `DEPLOYMENT:BUILD-ID`.
    `deploy` then has new workflows start on it. `console` is a command that serves pages on REBALANCER_CONSOLE_PORT.
    """

    migrate: Callable[[str], None]
    ensure_schedule: Callable[[str], None]
    worker: tuple[str, ...]
    task_queue: str | None
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    deploy: Callable[[str], None] | None = None
    console: tuple[str, ...] | None = None


def _migrate(database_url: str) -> None:
    from storage import migrations

    migrations.upgrade(database_url)
    _people(database_url)


def signing_key() -> Path:
    """The console's private key: the file that is named, else one in the stack's folder."""
    return Path(os.environ.get("REBALANCER_SIGNING_KEY") or home_folder() / "signing-key.json")


def _people(database_url: str) -> None:
    """Whether decisions have to be signed, as the environment asks; the first person's link is printed once."""
    from identity.keys import NoKey
    from policy.clock import the_clock
    from storage.actor import Actor
    from storage.connection import Books
    from storage.engine import connect
    from storage.people import setup

    try:
        identity = setup.wanted(os.environ)
        if identity is None:
            return
        engine = connect(database_url, pool_size=1)
        with Books(engine).transaction(Actor("devstack")) as work:
            ready = setup.prepare(work, identity, signing_key(), the_clock().now())
        engine.dispose()
    except (NoKey, ValueError) as flaw:
        raise StackError(str(flaw)) from flaw
    if ready.link:
        told = setup.link_of(ready.link, os.environ)
        print(f"the first person, {setup.ADMIN}, sets a password, once, within a day: {told}", file=sys.stderr)


def _build_id() -> str:
    from importlib.metadata import version

    return version("rebalancer")


def _deploy(temporal_address: str) -> None:
    import asyncio

    from temporalio.service import RPCError

    from workflows.connection import connect
    from workflows.deployment import make_current

    async def deploy() -> None:
        client = await connect(temporal_address)
        for left in reversed(range(REPEATS)):
            try:
                return await make_current(client, _build_id())
            except RPCError:  # until the workers have asked for activities too
                if not left:
                    raise
                await asyncio.sleep(0.3)

    asyncio.run(deploy())


def _ensure_schedule(temporal_address: str) -> None:
    import asyncio

    from workflows.connection import connect
    from workflows.schedule import ensure_schedule

    async def ensure() -> None:
        await ensure_schedule(await connect(temporal_address))

    asyncio.run(ensure())


REBALANCER = Application(
    migrate=_migrate,
    ensure_schedule=_ensure_schedule,
    worker=(sys.executable, str(PROJECT / "worker.py")),
    task_queue="rebalancer",
    # One release at a time runs here: what is under way when another is installed goes on with that.
    environment={"REBALANCER_BUILD_ID": _build_id(), "REBALANCER_VERSIONING": "auto_upgrade"},
    version=f"rebalancer:{_build_id()}",
    deploy=_deploy,
    console=(sys.executable, "-m", "web"),
)
