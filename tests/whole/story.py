"""One story of whole rebalances, by a seed: accounts are rebalanced together over days, while anything happens."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from sqlalchemy import text
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from acting import desks as acting
from domain.books.book import BookRefused
from identity.person import asserted
from policy import in_force
from policy.clock import Clock
from policy.trading_days import next_close
from reading.refused import Refused
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from storage.work.venues import SetBlocks
from tests.whole import world
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk
from workflows.contract import rebalance_workflow_id

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
IN_ALL = 600.0  # seconds for a whole story
PATIENCE = 60.0  # seconds for the last word of everything; the machine may be busy
ANN, BEN = asserted("ann"), asserted("ben")


class Market(Protocol):
    """Who fills."""

    custodian: str

    def begin(self, story: "Story") -> None:
        """Before anything is handed over."""

    def event(self, story: "Story") -> str:
        """Something happens at the venue: what."""

    def day(self, at: datetime) -> None:
        """Another day begins."""

    def kind(self, story: "Story") -> None:
        """From now on everything is filled, and nothing refused."""


class Story:
    """What is started, what happens to it, and its end."""

    def __init__(self, client: Client, books: Books, market: Market, seed: int) -> None:
        self.dice = dice = Random(f"{seed}/whole")
        self.charges = Random(f"{seed}/charges")  # what fills cost
        self.desk = TestDesk(client, books, Clock.set_to(FRIDAY), sandboxed=False)
        self.market, self.client, self.books = market, client, books
        self.held = world.accounts(dice)
        self.names = list(self.held)
        self.book = world.book(dice, self.held, market.custodian)
        self.terms = SetBlocks(
            "window", dice.choice((0, 2)), None, dice.choice(("allowed", "allowed", "never")),
            dice.choice(("end", "carry", "carry")), dice.choice((None, None, 10)),
        )  # fmt: skip
        self.request = dice.random() < 0.4
        self.seen: Counter[str] = Counter({"requests": int(self.request), "in lots": int(bool(self.terms.de_minimis))})
        self.doing = "begins"
        self.results: dict[str, dict[str, Any]] = {}
        self._asked: set[asyncio.Task[Any]] = set()

    # --- from the first morning to the end

    async def told(self) -> None:
        """Everything, until each rebalance has ended."""
        try:
            await asyncio.wait_for(self._told(), IN_ALL)
        except TimeoutError as late:
            raise AssertionError(f"it hangs while it {self.doing}: {self._hangs()}") from late

    async def _told(self) -> None:
        self._load(self.book)
        with self.books.transaction(Actor("ann")) as books:
            books.venues.set_terms(self.market.custodian, None, None, "any_time", self.terms)
        self.market.begin(self)
        async with self._working():
            self.doing = "starts"
            await self._started()
            self.doing = "goes on"
            await self._goes_on(self.dice.randrange(4, 9))
        for _ in range(self.dice.randrange(1, 4)):
            self._after_the_close()
            async with self._working():
                await self._goes_on(2)
            self._morning()
            async with self._working():
                await self._goes_on(self.dice.randrange(2, 7))
        await self._ends()

    async def _started(self) -> None:
        if self.request:
            handle = await requests.start(self.desk, *self.names, approval="automatic", mode="exact")
            self.handles = {"Q-1": handle}
            return
        self.handles = {name: await self.desk.start(name, mode="exact") for name in self.names}
        for handle in self.handles.values():
            with contextlib.suppress(AssertionError, RPCError):
                await self._soon(lambda h=handle: self._approved(h))  # type: ignore[misc]

    async def _approved(self, handle: Any) -> bool:
        progress = await handle.query("progress")
        if progress["pending"]:
            await handle.execute_update("approve", {"by": "ben", "plan": progress["plan"]})
        return bool(progress["pending"])

    async def _goes_on(self, rounds: int) -> None:
        for _ in range(rounds):
            await self._event()
            await asyncio.sleep(self.dice.random())
            await self._look()

    async def _ends(self) -> None:
        """Whatever stops anything is taken away: every rebalance ends, on this day or a later one."""
        self.doing = "ends"
        with self.books.transaction(Actor("ben")) as books:
            books.desk.start(self.market.custodian)
            if books.halts.told() is not None:
                books.halts.resume("the story ends")
            ends = SetBlocks("window", 0, None, self.terms.leave, "end", self.terms.de_minimis)
            books.venues.set_terms(self.market.custodian, None, None, "any_time", ends)
        self.market.kind(self)
        for last in (False, False, True):
            async with self._working():
                done = await self._over(PATIENCE if last else PATIENCE / 5)
            if done:
                break
            self._after_the_close()
            async with self._working():
                done = await self._over(PATIENCE if last else PATIENCE / 3)
            if done:
                break
            self._morning()
        async with self._working():
            assert await self._over(PATIENCE), self._hangs()
            for name, handle in self.handles.items():
                self.results[name] = await asyncio.wait_for(handle.result(), PATIENCE)
            await asyncio.gather(*self._asked, return_exceptions=True)

    async def _over(self, seconds: float) -> bool:
        """True once nothing is under way any more."""
        with contextlib.suppress(AssertionError):
            await self._soon(self._nothing_under_way, seconds)
        return await self._nothing_under_way()

    async def _nothing_under_way(self) -> bool:
        await self._look()
        ((under_way, begun),) = self.rows(
            "SELECT count(*) FILTER (WHERE stage <> 'ENDED'), count(DISTINCT account_id) FROM rebalances"
        )
        open_blocks = self.rows("SELECT 1 FROM blocks WHERE status <> 'ENDED'")
        untold = self.rows("SELECT 1 FROM desk_legs WHERE told_at IS NULL")
        still = [each for each in self.handles.values() if (await each.describe()).close_time is None]
        return not (under_way or open_blocks or untold or still) and bool(begun or self.seen["cancel"])

    def _hangs(self) -> dict[str, Any]:
        return {
            "rebalances": [tuple(row) for row in self.rows(
                "SELECT id, account_id, stage FROM rebalances WHERE stage <> 'ENDED'")],
            "orders": [tuple(row) for row in self.rows(
                "SELECT client_order_id, status, side, symbol, quantity FROM orders"
                " WHERE status IN ('NEW', 'SENT', 'WORKING')")],
            "legs": [tuple(row) for row in self.rows(
                "SELECT rebalance_id, leg, block_id, ended_at, told_at FROM desk_legs WHERE told_at IS NULL")],
            "blocks": [tuple(row) for row in self.rows(
                "SELECT b.id, b.status, o.day, o.status, o.units, o.filled_units, o.closes_at, o.allocated_at,"
                " o.venue_reason FROM blocks AS b LEFT JOIN block_orders AS o ON o.block_id = b.id"
                " WHERE b.status <> 'ENDED'")],
            "now": self.desk.clock.now(),
            "seen": self.seen,
        }  # fmt: skip

    # --- one thing of many

    async def _event(self) -> None:
        kinds: dict[str, Callable[[], Any]] = {
            "venue": lambda: self.market.event(self),
            "cancel": self._cancel,
            "leave": self._leave,
            "stop": self._stop,
            "halt": self._halt,
            "terminate": self._terminate,
            "depart": self._depart,
            "move": self._move,
            "nothing": lambda: None,
        }
        weights = (6, 1, 3, 1, 1, 3, 2, 1, 1)
        (kind,) = self.dice.choices(list(kinds), weights)
        done = kinds[kind]()
        if asyncio.iscoroutine(done):
            done = await done
        if done is not False:
            self.seen[done if isinstance(done, str) else kind] += 1

    async def _cancel(self) -> bool:
        """A rebalance, or the request, at whatever moment."""
        if self.request and self.dice.random() < 0.3:
            handle = self.handles["Q-1"]
            self.seen["request cancelled"] += 1
        else:
            handle = self.client.get_workflow_handle(rebalance_workflow_id(self.dice.choice(self.names)))

        async def ask() -> None:
            with contextlib.suppress(WorkflowUpdateFailedError, RPCError, TimeoutError):
                await asyncio.wait_for(
                    handle.execute_update("cancel", {"by": "ben", "reason": "the client called"}), PATIENCE
                )

        self._asked.add(asyncio.create_task(ask()))
        return True

    async def _leave(self) -> bool:
        found = self.rows("SELECT block_id, account_id FROM desk_legs AS d JOIN blocks AS b ON b.id = d.block_id"
                          " WHERE d.ended_at IS NULL ORDER BY 1, 2")  # fmt: skip
        if not found:
            return False
        block_id, account = self.dice.choice(found)
        with contextlib.suppress(Refused):
            await acting.leave(
                self.books, self.desk.desk.venues, self._temporal, ANN, block_id, account, "the client called"
            )
            return True
        return False

    def _stop(self) -> bool:
        with self.books.transaction(Actor("ann")) as books:
            _ = books.desk.start(self.market.custodian) or books.desk.stop(self.market.custodian, "lunch")  # type: ignore[func-returns-value]
        return True

    def _halt(self) -> bool:
        with self.books.transaction(Actor("ann")) as books:
            halted = books.halts.told() is not None
        with self.books.transaction(Actor("ben" if halted else "ann")) as books:
            if halted:
                books.halts.resume("prices are right")
            else:
                books.halts.halt("prices are wrong")
        return True

    async def _terminate(self) -> bool:
        """A block's workflow is ended by hand: what it has to do is in the books."""
        found = self.rows("SELECT id FROM blocks WHERE status = 'RELEASED' ORDER BY 1")
        if not found:
            return False
        with contextlib.suppress(RPCError):
            await self.client.get_workflow_handle(f"block/{self.dice.choice(found).id}").terminate("by hand")
            return True
        return False

    def _depart(self) -> bool:
        """ALLOC-9: whatever is wanted; what can't be lapses."""
        found = self.rows("SELECT id FROM blocks WHERE status = 'RELEASED' ORDER BY 1")
        if not found:
            return False
        block_id = self.dice.choice(found).id
        legs = self.rows("SELECT account_id FROM desk_legs WHERE block_id = :of ORDER BY 1", of=block_id)
        if len(legs) < 2:
            return False
        one, other = self.dice.sample([each.account_id for each in legs], 2)
        with contextlib.suppress(Refused):
            acting.depart(self.books, ANN, block_id, {one: -1, other: 1}, "an odd lot")
            if self.dice.random() < 0.8:
                acting.approve_departure(self.books, BEN, block_id)
            return True
        return False

    def _move(self) -> bool:
        """An account is loaded with another custodian while it trades: refused; before and after, it is its own."""
        name = self.dice.choice(self.names)
        trading = self.rows("SELECT 1 FROM rebalances WHERE account_id = :of AND stage IN ('EXECUTING', 'RECONCILING')",
                            of=name)  # fmt: skip
        if not trading:
            return False
        moved = [each | {"custodian": "ELSEWHERE"} for each in self.book["accounts"] if each["id"] == name]
        with contextlib.suppress(BookRefused):
            self._load({**self.book, "accounts": moved})
            still = self.rows("SELECT 1 FROM rebalances WHERE account_id = :of AND stage <> 'ENDED'", of=name)
            assert not still, f"{name} was moved while it traded"
            self._load({**self.book, "accounts": [each for each in self.book["accounts"] if each["id"] == name]})
        return True

    # --- what a story is made of

    def _load(self, raw: dict[str, Any]) -> None:
        told = dict(raw)
        listed = told.pop("accounts")
        as_of = FRIDAY.date()
        load(self.books, told, iter(listed), in_force(as_of), as_of, Actor("test"), None)

    def _after_the_close(self) -> None:
        self.desk.clock = Clock.set_to(next_close(self.desk.clock.now()) + timedelta(minutes=6))

    def _morning(self) -> None:
        self.desk.clock = Clock.set_to(next_close(self.desk.clock.now()) - timedelta(hours=6))
        self.market.day(self.desk.clock.now())
        self.seen["another day"] += 1

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        async with self.desk.working():
            yield

    async def _temporal(self) -> Client:
        return self.client

    async def _look(self) -> None:
        """Windows close, and whoever runs looks at once; nobody who was ended is started by it."""
        open_ones = [row.id for row in self.rows("SELECT id FROM blocks WHERE status <> 'ENDED'")]
        for workflow_id in (f"desk/{self.market.custodian}", *(f"block/{each}" for each in open_ones)):
            with contextlib.suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).signal("look")

    async def _soon(self, happened: Callable[[], Any], seconds: float = 40) -> None:
        for _ in range(int(seconds * 2)):
            if await happened():
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"never happened: {happened}")

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.books.engine.connect() as connection:
            return list(connection.execute(text(statement), values))
