"""A restore in the middle of a run: a backup of both servers, some work that it knows nothing of, the guide's drill.

The paper venue is in the same database, and is not restored: it is somebody else's, and remembers what was sent.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import make_url, select

from domain.executing.blocks import is_child
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.schema.desk import paper_block_orders
from storage.schema.execution import breaks, paper_accounts, paper_orders, paper_positions
from tests.chaos.book import AS_OF
from venues.port import VenueOrder
from venues.registry import Venues

if TYPE_CHECKING:
    from tests.chaos.world import World

BETWEEN, AT_MOST = 6.0, 60.0  # seconds of work that the backup knows nothing of; more where nothing is sent in them
# In the order of their keys.
PAPER = (
    "accounts", "positions", "orders", "events", "block_orders", "block_events", "allocations", "lost_connections",
    "scenario",
)  # fmt: skip
OURS = "SELECT client_order_id FROM orders UNION ALL SELECT client_order_id FROM block_orders"
# Orders that were sent since the backup, as this database has them: written down, and never sent.
SENT_SINCE = (
    "SELECT o.client_order_id FROM orders AS o JOIN paper.orders AS p USING (client_order_id) WHERE o.sent_at IS NULL"
)
SENT = "SELECT (SELECT count(*) FROM paper.orders) + (SELECT count(*) FROM paper.block_orders)"
COMMAND = str(Path(sys.executable).with_name("rebalancer"))


@dataclass(slots=True)
class Restorer:
    """Backs a world up, and brings it back; `lost` are the orders that were sent in between, by their IDs."""

    world: "World"
    lost: set[str] = field(default_factory=set)
    sent_since: set[str] = field(default_factory=set)  # orders that the backup has as never sent
    restored: bool = False

    def restore(self, number: int) -> bool:
        """Nobody asks for anything while the operator restores; False where nothing was sent since the backup."""
        self._copy(self.world.postgres.data_dir, self.world.home / "backup", self.world.home / "backup.db")
        self._work_goes_on()
        self.world.away.set()
        try:
            return self._restored()
        finally:
            self.world.away.clear()

    def _work_goes_on(self) -> None:
        sent, until = self._sent(), time.monotonic() + AT_MOST
        time.sleep(BETWEEN)
        while self._sent() == sent and time.monotonic() < until:
            self.world.look_after()
            time.sleep(0.5)

    def _sent(self) -> int:
        with self._connect() as connection:
            found = connection.execute(SENT).fetchone()
        return int(found[0]) if found else 0

    def _restored(self) -> bool:
        world, self.restored = self.world, True
        world.stop_workers()
        with self._connect() as connection:
            before = {row[0] for row in connection.execute(OURS)}
            kept = {table: self._out(connection, table) for table in PAPER}
        world.postgres.stop()
        world.temporal.stop()
        shutil.rmtree(world.postgres.data_dir)
        _copied(world.home / "backup", world.postgres.data_dir)
        shutil.copy(world.home / "backup.db", world.home / "temporal.db")
        for beside in world.home.glob("temporal.db-*"):
            beside.unlink()
        world.postgres.start()
        with self._connect() as connection:
            connection.execute("TRUNCATE " + ", ".join(f"paper.{each}" for each in PAPER))  # type: ignore[arg-type]
            for table in PAPER:
                with connection.cursor().copy(f"COPY paper.{table} FROM STDIN") as copy:  # type: ignore[arg-type]
                    copy.write(kept[table])
            known = {row[0] for row in connection.execute(OURS)}
            self.sent_since |= {row[0] for row in connection.execute(SENT_SINCE)}
        lost = before - known
        self.lost |= lost
        self._asked("recover", "--new-epoch", "--by", "ann", "--why", "chaos: disk lost")
        world.temporal.start()
        world.look_after()
        self._end_what_is_lost(lost)
        self.compare()
        self._asked("resume", "--by", "ben", "--why", "compared with PAPER")
        return bool(lost)

    def compare(self) -> None:
        """The custodian's statement as of now; the books take over what differs."""
        books = Books(connect(self.world.postgres.application_url, pool_size=1))
        try:
            with books.transaction() as read:
                lines = [f"{row.account_id},CASH,{row.cash}" for row in read.execute(select(paper_accounts))]
                held = read.execute(select(paper_positions))
                lines += [f"{row.account_id},{row.symbol},{row.quantity}" for row in held]
            file = self.world.home / "statement.csv"
            file.write_text("\n".join(["account_id,symbol,quantity", *lines]) + "\n")
            self._asked("positions", str(file), "--date", AS_OF, "--by", "ann")
            with books.transaction() as read:
                found = select(breaks.c.id).where(
                    breaks.c.resolved_at.is_(None), breaks.c.kind.in_(("cash", "quantity"))
                )
                open_now = [str(each) for each in read.connection.scalars(found)]
            if open_now:
                told = ("--note", "a restore", "--book-custodian", "--by", "ann")
                self._asked("breaks", "resolve", *open_now, *told)
        finally:
            books.engine.dispose()

    def _end_what_is_lost(self, lost: set[str]) -> None:
        """What nobody knows any more and is open at the venue is cancelled there."""
        engine = connect(self.world.postgres.application_url, pool_size=1)
        with Books(engine).transaction(Actor("ann")) as read:
            rows = [
                *read.execute(select(paper_orders).where(paper_orders.c.status == "WORKING")),
                *read.execute(select(paper_block_orders).where(paper_block_orders.c.status == "WORKING")),
            ]
        venue = Venues(engine).venue("PAPER")
        for row in rows:
            if row.client_order_id in lost:
                whose = row.block if is_child(row.client_order_id) else row.account_id
                order = VenueOrder(row.client_order_id, whose, row.side, row.symbol, row.quantity, row.price)
                venue.cancel(order)
        engine.dispose()

    def _copy(self, data: Path, to: Path, temporal: Path) -> None:
        """Both servers are down for it, so that the copies are of one moment."""
        self.world.temporal.stop()
        self.world.postgres.stop()
        shutil.rmtree(to, ignore_errors=True)
        _copied(data, to)
        shutil.copy(self.world.home / "temporal.db", temporal)
        self.world.postgres.start()
        self.world.temporal.start()

    def _asked(self, *arguments: str) -> None:
        environment = {
            "REBALANCER_DATABASE_URL": self.world.postgres.application_url,
            "TEMPORAL_ADDRESS": self.world.temporal.address,
            **self.world.session.environment,
        }
        done = subprocess.run(
            [COMMAND, *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rebalancer {' '.join(arguments)[:200]}: {done.stderr or done.stdout}")

    def _out(self, connection: psycopg.Connection, table: str) -> bytes:
        with connection.cursor().copy(f"COPY paper.{table} TO STDOUT") as copy:  # type: ignore[arg-type]
            return b"".join(map(bytes, copy))

    def _connect(self) -> psycopg.Connection:
        url = make_url(self.world.postgres.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, connect_timeout=10, autocommit=True)


def _copied(folder: Path, to: Path) -> None:
    """With whose each file is: where we are root, the server runs as its own user."""
    subprocess.run(["cp", "--archive", str(folder), str(to)], check=True)
