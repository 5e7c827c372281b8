"""Orders through FIX: how many a second from the outbox to the fill in the database, and how long one takes alone.

Side by side with the bare engine: the same QuickFIX, the same broker in a process of its own, which fills at once, and
nothing that is written down but the engine's own files. `make bench ARGS="fix --orders 2000"`.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import quickfix
import yaml
from sqlalchemy import func, select

from benchmarks.table import table
from devstack.ports import free_port
from devstack.postgres import Postgres
from storage import migrations
from storage.engine import DATABASE_URL, connect
from storage.schema.fix import fix_orders, fix_sessions
from venues.fix import outgoing
from venues.fix.adapter import FixVenue
from venues.fix.engine import Engine
from venues.fix.sessions import SESSIONS, Session, read
from venues.fix.wire import Fields
from venues.port import VenueOrder

ALONE = 100  # orders one after the other
BATCH = 100
PATIENCE = 600.0
QUIET = {each: (lambda self, *_: None) for each in ("onCreate", "onLogon", "onLogout", "toAdmin", "toApp", "fromAdmin")}


def order(number: int, run: str) -> VenueOrder:
    return VenueOrder(f"{run}-{number:06d}", "A-1", "buy", "X", Decimal(100), Decimal("10.00"))


class Filling(type("Quiet", (quickfix.Application,), QUIET)):  # type: ignore[misc]
    """A broker that fills whatever comes, at once."""

    def fromApp(self, message: Any, session_id: Any) -> None:
        if message.getHeader().getField(35) != "D":
            return
        name, quantity, price = (message.getField(tag) for tag in (11, 38, 44))
        told = {37: name, 11: name, 17: name, 150: "F", 39: "2", 54: "1", 55: "X", 38: quantity, 32: quantity,
                31: price, 14: quantity, 6: price, 151: "0", 75: "20261120", 60: "20261120-15:00:00"}  # fmt: skip
        report = quickfix.Message()
        report.getHeader().setField(35, "8")
        for tag, value in told.items():
            report.setField(tag, value)
        quickfix.Session.sendToTarget(report, session_id)


def broker(port: int, store: str, dictionary: str) -> None:
    """Runs the broker until it is ended."""
    given: dict[str, str | int] = {
        "ConnectionType": "acceptor", "SocketAcceptPort": port, "SocketReuseAddress": "Y", "SocketNodelay": "Y",
        "FileStorePath": store, "DataDictionary": dictionary, "AllowUnknownMsgFields": "Y",
        "ValidateFieldsOutOfOrder": "N", "NonStopSession": "Y",
    }  # fmt: skip
    told = quickfix.Dictionary()
    for key, value in given.items():
        told.setString(key, str(value))
    settings = quickfix.SessionSettings()
    settings.set(quickfix.SessionID("FIX.4.4", "BROKER", "US"), told)
    application, files = Filling(), quickfix.FileStoreFactory(store)
    listening = quickfix.ThreadedSocketAcceptor(application, files, settings)
    listening.start()
    threading.Event().wait()


class Bare:
    """What the bare engine tells: which orders were filled."""

    def __init__(self) -> None:
        self.up, self.news = threading.Event(), threading.Condition()
        self.filled: set[str] = set()

    def logged_on(self) -> None:
        self.up.set()

    def logged_out(self) -> None:
        pass

    def sending(self, kind: str, raw: str) -> bool:
        return True

    def heard(self, kind: str, raw: str) -> None:
        if kind == "8":
            with self.news:
                self.filled.add(str(Fields.of(raw).get(11)))
                self.news.notify_all()

    def await_(self, names: set[str]) -> None:
        with self.news:
            if not self.news.wait_for(lambda: names <= self.filled, PATIENCE):
                raise SystemExit("fix: the bare engine did not get its fills")


def measured(send: Callable[[list[VenueOrder]], None], orders: int) -> tuple[float, list[float]]:
    """Orders a second of many at once, and the seconds of each of those that went alone; `send` waits for fills."""
    alone = []
    for number in range(ALONE):
        began = time.perf_counter()
        send([order(number, "ALONE")])
        alone.append(time.perf_counter() - began)
    began = time.perf_counter()
    send([order(number, "MANY") for number in range(orders)])
    return orders / (time.perf_counter() - began), alone


def bare(session: Session, orders: int) -> tuple[float, list[float]]:
    """The engine in this process, and nothing else."""
    heard = Bare()
    engine = Engine(session, heard, {}, reset=True)
    engine.start()
    heard.up.wait(PATIENCE)

    def send(what: list[VenueOrder]) -> None:
        for each in what:
            message = outgoing.order_of(session, each)
            engine.send(type(message)(message.kind, {**message.fields, 60: "20261120-15:00:00"}))
        heard.await_({each.client_order_id for each in what})

    try:
        return measured(send, orders)
    finally:
        engine.stop()


def through_the_outbox(session: Session, folder: Path, orders: int) -> tuple[float, list[float]]:
    """The adapter here, the gateway in a process of its own, PostgreSQL in between."""
    with Postgres(folder / "postgres") as server:
        migrations.upgrade(server.url)
        engine = connect(server.application_url)
        environment = os.environ | {SESSIONS: str(folder), DATABASE_URL: server.application_url, "LOG_LEVEL": "ERROR"}
        venue = FixVenue(engine, session)

        def count(*where: Any) -> int:
            with engine.connect() as connection:
                return int(connection.scalar(select(func.count()).where(*where)) or 0)

        def until(there: Callable[[], bool]) -> None:
            give_up = time.monotonic() + PATIENCE
            while not there():
                if time.monotonic() > give_up:
                    raise SystemExit("fix: the gateway did not get its fills")
                time.sleep(0.002)

        def send(what: list[VenueOrder]) -> None:
            before = count(fix_orders.c.status == "FILLED")
            for at in range(0, len(what), BATCH):
                venue.submit_many(what[at : at + BATCH])
            until(lambda: count(fix_orders.c.status == "FILLED") == before + len(what))

        gateway = subprocess.Popen([sys.executable, "-m", "venues.fix", session.session], env=environment)
        try:
            until(lambda: count(fix_sessions.c.logged_on) > 0)
            return measured(send, orders)
        finally:
            gateway.terminate()
            gateway.wait(30)
            engine.dispose()


@contextmanager
def session_of(folder: Path) -> Iterator[Session]:
    """A session with a broker of its own."""
    folder.mkdir()
    told = {"session": "BENCH", "venue": "BENCH", "version": "FIX.4.4", "sender": "US", "target": "BROKER",
            "host": "127.0.0.1", "port": free_port(), "store": "store", "reconnect": 1}  # fmt: skip
    (folder / "BENCH.yaml").write_text(yaml.safe_dump(told))
    session = read(folder / "BENCH.yaml")
    theirs = [str(session.port), str(folder / "theirs"), str(session.dictionary_path)]
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.fix", "--broker", *theirs])
    try:
        time.sleep(2)
        yield session
    finally:
        child.kill()
        child.wait()


def main(arguments: Sequence[str] = ()) -> None:
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--orders", type=int, default=1_000)
    asked.add_argument("--broker", nargs=3, metavar=("PORT", "STORE", "DICTIONARY"), help=argparse.SUPPRESS)
    given = asked.parse_args(arguments)
    if given.broker:
        port, store, dictionary = given.broker
        return broker(int(port), store, dictionary)
    folder = Path(tempfile.mkdtemp(prefix="bench-fix-"))
    try:
        with session_of(folder / "bare") as session:
            baseline = bare(session, given.orders)
        with session_of(folder / "ours") as session:
            ours = through_the_outbox(session, folder / "ours", given.orders)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, (rate, alone) in (("the bare engine", baseline), ("outbox and gateway", ours)):
        middle, slow = statistics.median(alone) * 1000, statistics.quantiles(alone, n=20)[-1] * 1000
        rows.append((name, f"{rate:,.0f}", f"{rate / baseline[0]:.3f}", f"{middle:,.1f}", f"{slow:,.1f}"))
    print(f"{given.orders:,} orders at once, then filled by a broker in another process; {ALONE} alone\n")
    print(table(("", "orders a second", "ratio", "one alone, ms", "19 of 20 within, ms"), rows))


if __name__ == "__main__":
    main(sys.argv[1:])
