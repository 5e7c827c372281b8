"""How fast the record is written, sealed and verified, and how long a decision takes to compute again.

    python -m benchmarks audit [--records 100000] [--accounts 10000] [--plans 50] [--tampered]

On an embedded PostgreSQL of its own, as the application's role. Times of the record are of the wall clock, as the
database works in another process; those of plans are processor time. `--tampered` changes one record in the middle
first, and shows what verification says of it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

from benchmarks.accounts import Shape, snapshots
from benchmarks.table import percentile, table
from devstack.postgres import Postgres
from domain.plan import plan
from domain.telling import plan_json
from domain.values.policy import Policy
from domain.values.snapshot_json import kept, restored
from storage import migrations
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.record.audit import AuditEntry
from storage.record.chain import as_json
from storage.record.verification import Verified, snapshot, verify

Result = TypeVar("Result")


def timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of the wall clock, and what came of it."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def written(books: Books, records: int, accounts: int) -> None:
    """As a large evaluation writes: all records in one transaction, in turn over the accounts."""
    evidence = {"component": "model:LARGE-GROWTH", "weight": "0.3891", "lower": "0.24", "upper": "0.36"}
    with books.transaction(Actor("schedule", "daily-target-evaluation", "run", "evaluate_range")) as transaction:
        transaction.audit.record_all(
            AuditEntry("queued", f"A-{at % accounts:07d}", rule="QUEUE-3", after={"OUTSIDE_TOLERANCE": evidence})
            for at in range(records)
        )


def walked(books: Books, account_id: str | None = None) -> Verified:
    """Verifies all of it, or one account's."""
    with snapshot(books.engine) as connection:
        return verify(connection, account_id)


def record_figures(records: int, accounts: int, tampered: bool) -> None:
    """Writes, seals and verifies so many records."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "data", durable=False) as server:
        migrations.upgrade(server.url)
        books = Books(connect(server.application_url))
        writing, _ = timed(lambda: written(books, records, accounts))

        def seal() -> None:
            with books.transaction(Actor("benchmark")) as transaction:
                transaction.seals.seal()

        sealing, _ = timed(seal)
        walking, done = timed(lambda: walked(books))
        one, _ = timed(lambda: walked(books, "A-0000000"))
        rows = [
            ("written in one transaction", f"{writing:.2f}", f"{records / writing:,.0f}"),
            ("sealed", f"{sealing:.2f}", ""),
            ("verified, chains and seal", f"{walking:.2f}", f"{records / walking:,.0f}"),
            ("verified, one account", f"{one:.2f}", ""),
        ]
        print(f"{done.records:,} records in {done.chains:,} chains, {len(done.faults)} faults\n")
        print(table(("", "seconds", "records a second"), rows))
        if tampered:
            owner = connect(server.url)
            with owner.begin() as connection:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                connection.execute(text("UPDATE audit_records SET who = 'eve' WHERE id = :id"), {"id": records // 2})
            owner.dispose()
            for fault in walked(books).faults:
                print(f"\n{fault.chain}: {fault.says}")
        books.engine.dispose()


def recompute_figures(plans: int) -> None:
    """Decides kept plans again, from their JSON to the comparison of bytes, as `audit recompute` does."""
    accounts, policy = snapshots(Shape(), plans)
    texts = [
        (as_json(kept(seen)), as_json(policy.as_json()), as_json(json.loads(plan_json.dumps(plan(seen, policy)))))
        for seen in accounts
    ]
    milliseconds, same = [], 0
    for seen_text, policy_text, made in texts:
        start = time.process_time_ns()
        again = plan(restored(json.loads(seen_text)), Policy.from_json(json.loads(policy_text)))
        same += as_json(json.loads(plan_json.dumps(again))) == made
        milliseconds.append((time.process_time_ns() - start) / 1e6)
    size = sum(len(each) for parts in texts for each in parts) / len(texts) / 1024
    median, most = percentile(milliseconds, 0.5), percentile(milliseconds, 0.95)
    print(f"\nplans of {Shape().title}, {size:.0f} KB each with their snapshot, computed again\n")
    print(
        table(("plans", "the same", "ms median", "ms 95 %"), [(str(plans), str(same), f"{median:.1f}", f"{most:.1f}")])
    )


def main(arguments: Sequence[str]) -> None:
    """Prints both tables."""
    options = argparse.ArgumentParser(prog="python -m benchmarks audit", description=__doc__.splitlines()[0])
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--accounts", type=int, default=10_000)
    options.add_argument("--plans", type=int, default=50)
    options.add_argument("--tampered", action="store_true")
    given = options.parse_args(arguments)
    record_figures(given.records, given.accounts, given.tampered)
    recompute_figures(given.plans)
