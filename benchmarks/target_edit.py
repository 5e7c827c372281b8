"""How long the edit of an enterprise target takes: the new version, and every account that it serves in the queue.

Side by side with its floor, a bare INSERT … SELECT of as many queue entries, without reasons to join, audit or locks.
`make bench ARGS="target_edit --accounts 100000"`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from sqlalchemy import text

from devstack.postgres import Postgres
from policy import in_force
from storage import migrations
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.intake.loading import load
from storage.intake.target_edits import edit_target

DAY = date(2026, 11, 20)
FLOOR = text(
    "INSERT INTO queue_entries (account_id, reasons, primary_reason)"
    """ SELECT id, '{"TARGET_CHANGED": {}}', 'TARGET_CHANGED' FROM accounts WHERE target_id = 'OUTER'"""
)
EMPTY = text("DELETE FROM queue_entries")


def target(target_id: str, weight: str) -> dict[str, object]:
    """A target of one security."""
    return {"id": target_id, "components": [{"security": "X", "weight": weight}]}


def main(arguments: Sequence[str] = ()) -> None:
    """Edits a sub-target that an assigned target contains, once with an empty queue and once with a full one."""
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--accounts", type=int, default=100_000)
    count = asked.parse_args(arguments).accounts
    with tempfile.TemporaryDirectory() as scratch, Postgres(Path(scratch, "data")) as server:
        migrations.upgrade(server.url)
        books = Books(connect(server.url))
        outer = {"id": "OUTER", "components": [{"target": "INNER", "weight": "1"}]}
        market = {
            "as_of": str(DAY),
            "securities": [{"symbol": "X", "price": "100.00"}],
            "targets": [target("INNER", "0.98"), outer],
        }
        account = {"target": "OUTER", "first_rebalanced": "2025-01-02", "cash": "1000.00"}
        load(
            books, market, ({"id": f"A-{at:07d}", **account} for at in range(count)), in_force(DAY), DAY, Actor("bench")
        )
        print(f"{count:,} accounts assigned to a target that contains the edited one")
        with books.engine.begin() as connection:
            began = time.perf_counter()
            connection.execute(FLOOR)
            floor = time.perf_counter() - began
            connection.execute(EMPTY)
        print(f"  bare INSERT of as many entries  {floor:8.2f} s")
        for name, weight in (("empty queue", "0.97"), ("all queued already", "0.96"), ("same content", "0.96")):
            began = time.perf_counter()
            done = edit_target(books, target("INNER", weight), Actor("bench"))
            took = time.perf_counter() - began
            print(f"  edit, {name:<26}{took:8.2f} s  {sum(done.queued.values()):,} queued")
        books.engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
