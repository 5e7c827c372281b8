"""How a request grows with its accounts: each in cash, buying five securities, approved by itself, one by one.

    python -m benchmarks requests [--accounts 200 400 800] [--workers 2]

Each size on a scene of its own. Processor time is that of all processes there (workers, PostgreSQL, Temporal), from the
request's start to its end; what else the machine does is hardly in it.
"""

import argparse
import asyncio
from collections.abc import Sequence

from sqlalchemy import func, select

from benchmarks.blocks import AS_OF, Fifths, book, request
from benchmarks.processor import used
from benchmarks.scene import Scene, peak_memory, scene
from benchmarks.table import table
from policy import in_force
from storage.actor import Actor
from storage.intake.loading import load
from storage.schema.execution import paper_orders
from workflows.contract import request_workflow_id

SECURITIES = 5


def line(accounts: int, workers: int) -> tuple[str, ...]:
    """What a request of so many accounts took. Raises RuntimeError where an order is missing."""
    with scene() as on:
        raw = book(accounts, SECURITIES)
        listed = raw.pop("accounts")
        load(on.books, raw, iter(listed), in_force(AS_OF), AS_OF, Actor("bench"), None)
        with on.workers(workers) as pids:
            before = used()
            seconds = asyncio.run(request(on, accounts, False, Fifths(accounts)))
            spent = {kind: seconds_ - before[kind] for kind, seconds_ in used().items()}
            memory = max(map(peak_memory, pids))
        with on.books.transaction() as books:
            orders = books.connection.scalar(select(func.count()).select_from(paper_orders))
        events = asyncio.run(_longest(on))
    if orders != accounts * SECURITIES:
        raise RuntimeError(f"{orders} orders of {accounts * SECURITIES} are at the venue: that measures nothing")
    whole = sum(spent.values())
    return (
        f"{accounts:,}",
        f"{orders:,}",
        f"{seconds:.0f} s",
        f"{whole:.0f} s",
        f"{1000 * whole / accounts:.0f}",
        *(f"{1000 * spent[kind] / accounts:.0f}" for kind in ("Python", "PostgreSQL", "Temporal")),
        f"{events:,}",
        f"{memory:.0f} MB",
    )


async def _longest(on: Scene) -> int:
    """The events of the request's longest run: it continues as new, so that none grows with the request."""
    client = await on.client()
    runs = client.list_workflows(f"WorkflowId = '{request_workflow_id('Q-1')}'")
    return max([each.history_length async for each in runs])


def main(arguments: Sequence[str] = ()) -> None:
    """Prints a line a size."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks requests", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, nargs="+", default=[200, 400, 800], help="the sizes, each a line")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    asked = parser.parse_args(arguments)
    head = ("accounts", "orders", "time", "processor time", "ms an account", "Python", "PostgreSQL", "Temporal")
    told = table(
        (*head, "events of its longest run", "a worker's memory"),
        [line(size, asked.workers) for size in sorted(asked.accounts)],
    )
    print(told)
