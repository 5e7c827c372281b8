"""`make fuzz`: breaks input at random for minutes, and prints how many were tried.

    python -m tests.fuzz [--minutes 5] [--seed 1] [--only NAME]

On a PostgreSQL of its own. A seed tries the same inputs again. Exit status 1 where something broke.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from devstack.postgres import Postgres
from policy.clock import AHEAD
from storage import migrations
from storage.engine import connect
from tests import clock
from tests.fuzz.boundaries import Place, boundaries
from tests.fuzz.outlets import command
from tests.fuzz.trial import BATCH, attempt_for


def main() -> int:
    """Shares the time out among the boundaries."""
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the boundaries with this in their name")
    asked = parser.parse_args()
    clock.hand_in()
    chosen = [each for each in boundaries() if asked.only in each.name]
    if not chosen:
        parser.error(f"there are only: {', '.join(each.name for each in boundaries())}")
    broken, total = 0, 0
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres", durable=False) as server:
        migrations.upgrade(server.url)
        alone(Path(folder), server.application_url)
        place = Place(Path(folder), connect(server.url))
        loaded = command("load", str(Path(__file__).parents[2] / "examples" / "demo.yaml"))
        if loaded.code:
            sys.exit(f"the book could not be loaded, and there is nothing to break: {loaded.err}")
        for boundary in chosen:
            tried = attempt_for(boundary, place, asked.minutes * 60 / len(chosen), asked.seed)
            total += tried.count
            ended = "BROKEN" if tried.broken else "taken, or refused in words"
            print(f"{tried.name:30} {tried.count:8,} inputs  {ended}", flush=True)
            if tried.broken:
                broken += 1
                print(tried.broken)
            elif tried.count < BATCH:
                broken += 1
                print(f"only {tried.count} inputs: a batch of {BATCH} is the least that says anything")
    print(f"{total:,} inputs tried in {asked.minutes:g} minutes, seed {asked.seed}: {broken or 'nothing'} broke")
    return 1 if broken else 0


def alone(
    folder: Path,
    database_url: str,
    put: Callable[[str, str], None] = os.environ.__setitem__,
    drop: Callable[[str], None] = os.environ.__delitem__,
) -> None:
    """Commands in this process know this database, and no Temporal."""
    for name in [each for each in os.environ if each.startswith(("REBALANCER_", "TEMPORAL_")) and each != AHEAD]:
        drop(name)
    put("REBALANCER_DATABASE_URL", database_url)
    put("REBALANCER_HOME", str(folder / "no-stack"))
    put("TEMPORAL_ADDRESS", "127.0.0.1:1")
    put("COLUMNS", "160")


if __name__ == "__main__":
    sys.exit(main())
