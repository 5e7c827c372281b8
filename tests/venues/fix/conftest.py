"""A session of a test: its file, its gateway and its broker as processes of their own, on a database of the test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from storage.connection import Books
from storage.engine import DATABASE_URL
from venues.fix.adapter import FixVenue
from venues.fix.sessions import SESSIONS, Session, read

NAME = "BROKER"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class World:
    """What a test starts, breaks and looks at."""

    def __init__(self, folder: Path, books: Books, database_url: str) -> None:
        self.folder = folder
        self.books = books
        self.engine: Engine = books.engine
        self.environment = os.environ | {SESSIONS: str(folder), DATABASE_URL: database_url}
        self.port = free_port()
        self.children: list[subprocess.Popen[bytes]] = []
        self.session = self.write()

    def write(self, **changes: Any) -> Session:
        """The session's file, with these keys changed."""
        told = {
            "session": NAME, "venue": "PAPER", "version": "FIX.4.4", "sender": "REBALANCER", "target": "BROKER",
            "host": "127.0.0.1", "port": self.port, "store": "store", "heartbeat": 5, "reconnect": 1,
            "rules": {"unknown_is_proof": True, "fractional": True},
        } | changes  # fmt: skip
        path = self.folder / f"{NAME}.yaml"
        path.write_text(yaml.safe_dump(told))
        self.session = read(path)
        return self.session

    @property
    def venue(self) -> FixVenue:
        return FixVenue(self.engine, self.session)

    def start(self, *command: str, **more: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"{len(self.children)}.log").open("wb")
        child = subprocess.Popen([sys.executable, *command], env=self.environment | more, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def gateway(self, **more: str) -> "subprocess.Popen[bytes]":
        return self.start("-m", "venues.fix", NAME, **more)

    def paper_broker(self) -> "subprocess.Popen[bytes]":
        return self.start("-m", "venues.fix.paper_broker", NAME)

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')}" for path in sorted(self.folder.glob("*.log"))
        )

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def until(self, what: str, found: Callable[[], Any], seconds: float = 30) -> Any:
        """What `found` finds, once it finds something."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            got = found()
            if got:
                return got
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come within {seconds} s\n{self.logs()}")

    def logged_on(self) -> None:
        self.until("the logon", lambda: self.rows("SELECT 1 FROM fix.sessions WHERE logged_on"))

    def stop(self, child: "subprocess.Popen[bytes]", with_: int = signal.SIGTERM) -> int:
        if child.poll() is None:
            child.send_signal(with_)
        return child.wait(20)

    def close(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait(20)


@pytest.fixture
def world(tmp_path: Path, books: Books, database_url: str) -> Iterator[World]:
    made = World(tmp_path, books, database_url)
    yield made
    made.close()
