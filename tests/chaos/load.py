"""The work of a chaos run: what people and schedules do all day, over and over, whatever breaks meanwhile.

Each kind of work is one coroutine that does a bit of it. Where a server is away it fails, and is called again.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.books.deliveries import PriceLine, Problems
from policy.clock import the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.intake.delivered_files import Source
from storage.intake.prices import load_prices
from storage.schema.desk import blocks, desk_legs
from storage.schema.execution import rebalances
from storage.schema.tables import models, prices
from storage.work.venues import ONE_BY_ONE, SetBlocks
from tests.chaos.book import AS_OF, MODELS, PATIENCE, TARGETS, account_id
from tests.chaos.quiet import ask_the_venue
from workflows.contract import EVALUATION_ID, TASK_QUEUE, rebalance_workflow_id

AWAY = (
    SQLAlchemyError,
    RPCError,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowAlreadyStartedError,
    OSError,
    TimeoutError,
    subprocess.SubprocessError,
)
SOON = timedelta(seconds=5)
AT_ONCE = 15  # rebalances under way from which no more are asked for


@dataclass
class Load:
    """Keeps everybody busy until `stop` is set; counts what was asked for."""

    client: Client
    books: Books
    seed: int
    accounts: int
    home: Path
    environment: dict[str, str]  # for commands
    asked: Counter[str] = field(default_factory=Counter)

    in_blocks: bool = False
    away: threading.Event = field(default_factory=threading.Event)  # set: nobody asks for anything, as in a restore

    def __post_init__(self) -> None:
        self.dice = Random(f"{self.seed}/load")

    def kinds(self) -> dict[str, tuple[float, Callable[[], Awaitable[None]]]]:
        """Each kind of work, and the seconds between two of it."""
        found: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "rebalances": (0.4, self.rebalances),
            "approvals": (0.3, self.approvals),
            "evaluations": (4.0, self.evaluation),
            "price files": (3.0, self.prices),
            "target assignments": (2.0, self.assignment),
            "breaks resolved": (1.0, self.breaks),
        }
        found["blocks on and off"] = (12.0, self.terms)
        found["leavings"] = (1.0, self.leaving)
        if importlib.util.find_spec("workflows.rebalance_request"):
            found["requests"] = (8.0, self.request)
        if importlib.util.find_spec("workflows.apply_model_signal"):
            found["model signals"] = (15.0, self.signal)
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """All kinds at once."""
        await asyncio.gather(*(self._keep(name, every, work, stop) for name, (every, work) in self.kinds().items()))

    async def _keep(self, name: str, every: float, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                if not self.away.is_set():
                    await asyncio.wait_for(work(), 30)
            except AWAY:
                self.asked[f"{name}: refused, or a server was away"] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)

    async def rebalances(self) -> None:
        """A person submits an account; some are approved by policy. No more are begun than come to their end."""
        if await asyncio.to_thread(self._under_way) >= AT_ONCE:
            return
        account = account_id(self.dice.randrange(1, self.accounts + 1))
        given = {
            "account_id": account,
            "requested_by": "ann",
            "mode": self.dice.choice(("best_fit", "best_fit", "exact", "min_transaction")),
            "approval": self.dice.choice(("automatic", "required")),
        }
        await self.client.start_workflow(
            "RebalanceAccount", given, id=rebalance_workflow_id(account), task_queue=TASK_QUEUE, rpc_timeout=SOON
        )
        self.asked["rebalances"] += 1

    async def approvals(self) -> None:
        """Somebody else approves, and now and then cancels, what is pending."""
        for row in await asyncio.to_thread(self._pending):
            update = "cancel" if self.dice.random() < 0.05 else "approve"
            handle = self.client.get_workflow_handle(row.workflow_id)
            said = {"by": "ben"} | ({"plan": row.plan_digest} if update == "approve" else {})
            try:
                await handle.execute_update(update, said, rpc_timeout=SOON)
                self.asked["decisions"] += 1
            except AWAY:  # its workflow was ended, say; the others wait too
                self.asked["approvals: refused, or a server was away"] += 1

    async def evaluation(self) -> None:
        """The daily evaluation, much more than daily."""
        handle = await self.client.start_workflow(
            "DailyTargetEvaluation", {}, id=EVALUATION_ID, task_queue=TASK_QUEUE, rpc_timeout=SOON
        )
        self.asked["evaluations"] += 1
        await handle.result()

    async def prices(self) -> None:
        """A vendor's file moves every price by up to 15 %, so that there is something to rebalance."""
        await asyncio.to_thread(self._move_prices)
        self.asked["price files"] += 1

    async def assignment(self) -> None:
        """An account gets another target, or its first."""
        account = account_id(self.dice.randrange(1, self.accounts + 1))
        target = self.dice.choice(sorted(TARGETS))
        await asyncio.to_thread(self._assign, account, target)
        self.asked["target assignments"] += 1

    async def breaks(self) -> None:
        """Somebody asks the venue about its breaks."""
        self.asked["breaks resolved"] += await asyncio.to_thread(ask_the_venue, self.books)

    async def request(self) -> None:
        """A request for a few accounts, whatever they are doing."""
        if await asyncio.to_thread(self._under_way) >= AT_ONCE:
            return
        name = f"Q-chaos-{self.asked['requests'] + 1}"
        numbers = self.dice.sample(range(1, self.accounts + 1), min(6, self.accounts))
        chosen = [account_id(number) for number in numbers]
        given = {"request_id": name, "requested_by": "ann", "account_ids": chosen, "approval": "automatic"}
        await self.client.start_workflow(
            "RebalanceRequest", given, id=f"rebalance-request/{name}", task_queue=TASK_QUEUE, rpc_timeout=SOON
        )
        self.asked["requests"] += 1

    async def terms(self) -> None:
        """The paper venue's orders go in blocks for two thirds of the time, and one by one for the rest."""
        self.in_blocks = self.asked["blocks on and off"] % 3 != 2
        await asyncio.to_thread(self._set_terms)
        self.asked["blocks on and off"] += 1

    async def leaving(self) -> None:
        """A client calls: an account leaves an open block."""
        found = await asyncio.to_thread(self._leave)
        if found is not None:
            self.asked["leavings"] += 1
            await self.client.get_workflow_handle(f"block/{found}").signal("look", rpc_timeout=SOON)

    async def signal(self) -> None:
        """A manager's new version of a model: two of its weights change places."""
        await asyncio.to_thread(self._send_signal)
        self.asked["model signals"] += 1

    def _under_way(self) -> int:
        with self.books.transaction() as read:
            counted = select(func.count()).select_from(rebalances).where(rebalances.c.stage != "ENDED")
            return int(read.connection.scalar(counted) or 0)

    def _pending(self) -> list[Any]:
        with self.books.transaction() as read:
            waiting = select(rebalances.c.workflow_id, rebalances.c.plan_digest)
            pending = waiting.where(rebalances.c.stage == "PENDING_APPROVAL").order_by(func.random())
            return list(read.execute(pending.limit(5)))

    def _move_prices(self) -> None:
        with self.books.transaction() as read:
            day = prices.c.as_of == date.fromisoformat(AS_OF)
            now = {row.symbol: row.price for row in read.execute(select(prices.c.symbol, prices.c.price).where(day))}
        lines = [
            PriceLine(at, symbol, date.fromisoformat(AS_OF), (price * self._factor()).quantize(Decimal("0.01")))
            for at, (symbol, price) in enumerate(sorted(now.items()), start=1)
        ]
        load_prices(self.books, lines, Problems(), Source("chaos", b""), the_clock().today(), Actor("feed"))

    def _send_signal(self) -> None:
        name = self.dice.choice(sorted(MODELS))
        with self.books.transaction() as read:
            version = read.connection.scalar(select(models.c.version).where(models.c.id == name)) or 0
        symbols = list(MODELS[name])
        self.dice.shuffle(symbols)
        weights = list(MODELS[name].values())
        left = 100 - sum(round(float(weight) * 100) for weight in weights)
        holdings: list[dict[str, Any]] = [
            {"symbol": symbol, "weight": weight} for symbol, weight in zip(symbols, weights, strict=True)
        ]
        holdings += [{"cash": True, "weight": f"0.{left:02d}"}] if left else []
        file = self.home / f"signal-{name}-{version + 1}.json"
        file.write_text(json.dumps({"id": name, "version": version + 1, "holdings": holdings}))
        command = [str(Path(sys.executable).with_name("rebalancer")), "model", "signal", str(file), "--by", "cal"]
        subprocess.run(command, env=os.environ | self.environment, capture_output=True, timeout=30, check=True)

    def _set_terms(self) -> None:
        gathers = SetBlocks("window", 1) if self.in_blocks else ONE_BY_ONE
        with self.books.transaction(Actor("ann")) as books:
            books.venues.set_terms("PAPER", None, PATIENCE, None, gathers)

    def _leave(self) -> str | None:
        open_ones = select(desk_legs.c.block_id, desk_legs.c.account_id, desk_legs.c.rebalance_id)
        open_ones = open_ones.join(blocks, blocks.c.id == desk_legs.c.block_id).where(blocks.c.status == "RELEASED")
        with self.books.transaction(Actor("ann")) as books:
            legs = books.execute(
                open_ones.where(desk_legs.c.block_id.is_not(None), desk_legs.c.ended_at.is_(None))
            ).all()
            if not legs:
                return None
            leg = self.dice.choice(legs)
            books.blocks.get(leg.block_id, lock=True)
            books.blocks.ask_to_leave(leg.block_id, leg.account_id, leg.rebalance_id, "the client called")
            return str(leg.block_id)

    def _factor(self) -> Decimal:
        return Decimal(self.dice.randrange(870, 1150)) / 1000

    def _assign(self, account: str, target: str) -> None:
        with self.books.transaction(Actor("ann")) as books:
            books.accounts.assign_target(account, target, the_clock().today())
