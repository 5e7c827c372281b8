"""Rebalances through a real server, beside workflows with as many activities that do nothing: a second, and in
processor time of all that is at work (worker, PostgreSQL, Temporal).

    python -m benchmarks rebalances [--accounts 300] [--at-once 20] [--write]

One worker process each, the same server; by turns, half of the accounts before and half after. Every rebalance has 20
positions, is approved by its request, sends its orders to the paper venue and books them. Then some are approved by a
person, one after another: how long each takes from there to its end.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks import generated_book
from benchmarks.document import put
from benchmarks.idle import IDLE_QUEUE, Idle
from benchmarks.processor import used
from benchmarks.scene import scene
from benchmarks.table import table
from workflows.contract import TASK_QUEUE, rebalance_workflow_id

IDLE_WORKER = ("-m", "benchmarks.idle")
IDLE_STEPS = 7  # what a rebalance of before had; kept, so that figures stay comparable


@dataclass(frozen=True, slots=True)
class Rate:
    """How many end in a second, and the milliseconds of processor time that one takes, by what spends it."""

    a_second: float
    spent: Mapping[str, float]

    @property
    def processor(self) -> float:
        """All of it."""
        return sum(self.spent.values())


async def measured(run: Callable[[int], Awaitable[object]], numbers: Sequence[int], at_once: int) -> Rate:
    """Both of the runs, with so many under way at once."""
    before = used()
    rate = await a_second(run, numbers, at_once)
    after = used()
    return Rate(rate, {kind: 1000 * (after[kind] - before[kind]) / len(numbers) for kind in after})


def together(rates: Sequence[Rate]) -> Rate:
    """The mean of several."""
    kinds = {kind: statistics.mean(each.spent[kind] for each in rates) for kind in rates[0].spent}
    return Rate(statistics.mean(each.a_second for each in rates), kinds)


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


async def approved(client: Client, number: int) -> float:
    """Seconds from a person's approval of that account's trades to the end of the rebalance."""
    account_id = f"B-{number:08}"
    given = {"account_id": account_id, "requested_by": "bench"}
    name = rebalance_workflow_id(account_id)
    handle = await client.start_workflow("RebalanceAccount", given, id=name, task_queue=TASK_QUEUE)
    while not (told := await handle.query("progress"))["pending"]:
        await asyncio.sleep(0.2)
    start = time.perf_counter()
    await handle.execute_update("approve", {"by": "approver", "plan": told["plan"]})
    result = await handle.result()
    if result["status"] != "COMPLETE" or not result["orders"]:
        raise RuntimeError(f"{account_id} ended {result['status']} with {len(result['orders'])} orders")
    return time.perf_counter() - start


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
    parser.add_argument("--approved", type=int, default=10, help="how many a person approves, one after another")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = parser.parse_args(arguments)
    warm, half = range(1, 11), asked.accounts // 2
    first, second = range(11, 11 + half), range(11 + half, 11 + 2 * half)
    alone = range(second[-1] + 1, second[-1] + 1 + asked.approved)
    with scene() as on:
        generated_book.make_market(on.books.engine)
        generated_book.make_accounts(on.books.engine, 1, alone[-1])
        generated_book.push_outside(on.books.engine, 1)

        orders: list[int] = []

        async def measure() -> tuple[Rate, Rate, tuple[int, int, int], list[float]]:
            client = await on.client()
            with on.workers():
                await a_second(rebalance(client), warm, asked.at_once)
                ours = [await measured(rebalance(client, orders), first, asked.at_once)]
            of_one = await size(client, first[0])
            with on.workers(command=IDLE_WORKER):
                run = idle(client, IDLE_STEPS)
                await a_second(run, warm, asked.at_once)
                floor = [await measured(run, each, asked.at_once) for each in (first, second)]
            with on.workers():
                await a_second(rebalance(client), alone[:1], 1)
                ours.append(await measured(rebalance(client, orders), second, asked.at_once))
                waited = [await approved(client, each) for each in alone[1:]]
            return together(ours), together(floor), of_one, waited

        ours, floor, (steps, events, size_bytes), waited = asyncio.run(measure())
    if min(orders) == 0:
        raise RuntimeError("a rebalance without an order was measured: that says nothing of one that trades")

    def line(name: str, rate: Rate) -> tuple[str, ...]:
        ratio = f"{floor.processor / rate.processor:.2f}"
        spent = (f"{rate.spent[kind]:.0f}" for kind in ("Python", "PostgreSQL", "Temporal"))
        return name, f"{rate.a_second:.1f}", f"{rate.processor:.0f}", *spent, ratio

    head = ("", "a second", "processor ms each", "Python", "PostgreSQL", "Temporal", "of those that do nothing")
    told = table(head, [line("rebalances", ours), line(f"workflows of {IDLE_STEPS} activities that do nothing", floor)])
    told += (
        f"\n\nOrders each: {statistics.mean(orders):.1f}. A rebalance leaves {steps} activities, {events} events, "
        f"{size_bytes:,} bytes, in Temporal. From a person's approval to COMPLETE, one after another: median "
        f"{statistics.median(waited):.2f} s, most {max(waited):.2f} s."
    )
    print(told)
    if asked.write:
        put("rebalances", told)
