"""How fast the console is: a page of a full queue, streams of many who watch, an approval until it is seen.

The console is a process of its own as in production, asked over a socket; names are asserted.
`make bench ARGS="console --accounts 100000 --streams 200"`.
"""

import argparse
import contextlib
import gzip
import os
import re
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from benchmarks.scene import PROJECT, Scene, scene
from devstack.ports import free_port
from devstack.processes import Child, spawn
from policy import in_force
from reading.places import cursor
from storage.actor import Actor
from storage.engine import DATABASE_URL
from storage.intake.loading import load
from storage.intake.target_edits import edit_target

DAY = date(2026, 11, 20)
TRADED = 10  # accounts that are planned and approved
TIMES = 15


def main(arguments: Sequence[str] = ()) -> None:
    """Measures all of it, and prints a line each."""
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--accounts", type=int, default=100_000)
    asked.add_argument("--streams", type=int, default=200)
    given = asked.parse_args(arguments)
    with scene() as there:
        _fill(there, given.accounts)
        with _console(there) as (console, base), httpx.Client(base_url=base, timeout=60) as ann:
            _is(ann, "ann")
            _pages(ann, given.accounts, lambda: _processor(console.pid) + _of_database(there))
            _streams(console, ann, given.streams)
            with there.workers(), httpx.Client(base_url=base, timeout=60) as ben:
                _is(ben, "ben")
                _approvals(ann, ben)


def _fill(there: Scene, count: int) -> None:
    """So many accounts, all in the queue since their target was edited."""

    def target(weight: str) -> dict[str, object]:
        return {"id": "GROWTH", "components": [{"security": "X", "weight": weight}]}

    market = {"as_of": str(DAY), "historical": True, "securities": [{"symbol": "X", "price": "100.00"}],
              "targets": [target("0.98")]}  # fmt: skip
    account = {"target": "GROWTH", "first_rebalanced": "2025-01-02", "cash": "10000.00"}
    load(there.books, market, ({"id": f"A-{at:07d}", "name": f"Account {at}", **account} for at in range(count)),
         in_force(DAY), DAY, Actor("bench"))  # fmt: skip
    edit_target(there.books, target("0.90"), Actor("bench"))
    with there.books.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    with there.books.reading() as books:
        print(f"{books.queue_pages.counts()[None]:,} accounts in the queue")


@contextmanager
def _console(there: Scene) -> Iterator[tuple[Child, str]]:
    """The console as a process of its own, once it answers."""
    port = free_port()
    environment = {**os.environ, DATABASE_URL: there.database_url, "TEMPORAL_ADDRESS": there.address,
                   "REBALANCER_CONSOLE_PORT": str(port)}  # fmt: skip
    child = spawn("console", [sys.executable, "-m", "web"], there.scratch / "console.log", env=environment, cwd=PROJECT)
    base = f"http://localhost:{port}"
    try:
        while not _answers(base):
            time.sleep(0.2)
        yield child, base
    finally:
        child.ask_to_stop()
        child.stop(10)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health").is_success
    except httpx.HTTPError:
        return False


def _is(client: httpx.Client, name: str) -> None:
    client.headers["sec-fetch-site"] = "same-origin"
    assert client.post("/sign-in", data={"name": name}).status_code == 303


def _timed(do: Callable[[], object]) -> list[float]:
    """Milliseconds of each time, the fastest first; one that warms up is left out."""
    took = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        do()
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took[1:])


def _pages(ann: httpx.Client, count: int, worked: Callable[[], float]) -> None:
    middle = f"/queue?after={cursor(f'1-A-{count // 2:07d}')}"
    paths = {"the queue": "/queue", "one reason": "/queue?reason=TARGET_CHANGED", "from the middle": middle,
             "200 rows": "/queue?size=200", "an account": "/accounts/A-0000001", "what needs you": "/"}  # fmt: skip
    for name, path in paths.items():
        answer = ann.get(path)
        assert answer.status_code == 200, answer.text
        before = worked()
        took = _timed(lambda at=path: ann.get(at))  # type: ignore[misc]
        busy = (worked() - before) * 1000 / (TIMES + 1)
        packed = len(gzip.compress(answer.content, 6)) / 1024
        told = f"{statistics.median(took):8.1f} ms, {took[0]:.1f} at least, {busy:.1f} of processors"
        print(f"  page, {name:<18}{told}, {packed:.1f} KB compressed")


