"""How long until an account whose target is assigned is visible in the queue, while a daily evaluation runs.

    python -m benchmarks visibility [--accounts 50000] [--outside 20] [--seconds 20] [--write]

Beside the same with nothing else going on. From before the transaction of `target assign` begins until another
connection sees the account's entry; the start of a command's process is not in it. Every so many'th account is outside
its bands, so that the evaluation plans, locks and queues all the time; the accounts are drawn among all.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from random import Random

from sqlalchemy import text

from benchmarks import generated_book
from benchmarks.document import put
from benchmarks.scene import Scene, scene
from benchmarks.table import percentile, table
from storage.actor import Actor
from workflows.contract import EVALUATION_ID, TASK_QUEUE

PAUSE = 0.005  # seconds between two assignments


def until_visible(on: Scene, account_id: str, target_id: str) -> float:
    """Milliseconds from before the assignment until somebody else sees the entry with its reason."""
    start = time.perf_counter()
    with on.books.transaction(Actor("bench")) as books:
        books.accounts.assign_target(account_id, target_id, generated_book.AS_OF)
    while True:
        with on.books.transaction() as books:
            entry = books.queue.entry(account_id)
        if entry is not None and "TARGET_CHANGED" in entry.reasons:
            return (time.perf_counter() - start) * 1000


async def assignments(on: Scene, numbers: list[int], goes_on: asyncio.Event) -> list[float]:
    """Assigns other targets to accounts, each to one of its own and once, until the event is set."""
    taken: list[float] = []
    while not goes_on.is_set() and numbers:
        number = numbers.pop()
        target = f"T{(number + 1) % generated_book.TARGETS:03}"
        taken.append(await asyncio.to_thread(until_visible, on, f"B-{number:08}", target))
        await asyncio.sleep(PAUSE)
    return taken


def main(arguments: Sequence[str] = ()) -> None:
    """Prints both lines."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks visibility", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--outside", type=int, default=20, help="each so many'th account is outside")
    parser.add_argument("--seconds", type=float, default=20, help="of assignments without an evaluation")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = parser.parse_args(arguments)
    numbers = Random(20261120).sample(range(1, asked.accounts + 1), asked.accounts)
    with scene() as on:
        generated_book.make_market(on.books.engine)
        generated_book.make_accounts(on.books.engine, 1, asked.accounts)
        generated_book.push_outside(on.books.engine, asked.outside)

        async def alone() -> list[float]:
            ended = asyncio.Event()
            asyncio.get_running_loop().call_later(asked.seconds, ended.set)
            return await assignments(on, numbers, ended)

        async def beside() -> list[float]:
            client, ended = await on.client(), asyncio.Event()

            async def evaluation() -> None:
                await client.execute_workflow("DailyTargetEvaluation", {}, id=EVALUATION_ID, task_queue=TASK_QUEUE)
                ended.set()

            running = asyncio.create_task(evaluation())
            taken = await assignments(on, numbers, ended)
            await running
            return taken

        quiet = asyncio.run(alone())
        with on.books.engine.begin() as connection:
            connection.execute(text("DELETE FROM queue_entries"))
            connection.execute(text("ANALYZE queue_entries"))  # nobody empties a queue at a stroke but this benchmark
        with on.workers():
            busy = asyncio.run(beside())
    told = table(
        ("from assignment to visible", "assignments", "median", "99 %", "most"),
        [
            (
                name,
                f"{len(taken):,}",
                f"{statistics.median(taken):.1f} ms",
                f"{percentile(taken, 0.99):.1f} ms",
                f"{max(taken):.1f} ms",
            )
            for name, taken in (("nothing else going on", quiet), ("while an evaluation runs", busy))
        ],
    )
    print(told)
    if asked.write:
        put("visibility", told)
