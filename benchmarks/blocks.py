"""A request of many accounts with 10 orders each, sent one by one and in blocks: orders at the venue, time, processor.

    python -m benchmarks blocks [--accounts 500] [--only alone|blocks]

Each on a scene of its own, with two workers. In blocks the desk's window is closed once every account has handed its
orders over. Processor time is that of all processes there (workers, PostgreSQL, Temporal), from start to end; also by
fifths of the accounts, as what grows faster than they do shows in the last fifth beside the first.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from benchmarks.processor import used
from benchmarks.scene import Scene, scene
from benchmarks.table import table
from policy import in_force
from storage.actor import Actor
from storage.intake.loading import load
from storage.schema.desk import block_allocations, desk_legs, paper_block_orders
from storage.schema.execution import paper_orders, rebalances
from storage.work.venues import SetBlocks
from workflows.contract import TASK_QUEUE, request_workflow_id

AS_OF = date(2026, 11, 20)
SECURITIES = 10
KINDS = ("Python", "PostgreSQL", "Temporal")
HANDED_OVER, ENDED = "handed over to the desk", "ended"
LOOKS = 2.0  # seconds between two looks at how far a request is


@dataclass(frozen=True, slots=True)
class Measured:
    """What a request took."""

    orders: int  # at the venue
    parts: int  # of blocks, in accounts
    seconds: float
    processor: dict[str, float]  # seconds by what spent them
    fifths: list[tuple[str, int, dict[str, float]]]  # of which accounts did what, and the seconds since the one before


@dataclass(slots=True)
class Fifths:
    """Processor time of each fifth of the accounts, in what they do."""

    accounts: int
    last: dict[str, float] = field(default_factory=used)
    seen: dict[str, int] = field(default_factory=lambda: {HANDED_OVER: 0, ENDED: 0})
    found: list[tuple[str, int, dict[str, float]]] = field(default_factory=list)

    def at(self, what: str, done: int) -> None:
        """So many accounts have done it now."""
        if done - self.seen[what] < self.accounts // 5 and (done < self.accounts or done == self.seen[what]):
            return
        now = used()
        spent = {kind: now[kind] - self.last[kind] for kind in now}
        self.found.append((what, done - self.seen[what], spent))
        self.last, self.seen[what] = now, done
        told = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in spent.items())
        print(f"{time.strftime('%H:%M:%S')} {done:,} accounts {what}: {told}", file=sys.stderr, flush=True)


def book(accounts: int, securities: int = SECURITIES) -> dict[str, Any]:
    """Accounts in cash, each with another amount, and a target of so many securities."""
    weights = [{"security": f"S{at}", "weight": str(Decimal("0.98") / securities)} for at in range(securities)]
    return {
        "as_of": str(AS_OF),
        "historical": True,
        "securities": [{"symbol": f"S{at}", "price": f"{17 + 13 * at}.00"} for at in range(securities)],
        "models": [],
        "targets": [{"id": "T", "components": [*weights, {"cash": True, "weight": "0.02"}]}],
        "accounts": [{"id": f"A-{at:05}", "cash": f"{100_000 + 137 * at}.00", "target": "T"} for at in range(accounts)],
    }


async def request(on: Scene, accounts: int, in_blocks: bool, fifths: Fifths) -> float:
    """Seconds of the whole request. Raises RuntimeError where it did not end COMPLETE."""
    client = await on.client()
    given = {
        "request_id": "Q-1",
        "requested_by": "bench",
        "approval": "automatic",
        "account_ids": [f"A-{at:05}" for at in range(accounts)],
    }
    start = time.perf_counter()
    handle = await client.start_workflow(
        "RebalanceRequest", given, id=request_workflow_id("Q-1"), task_queue=TASK_QUEUE
    )
    while in_blocks and not _handed_over(on, accounts, fifths):
        await asyncio.sleep(LOOKS)
    if in_blocks:
        await client.get_workflow_handle("desk/PAPER").signal("look")
    result = asyncio.create_task(handle.result())
    while not result.done():
        await asyncio.wait((result,), timeout=LOOKS)
        with on.books.transaction() as books:
            ended = select(func.count()).where(rebalances.c.ended_at.is_not(None))
            fifths.at(ENDED, books.connection.scalar(ended) or 0)
    if (status := result.result()["status"]) != "COMPLETE":
        raise RuntimeError(f"the request ended {status}")
    return time.perf_counter() - start


def _handed_over(on: Scene, accounts: int, fifths: Fifths) -> bool:
    """Closes the window once all accounts have handed their orders over; True then."""
    with on.books.transaction(Actor("bench")) as books:
        done = (books.connection.scalar(select(func.count()).select_from(desk_legs)) or 0) // SECURITIES
        fifths.at(HANDED_OVER, done)
        if done == accounts:
            books.desk.close_window("PAPER")
    return done == accounts


def measured(accounts: int, in_blocks: bool) -> Measured:
    """One request on a scene of its own; processor time from its first account to its last."""
    with scene() as on:
        raw = book(accounts)
        listed = raw.pop("accounts")
        load(on.books, raw, iter(listed), in_force(AS_OF), AS_OF, Actor("bench"), None)
        if in_blocks:
            with on.books.transaction(Actor("bench")) as books:
                books.venues.set_terms("PAPER", None, None, None, SetBlocks("window", 86_400))
        with on.workers(2):
            before, fifths = used(), Fifths(accounts)
            seconds = asyncio.run(request(on, accounts, in_blocks, fifths))
            spent = {kind: took - before[kind] for kind, took in used().items()}
        with on.books.transaction() as books:
            alone, blocked, parts = (
                books.connection.scalar(select(func.count()).select_from(each)) or 0
                for each in (paper_orders, paper_block_orders, block_allocations)
            )
    return Measured(alone + blocked, parts, seconds, spent, fifths.found)


def main(arguments: Sequence[str] = ()) -> None:
    """Prints both lines."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks blocks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--only", choices=["alone", "blocks"], help="one of the two")
    asked = parser.parse_args(arguments)
    rows: list[tuple[str, ...]] = []
    pace: list[tuple[str, ...]] = []
    for title, in_blocks in (("one by one", False), ("in blocks", True)):
        if asked.only == ("alone" if in_blocks else "blocks"):
            continue
        found = measured(asked.accounts, in_blocks)
        if not found.orders or bool(found.parts) != in_blocks:
            raise RuntimeError(f"{title}: {found} measures nothing")
        spent = sum(found.processor.values())
        rows.append(
            (
                title,
                f"{found.orders:,}",
                f"{found.parts:,}",
                f"{found.seconds:.0f} s",
                f"{spent:.0f} s",
                f"{1000 * spent / asked.accounts:.0f}",
                *(f"{1000 * found.processor[kind] / asked.accounts:.0f}" for kind in KINDS),
            )
        )
        for what, count, took in found.fifths:
            each = [1000 * took[kind] / count for kind in KINDS]
            pace.append((f"{title}: {what}", f"{count:,}", f"{sum(each):.0f}", *(f"{ms:.0f}" for ms in each)))
    print(f"{asked.accounts:,} accounts, {SECURITIES} orders each\n")
    head = ("", "orders at the venue", "allocations", "time", "processor time", "ms an account", *KINDS)
    print(table(head, rows))
    print(f"\n{table(('', 'accounts', 'ms an account', *KINDS), pace)}")


if __name__ == "__main__":
    main()
