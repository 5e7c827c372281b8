"""The FIX session of a chaos run: gateway and broker as processes of their own, killed and started again."""

import sys
from pathlib import Path

import yaml

from devstack.ports import free_port
from devstack.processes import Child, spawn
from tests.chaos.book import BROKER
from venues.fix.sessions import SESSIONS

PROJECT = Path(__file__).resolve().parents[2]
MODULES = {"gateway": "venues.fix", "broker": "venues.fix.paper_broker"}


class Session:
    """One session, to the paper venue behind QuickFIX's acceptor."""

    def __init__(self, home: Path) -> None:
        self.folder, self.home = home / "fix", home
        self.folder.mkdir(parents=True)
        told = {
            "session": BROKER, "venue": BROKER, "version": "FIX.4.4", "sender": "REBALANCER", "target": BROKER,
            "host": "127.0.0.1", "port": free_port(), "store": "store", "heartbeat": 5, "reconnect": 1,
            "rules": {"unknown_is_proof": True, "fractional": True},
        }  # fmt: skip
        (self.folder / f"{BROKER}.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
        self.children: dict[str, Child] = {}
        self.runs = 0

    @property
    def environment(self) -> dict[str, str]:
        """What workers and commands have to know."""
        return {SESSIONS: str(self.folder)}

    def look_after(self, environment: dict[str, str]) -> None:
        """Starts what does not run."""
        for name, module in MODULES.items():
            if name not in self.children or not self.children[name].running:
                self.runs += 1
                log = self.home / f"fix-{name}-{self.runs}.log"
                command = [sys.executable, "-m", module, BROKER]
                env = environment | self.environment
                self.children[name] = spawn(f"FIX {name}", command, log, env=env, cwd=PROJECT)

    def kill(self, name: str) -> None:
        """One of the two, at any moment."""
        if name in self.children:
            self.children[name].kill()

    def close(self) -> None:
        """Both."""
        for each in self.children.values():
            each.kill()