def _streams(console: Child, ann: httpx.Client, count: int) -> None:
    """Memory and processor time of a console that so many watch."""
    time.sleep(3)
    before, worked = _resident(console.pid), _processor(console.pid)
    host, cookie = ann.base_url, "; ".join(f"{each.name}={each.value}" for each in ann.cookies.jar)
    streams = []
    for _ in range(count):
        stream = socket.create_connection((host.host, host.port or 80), timeout=10)
        stream.sendall(f"GET /live HTTP/1.1\r\nHost: {host.netloc.decode()}\r\nCookie: {cookie}\r\n\r\n".encode())
        assert b"200 OK" in stream.recv(4096)
        streams.append(stream)
    worked, began = _processor(console.pid), time.monotonic()
    time.sleep(20)
    share = 100 * (_processor(console.pid) - worked) / (time.monotonic() - began)
    print(f"  {count} streams       {_resident(console.pid) - before:8.1f} MB more, {share:.1f} % of a core")
    for stream in streams:
        stream.close()


def _resident(pid: int) -> float:
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


def _processor(pid: int) -> float:
    """Seconds of processor time."""
    given = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(given[11]) + int(given[12])) / os.sysconf("SC_CLK_TCK")


def _of_database(there: Scene) -> float:
    """Seconds of processor time of PostgreSQL's processes, of those that are there now."""
    server = int((there.scratch / "data" / "postmaster.pid").read_text().split()[0])
    found = 0.0
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((each / "stat").read_text().rpartition(")")[2].split()[1]) == server:
                found += _processor(int(each.name))
    return found


def _approvals(ann: httpx.Client, ben: httpx.Client) -> None:
    """From the approver's click until his page shows it, and until the page of one who only watches does."""
    named = [f"A-{at:07d}" for at in range(TRADED)]
    asked = ann.post("/api/v1/requests", json={"account_ids": named}, headers={"Idempotency-Key": "bench-0001"})
    assert asked.status_code == 202, asked.text
    where = asked.json()["href"]
    while len(_plans(ann, where)) < TRADED:
        time.sleep(0.3)
    own, others = [], []
    for each in _plans(ann, where):
        page = f"/rebalances/{each['rebalance_id']}"
        shown = ben.get(page).text
        form = {name: _hidden(shown, name) for name in ("form", "plan", "round")}
        with ann.stream("GET", "/live", params={"rebalance": each["rebalance_id"]}) as stream:
            lines = stream.iter_lines()
            next(lines)
            began = time.perf_counter()
            told = ben.post(f"{page}/approve", data=form, follow_redirects=True)
            own.append((time.perf_counter() - began) * 1000)
            assert told.status_code == 200 and "Approve this plan" not in told.text
            while "changed" not in next(lines):
                pass
            with httpx.Client(base_url=ann.base_url, cookies=ann.cookies) as watcher:
                assert "pending" not in watcher.get(page, headers={"hx-request": "true"}).headers["page-title"].lower()
            others.append((time.perf_counter() - began) * 1000)
    for name, took in (("to the approver's page", own), ("to a page that watches", others)):
        print(f"  approval {name:<23}{statistics.median(took):8.0f} ms, {max(took):.0f} at most, of {len(took)}")


def _plans(ann: httpx.Client, where: str) -> list[dict[str, Any]]:
    answer = ann.get(where)
    return list(answer.json()["plans"]) if answer.is_success else []  # unknown until it is taken up


def _hidden(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


if __name__ == "__main__":
    main(sys.argv[1:])
