"""How throughput grows with worker processes on one task queue, until the machine is full.

    python -m benchmarks workers [--processes 1 2 4] [--rebalances 200] [--accounts 50000] [--write]

Rebalances a second and accounts evaluated a second, on one server and one database, each beside a single process.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence

from benchmarks import generated_book
from benchmarks.document import DOCS, put
from benchmarks.evaluation import evaluate
from benchmarks.plot import line_plot, write
from benchmarks.rebalances import a_second, rebalance
from benchmarks.scene import Scene, scene
from benchmarks.table import table


def measured(processes: int, rebalances: int, accounts: int) -> tuple[float, float]:
    """Rebalances and evaluated accounts a second, on a book of its own: the last accounts are rebalanced."""
    with scene() as on:
        generated_book.make_market(on.books.engine)
        generated_book.make_accounts(on.books.engine, 1, rebalances + 20)
        generated_book.push_outside(on.books.engine, 1)
        generated_book.make_accounts(on.books.engine, rebalances + 21, accounts)
        with on.workers(processes):
            rate = asyncio.run(_rebalances(on, rebalances))
            evaluate(on)
            start = time.perf_counter()
            evaluate(on)
            return rate, accounts / (time.perf_counter() - start)


async def _rebalances(on: Scene, count: int) -> float:
    run = rebalance(await on.client())
    await a_second(run, range(1, 21), 20)
    return await a_second(run, range(21, 21 + count), 40)


def main(arguments: Sequence[str] = ()) -> None:
    """Prints a line a number of processes."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks workers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rebalances", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=50_000, help="of the book that is evaluated")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/performance.md; draw docs/workers.svg"
    )
    asked = parser.parse_args(arguments)
    found = {each: measured(each, asked.rebalances, asked.accounts) for each in asked.processes}
    one, *_ = found.values()
    rows = [
        (f"{processes}", f"{rate:.1f}", f"{rate / one[0]:.2f}", f"{accounts:,.0f}", f"{accounts / one[1]:.2f}")
        for processes, (rate, accounts) in found.items()
    ]
    head = (
        "worker processes",
        "rebalances a second",
        "times the first",
        "accounts evaluated a second",
        "times the first",
    )
    told = f"{os.cpu_count()} cores, shared with PostgreSQL and Temporal.\n\n{table(head, rows)}"
    print(told)
    if asked.write:
        put("workers", told)
        lines = {
            "rebalances": [(each, rate / one[0]) for each, (rate, _) in found.items()],
            "evaluation": [(each, accounts / one[1]) for each, (_, accounts) in found.items()],
        }
        write(DOCS / "workers.svg", line_plot("Throughput by worker processes", "processes", "times one", lines))
