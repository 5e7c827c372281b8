"""How long the daily evaluation takes, beside a bare SQL aggregate that only sums the same rows.

    python -m benchmarks evaluation [--accounts 10000 100000] [--outside 100] [--repeat 3] [--write]

Through a real server and one worker process. Accounts have 20 holdings in 5 components. First none is outside its
bands, so that it is the evaluation alone that is measured; then each hundredth, which adds reading, planning and
queueing them. Memory is the worker process's own, at its highest; a new process for each size.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

from sqlalchemy import text

from benchmarks import generated_book
from benchmarks.document import DOCS, put
from benchmarks.plot import line_plot, write
from benchmarks.scene import Scene, peak_memory, scene
from benchmarks.table import table
from workflows.contract import EVALUATION_ID, TASK_QUEUE

ONE_PROCESS = text("SET LOCAL max_parallel_workers_per_gather = 0")
FLOOR = text(
    "SELECT count(*), sum(value) FROM ("
    " SELECT s.account_id, sum(h.quantity * p.price) AS value FROM sleeves s JOIN holdings h ON h.sleeve_id = s.id"
    " JOIN prices p ON p.symbol = h.symbol AND p.as_of = :as_of WHERE s.status = 'open' GROUP BY s.account_id) summed"
)


def timed(run: Callable[[], object], repeat: int) -> float:
    """Seconds, the median of so many runs."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def floor(on: Scene, one_process: bool) -> None:
    """Sums every account's holdings, and nothing else."""
    with on.books.engine.begin() as connection:
        if one_process:
            connection.execute(ONE_PROCESS)
        connection.execute(FLOOR, {"as_of": generated_book.AS_OF}).all()


def evaluate(on: Scene) -> dict[str, object]:
    """The daily evaluation, from its start to its result."""

    async def run() -> dict[str, object]:
        client = await on.client()
        found: dict[str, object] = await client.execute_workflow(
            "DailyTargetEvaluation", {}, id=EVALUATION_ID, task_queue=TASK_QUEUE
        )
        return found

    return asyncio.run(run())


def main(arguments: Sequence[str] = ()) -> None:
    """Prints a line a size, and draws them where asked."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks evaluation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000], help="the sizes, each a line")
    parser.add_argument("--outside", type=int, default=100, help="each so many'th account is outside, the second time")
    parser.add_argument("--repeat", type=int, default=3, help="times each is run; the median counts")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/performance.md; draw docs/evaluation.svg"
    )
    asked = parser.parse_args(arguments)
    rows, floors, evaluations = [], [(0.0, 0.0)], [(0.0, 0.0)]
    for size in sorted(asked.accounts):
        with scene() as on:
            generated_book.make_market(on.books.engine)
            generated_book.make_accounts(on.books.engine, 1, size)
            with on.workers() as pids:
                evaluate(on)  # what a process does once, it does now
                one, many, inside = [], [], []
                for _ in range(asked.repeat):  # by turns, so that a busy moment of the machine is everybody's
                    one.append(timed(lambda: floor(on, True), 1))
                    many.append(timed(lambda: floor(on, False), 1))
                    inside.append(timed(lambda: evaluate(on), 1))
                generated_book.push_outside(on.books.engine, asked.outside)
                outside = timed(lambda: evaluate(on), 1)
                memory = peak_memory(pids[0])
        one_process, parallel, took = map(statistics.median, (one, many, inside))
        floors.append((size / 1000, parallel))
        evaluations.append((size / 1000, took))
        rows.append(
            (
                f"{size:,}",
                f"{parallel:.2f} s",
                f"{one_process:.2f} s",
                f"{took:.2f} s",
                f"{took / parallel:.2f}",
                f"{took / one_process:.2f}",
                f"{size / took:,.0f}",
                f"{outside:.1f} s",
                f"{memory:.0f} MB",
            )
        )
    head = (
        "accounts",
        "sums alone",
        "in one process",
        "evaluation",
        "times the sums",
        "times one process's",
        "accounts a second",
        f"1 in {asked.outside} outside",
        "worker's memory",
    )
    told = table(head, rows)
    print(told)
    if asked.write:
        put("evaluation", told)
        lines = {"evaluation": evaluations, "sums alone": floors}
        write(DOCS / "evaluation.svg", line_plot("The daily evaluation", "thousand accounts", "seconds", lines))
