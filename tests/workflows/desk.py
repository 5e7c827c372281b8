"""An operator's desk for tests: a database with a book, a Temporal server, a worker, and the words to use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row, select
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError

from activities.context import Desk
from policy import in_force
from policy.clock import Clock, the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from storage.schema.audit import audit_records
from storage.schema.execution import paper_orders
from storage.work.queue import QueueEntry
from storage.work.venues import SetBlocks
from venues.paper import PAPER
from venues.registry import Venues
from venues.scenario import read as read_scenario
from worker import make_worker
from workflows.contract import TASK_QUEUE, rebalance_workflow_id

AS_OF = date(2026, 11, 20)


def book(*accounts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A small market, with the accounts given.

    GROWTH: 60 % of model M (half X, half Y; minimum 10,000), 38 % Z, 2 % cash. All prices are round.
    TWO: 49 % each of M and of BIG (minimum 100,000).
    """
    return {
        "as_of": str(AS_OF),
        "historical": True,  # judged from its own day, whatever day the tests are run as
        "securities": [
            {"symbol": "X", "price": "100.00"},
            {"symbol": "Y", "price": "50.00"},
            {"symbol": "Z", "price": "20.00"},
        ],
        "models": [
            {
                "id": "M",
                "name": "Model M",
                "investment_minimum": "10000",
                "holdings": [{"symbol": "X", "weight": "0.5"}, {"symbol": "Y", "weight": "0.5"}],
            },
            {
                "id": "BIG",
                "name": "Model Big",
                "investment_minimum": "100000",
                "holdings": [{"symbol": "Z", "weight": "1"}],
            },
        ],
        "targets": [
            {
                "id": "GROWTH",
                "components": [
                    {"model": "M", "weight": "0.60"},
                    {"security": "Z", "weight": "0.38"},
                    {"cash": True, "weight": "0.02"},
                ],
            },
            {"id": "TWO", "components": [{"model": "M", "weight": "0.49"}, {"model": "BIG", "weight": "0.49"}]},
            {"id": "BIG-ONLY", "components": [{"model": "BIG", "weight": "0.98"}]},
        ],
        "accounts": list(accounts),
        **more,
    }


def account(account_id: str = "A-1", **given: Any) -> dict[str, Any]:
    """An account of 100,000.00 in cash with the target GROWTH, except for what is given."""
    return {"id": account_id, "cash": "100000.00", "target": "GROWTH", **given}


def drifted(account_id: str = "A-1") -> dict[str, Any]:
    """100,000.00: M at 75,000 (above 72 %), Z at 23,000, 2,000 in cash."""
    return account(
        account_id,
        cash="2000.00",
        first_rebalanced="2025-01-02",
        sleeves=[{"model": "M", "holdings": [{"symbol": "X", "quantity": "400"}, {"symbol": "Y", "quantity": "700"}]}],
        holdings=[{"symbol": "Z", "quantity": "1150"}],
    )


@dataclass
class TestDesk:
    """What a test does as an operator would."""

    __test__ = False

    client: Client
    books: Books
    clock: Clock = field(default_factory=the_clock)
    sandboxed: bool = True  # without, workflows have what a test sets in their files

    @property
    def desk(self) -> Desk:
        return Desk(self.books, Venues(self.books.engine, self.clock), self.clock)

    def load(self, *accounts: dict[str, Any], **more: Any) -> None:
        raw = {**book(*accounts), **more}
        listed = raw.pop("accounts")
        load(self.books, raw, iter(listed), in_force(AS_OF), AS_OF, Actor("test"), None)

    def unkind(self, *orders: dict[str, Any], **more: Any) -> None:
        """The paper venue follows a scenario from now on."""
        with self.books.transaction(Actor("test")) as books:
            scenario = read_scenario({"orders": list(orders), **more}, *books.venues.paper_names())
            books.venues.set_scenario(scenario.model_dump(mode="json"))

    def sends(self, when: str) -> None:
        """When orders are sent to the paper venue (DAY-6)."""
        with self.books.transaction(Actor("test")) as books:
            books.venues.set_terms(PAPER, None, None, when)

    def patience(self, seconds: int) -> None:
        """How long an order may work at the paper venue."""
        with self.books.transaction(Actor("test")) as books:
            books.venues.set_terms(PAPER, None, seconds)

    def blocks(self, window: int = 1, **given: Any) -> None:
        """The paper venue's orders are gathered into blocks."""
        with self.books.transaction(Actor("test")) as books:
            books.venues.set_terms(PAPER, None, None, None, SetBlocks("window", window, **given))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with make_worker(self.client, self.desk, sandboxed=self.sandboxed):
            yield

    async def start(self, account_id: str = "A-1", **given: Any) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            "RebalanceAccount",
            {"account_id": account_id, "requested_by": "ann", **given},
            id=rebalance_workflow_id(account_id),
            task_queue=TASK_QUEUE,
        )

    async def pending(self, handle: WorkflowHandle[Any, Any], round_number: int = 1) -> dict[str, Any]:
        """Waits until the rebalance is waiting for an approval."""
        for _ in range(400):
            progress: dict[str, Any] = await handle.query("progress")
            if progress["pending"] and progress["round"] == round_number:
                return progress
            await asyncio.sleep(0.05)
        raise AssertionError(f"never pending: {progress}")

    async def approve(self, handle: WorkflowHandle[Any, Any], by: str = "ben") -> Any:
        """Approves what is pending, as somebody who has just looked at it does."""
        progress = await handle.query("progress")
        return await handle.execute_update("approve", {"by": by, "plan": progress["plan"]})

    async def refused(self, handle: WorkflowHandle[Any, Any], update: str, given: Any) -> str:
        """The reason with which an update is refused."""
        try:
            await handle.execute_update(update, given)
        except WorkflowUpdateFailedError as flaw:
            return str(getattr(flaw.cause, "message", flaw.cause))
        raise AssertionError(f"{update} {given} was accepted")

    async def rebalance(self, account_id: str = "A-1", **given: Any) -> dict[str, Any]:
        """Starts, approves where it waits, and returns the result."""
        handle = await self.start(account_id, **given)
        done = asyncio.ensure_future(handle.result())
        waiting = asyncio.ensure_future(self.pending(handle))
        await asyncio.wait([done, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            await self.approve(handle)
        waiting.cancel()
        result: dict[str, Any] = await done
        return result

    # --- what is in the records afterwards

    def entry(self, account_id: str = "A-1") -> QueueEntry | None:
        with self.books.transaction() as read:
            return read.queue.entry(account_id)

    def row(self, rebalance_id: str) -> Row[Any]:
        with self.books.transaction() as read:
            return read.rebalances.get(rebalance_id)

    def venue_orders(self) -> list[Row[Any]]:
        with self.books.transaction() as read:
            return list(read.execute(select(paper_orders).order_by(paper_orders.c.client_order_id)))

    def audited(self, account_id: str = "A-1") -> list[str]:
        with self.books.transaction() as read:
            return list(
                read.execute(
                    select(audit_records.c.action)
                    .where(audit_records.c.account_id == account_id)
                    .order_by(audit_records.c.id)
                ).scalars()
            )

    def audited_of_requests(self) -> list[str]:
        """What the record has of no account: requests, among others."""
        with self.books.transaction() as read:
            actions = select(audit_records.c.action).where(audit_records.c.account_id.is_(None))
            return list(read.execute(actions.order_by(audit_records.c.id)).scalars())

    def snapshot(self, account_id: str = "A-1") -> Any:
        with self.books.transaction() as read:
            return read.snapshots.take(account_id, None, AS_OF)[0]
