"""`make fix-certify SESSION=…`: a scripted run of what a broker asks for, on its test system, and a table of it.

The session's own file says with whom and with which orders (`certification`). It works on a database and a folder of
its own, with numbers that begin at 1: neither books nor numbers of the real session are touched.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from devstack.connection import PROJECT
from devstack.errors import StackError
from devstack.postgres import Postgres
from devstack.processes import spawn
from storage import migrations
from storage.engine import DATABASE_URL, connect
from venues.fix.certification.steps import Result, Run
from venues.fix.certification.tap import Tap
from venues.fix.sessions import SESSIONS, Session, SessionRefused, named, read

STYLES = {"passed": "green", "failed": "bold red", "left out": "yellow"}


def main(name: str) -> int:
    """Prints the table as it grows; 0 where nothing failed. Raises StackError where it can't begin."""
    try:
        session = named(name)
    except SessionRefused as flaw:
        raise StackError(f"{flaw}") from flaw
    if session.tls is not None:
        raise StackError(
            f"{name} speaks TLS by the engine itself, which nobody can read. "
            "Next: certify through stunnel (deploy/fix/stunnel.conf), with its host and port and without tls"
        )
    console = Console(stderr=True, highlight=False)
    results: list[Result] = []
    with _run(session) as run:
        for result in run.results():
            console.print(f"{result.step}: [{STYLES[result.outcome]}]{result.outcome}[/]")
            results.append(result)
    Console(highlight=False).print(table(session, results))
    return int(any(each.outcome == "failed" for each in results))


def table(session: Session, results: list[Result]) -> Table:
    """What was seen, a line a step."""
    count = {each: sum(result.outcome == each for result in results) for each in STYLES}
    told = ", ".join(f"{number} {what}" for what, number in count.items() if number)
    drawn = Table(title=f"{session.session}, {session.version} to {session.target}: {told}", title_justify="left")
    for column in ("step", "", "what was seen"):
        drawn.add_column(column, overflow="fold")
    for each in results:
        drawn.add_row(each.step, f"[{STYLES[each.outcome]}]{each.outcome}[/]", each.seen)
    return drawn


@contextmanager
def _run(session: Session) -> Iterator[Run]:
    """The session on its wire, with a gateway, a database and numbers of its own."""
    home = PROJECT / ".rebalancer" / "certify" / session.session
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    tap = Tap(session.host, session.port)
    tapped = _tapped(session, home, tap.port)
    with Postgres(home / "postgres", durable=False) as server:
        migrations.upgrade(server.url)
        database = connect(server.application_url)
        environment = os.environ | {SESSIONS: str(home), DATABASE_URL: server.application_url}
        run = Run(tapped, database, tap)
        run.wish("reset")  # a certification begins at 1, on both sides
        gateway = spawn(
            "FIX gateway", [sys.executable, "-m", "venues.fix", session.session], home / "gateway.log",
            env=environment, cwd=PROJECT,
        )  # fmt: skip
        try:
            yield run
        finally:
            gateway.stop()
            tap.close()
            database.dispose()


def _tapped(session: Session, home: Path, port: int) -> Session:
    """The same session, whose broker is behind the tap, and whose files are this run's."""
    changes = {"host": "127.0.0.1", "port": port, "store": str(home / "store")}
    told = session.model_dump(mode="json", exclude_none=True, exclude={"hours"})
    if session.dictionary is not None:
        told["dictionary"] = str(session.dictionary.absolute())
    left_out = [each for each in ("fills", "parts", "rests", "rejected") if each not in told["certification"]]
    told["certification"] |= dict.fromkeys(left_out)
    path = home / f"{session.session}.yaml"
    path.write_text(yaml.safe_dump(told | changes), encoding="utf-8")
    return read(path)
