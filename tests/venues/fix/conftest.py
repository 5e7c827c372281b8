"""A session of a test: its file, its gateway and its broker as processes of their own, on a database of the test."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from storage.connection import Books
from storage.engine import DATABASE_URL
from venues.fix.adapter import FixVenue
from venues.fix.sessions import SESSIONS, Session, read
from venues.port import VenueOrder

NAME = "BROKER"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def order(name: str, side: str = "buy", quantity: str = "100") -> VenueOrder:
    return VenueOrder(name, "A-1", side, "X", Decimal(quantity), Decimal("10.00"))  # type: ignore[arg-type]


class World:
    """What a test starts, breaks and looks at."""

    def __init__(self, folder: Path, books: Books, database_url: str) -> None:
        self.folder = folder
        self.books = books
        self.engine: Engine = books.engine
        self.environment = os.environ | {SESSIONS: str(folder), DATABASE_URL: database_url}
        self.port = self.broker_port = free_port()
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

    def fixcore(self, *, fresh: bool = True, **quirks: Any) -> "subprocess.Popen[bytes]":
        """A broker that runs on fixcore's acceptor; what it does wrong is in `quirks`."""
        if fresh:
            self.quirks(**quirks)
        broker = Path(__file__).parent / "fixcore_broker.py"
        return self.start(str(broker), str(self.broker_port), str(self.broker_folder), self.session.version)

    @property
    def broker_folder(self) -> Path:
        found = self.folder / "broker"
        found.mkdir(exist_ok=True)
        return found

    def quirks(self, **told: Any) -> None:
        """How the broker misbehaves from now on."""
        new = self.broker_folder / "quirks.new"
        new.write_text(json.dumps(told))
        new.rename(self.broker_folder / "quirks.json")

    def ledger(self) -> list[dict[str, Any]]:
        """The broker's own truth."""
        path = self.broker_folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def filled(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What the broker filled of each order: shares and cash."""
        done: dict[str, tuple[Decimal, Decimal]] = {}
        for each in self.ledger():
            if "fill" in each:
                shares, cash = done.get(each["fill"], (Decimal(0), Decimal(0)))
                quantity = Decimal(str(each["quantity"]))
                done[each["fill"]] = (shares + quantity, cash + quantity * Decimal(str(each["price"])))
        return done

    def charged(self) -> dict[str, Decimal]:
        """What the broker charged for the fills of each order that were not busted or corrected."""
        gone = {each[how] for each in self.ledger() for how in ("changed", "bust") if how in each}
        costs: dict[str, Decimal] = {}
        for each in self.ledger():
            if "fill" in each and each["exec"] not in gone:
                costs[each["fill"]] = costs.get(each["fill"], Decimal(0)) + Decimal(each.get("costs", "0"))
        return costs

    def stand(self, name: str) -> Any:
        """How an order stands with us."""
        return self.venue.look(order(name))[0]

    def logs(self, child: "subprocess.Popen[bytes] | None" = None) -> str:
        """What a child said, or all of them."""
        which = range(len(self.children)) if child is None else [self.children.index(child)]
        files = [self.folder / f"{number}.log" for number in which]
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in files)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def changed(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

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
