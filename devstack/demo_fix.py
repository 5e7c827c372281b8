"""What `make demo-fix` adds to the demo: a FIX session, its gateway, and a broker, each in a process of its own.

worker ──► outbox ──► gateway ──► 127.0.0.1 ──► QuickFIX's acceptor, the paper venue behind it
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from devstack.application import REBALANCER, Application
from devstack.connection import PROJECT
from devstack.ports import free_port, port_in_use
from devstack.processes import await_ready, spawn
from venues.fix.sessions import SESSIONS
from venues.paper import PAPER

SESSION = "DEMO-BROKER"
TIMEOUT = 60.0  # seconds from a process's start to its being ready


class Wired:
    """The demo's FIX session, in a folder of the demo's."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "fix"
        self.logs = home / "logs"
        self.port = free_port()
        self.folder.mkdir(parents=True)
        told = {
            "session": SESSION, "venue": PAPER, "version": "FIX.4.4", "sender": "REBALANCER", "target": SESSION,
            "host": "127.0.0.1", "port": self.port, "store": "store", "heartbeat": 10, "reconnect": 1,
            "rules": {"unknown_is_proof": True, "fractional": True},
        }  # fmt: skip
        (self.folder / f"{SESSION}.yaml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """What commands and workers have to know."""
        return {SESSIONS: str(self.folder)}

    @property
    def application(self) -> Application:
        """The rebalancer, whose accounts trade through the session."""
        return replace(REBALANCER, environment={**REBALANCER.environment, **self.environment})

    @contextmanager
    def running(
        self, environment: Mapping[str, str], say: Callable[[str], None], status: Callable[[], Any]
    ) -> Iterator[None]:
        """Broker and gateway, logged on to each other. `status` tells how the sessions stand."""

        def logged_on() -> bool:
            return any(each["state"] == "logged on" for each in status())

        started = []
        try:
            for name, module, ready in (
                ("broker", "venues.fix.paper_broker", lambda: port_in_use(self.port)),
                ("gateway", "venues.fix", logged_on),
            ):
                say(f"starting the FIX {name}")
                command = [sys.executable, "-m", module, SESSION]
                child = spawn(f"FIX {name}", command, self.logs / f"fix-{name}.log", env=environment, cwd=PROJECT)
                started.append(child)
                await_ready(child, ready, TIMEOUT, every=0.3)
            yield
        finally:
            for child in reversed(started):
                child.stop()
