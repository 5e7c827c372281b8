"""Rebalances a second through a real server, beside workflows with as many activities that do nothing.

    python -m benchmarks rebalances [--accounts 300] [--at-once 20] [--write]

One worker process each, the same server; by turns, half of the accounts before and half after. Every rebalance has 20
positions, is approved by its request, sends its orders to the paper venue and books them.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks import generated_book
from benchmarks.document import put
from benchmarks.idle import IDLE_QUEUE, Idle
from benchmarks.scene import scene
from benchmarks.table import table
from workflows.contract import TASK_QUEUE, rebalance_workflow_id

IDLE_WORKER = ("-m", "benchmarks.idle")


async def a_second(run: Callable[[int], Awaitable[object]], numbers: Sequence[int], at_once: int) -> float:
    """How many of the runs end in a second, with so many under way at once."""
    waiting = list(numbers)

    async def one_after_another() -> None:
        while waiting:
            await run(waiting.pop())

    start = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    return len(numbers) / (time.perf_counter() - start)


def rebalance(client: Client, orders: list[int] | None = None) -> Callable[[int], Awaitable[None]]:
    """A rebalance of the account with that number, from its start to its end; its number of orders is noted."""

    async def run(number: int) -> None:
        account_id = f"B-{number:08}"
        given = {"account_id": account_id, "requested_by": "bench", "approval": "automatic"}
        result = await client.execute_workflow(
            "RebalanceAccount", given, id=rebalance_workflow_id(account_id), task_queue=TASK_QUEUE
        )
        if result["status"] != "COMPLETE":
            raise RuntimeError(f"{account_id} ended {result['status']}: {result['issue']}")
        if orders is not None:
            orders.append(len(result["orders"]))

    return run


def idle(client: Client, steps: int) -> Callable[[int], Awaitable[None]]:
    """A workflow of so many activities that do nothing."""

    async def run(number: int) -> None:
        await client.execute_workflow(Idle.run, steps, id=f"idle/{number}", task_queue=IDLE_QUEUE)

    return run


async def size(client: Client, number: int) -> tuple[int, int, int]:
    """Of a rebalance's history: activities, events, bytes."""
    handle = client.get_workflow_handle(rebalance_workflow_id(f"B-{number:08}"))
    told = (await handle.describe()).raw_description.workflow_execution_info
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    steps = [event async for event in handle.fetch_history_events() if event.event_type == scheduled]
    return len(steps), told.history_length, told.history_size_bytes


def main(arguments: Sequence[str] = ()) -> None:
    """Prints both rates, and what a rebalance leaves in Temporal."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks rebalances", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=20, help="rebalances under way at once")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = parser.parse_args(arguments)
    warm, half = range(1, 11), asked.accounts // 2
    first, second = range(11, 11 + half), range(11 + half, 11 + 2 * half)
    with scene() as on:
        generated_book.make_market(on.books.engine)
        generated_book.make_accounts(on.books.engine, 1, second[-1])
        generated_book.push_outside(on.books.engine, 1)

        orders: list[int] = []

        async def measure() -> tuple[list[float], list[float], tuple[int, int, int]]:
            client = await on.client()
            with on.workers():
                await a_second(rebalance(client), warm, asked.at_once)
                ours = [await a_second(rebalance(client, orders), first, asked.at_once)]
            of_one = await size(client, first[0])
            with on.workers(command=IDLE_WORKER):
                run = idle(client, of_one[0])
                await a_second(run, warm, asked.at_once)
                floor = [await a_second(run, each, asked.at_once) for each in (first, second)]
            with on.workers():
                ours.append(await a_second(rebalance(client, orders), second, asked.at_once))
            return ours, floor, of_one

        ours, floor, (steps, events, size_bytes) = asyncio.run(measure())
    if min(orders) == 0:
        raise RuntimeError("a rebalance without an order was measured: that says nothing of one that trades")
    rate, most = sum(ours) / len(ours), sum(floor) / len(floor)
    told = table(
        ("", "a second", "of those that do nothing", "orders each", "activities", "events", "bytes"),
        [
            (
                "rebalances",
                f"{rate:.1f}",
                f"{rate / most:.2f}",
                f"{statistics.mean(orders):.1f}",
                f"{steps}",
                f"{events}",
                f"{size_bytes:,}",
            ),
            (f"workflows of {steps} activities that do nothing", f"{most:.1f}", "1.00", "", f"{steps}", "", ""),
        ],
    )
    print(told)
    if asked.write:
        put("rebalances", told)
