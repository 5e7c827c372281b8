"""One chaos run: the load in a thread of its own, the faults from the main one; then quiet, and the proof."""

import asyncio
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from domain.executing.reconciliation import ledger
from policy import in_force
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.engine import connect
from storage.intake.loading import load
from storage.schema.execution import paper_accounts, paper_orders, paper_positions
from storage.schema.tables import accounts as accounts_table
from storage.work.venues import SetBlocks
from tests.chaos import least, proof
from tests.chaos.book import AS_OF, BROKER, PATIENCE, book, scenario
from tests.chaos.faults import EVERY, planned
from tests.chaos.load import Load
from tests.chaos.proof import Checked, Records
from tests.chaos.pulse import Pulse
from tests.chaos.quiet import settle
from tests.chaos.world import World
from venues.port import VenueOrder
from venues.scenario import Scenario
from workflows.connection import connect as connect_temporal


@dataclass
class Report:
    """What a run did, and what was found."""

    seed: int
    seconds: float
    worked: float = 0.0  # seconds in which anything was done
    asked: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    venue: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    checks: list[Checked] = field(default_factory=list)
    failed_workflows: list[str] = field(default_factory=list)
    records: Records | None = None
    unseen: list[str] = field(default_factory=list)  # what it should have seen, for the proof to mean anything

    @property
    def clean(self) -> bool:
        """True where nothing was found, and there was enough to find something in."""
        return not self.failed_workflows and not self.unseen and not any(each.wrong for each in self.checks)


def run(
    seed: int,
    seconds: float,
    accounts: int,
    workers: int = 2,
    every: float = EVERY,
    say: Callable[[str], None] = print,
) -> Report:
    """Runs chaos for so many seconds, lets everything end, and proves what has to be true."""
    report = Report(seed, seconds)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, World(Path(folder), workers, accounts) as world:
        books = Books(connect(world.postgres.application_url, pool_size=5))
        begun = _load(books, seed, accounts)
        world.open_session()
        thread = _Thread(world, books, seed, accounts)
        world.away = thread.away
        thread.start()
        say(f"seed {seed}: {accounts} accounts, {workers} workers, a fault every {every:g} of {seconds:g} seconds")
        pulse, started, faults = Pulse(world.connect), time.monotonic(), 0
        for fault in planned(seed, seconds, every):
            time.sleep(max(0.0, started + fault.at - time.monotonic()))
            if time.monotonic() > started + seconds:
                break  # a busy machine comes less far
            world.look_after()
            world.inject(fault)
            faults += 1
            pulse.survived(time.monotonic(), seconds)
        time.sleep(max(0.0, started + seconds - time.monotonic()))
        pulse.stop()
        thread.stop()
        say("the faults are over; everything comes to its end")
        world.look_after()
        books.engine.dispose()  # the last fault may have ended the load's connections
        report.asked, report.injected, report.missed = thread.load.asked, world.injected, world.missed
        report.worked = pulse.seconds_of_work
        report.venue = _venue(books, seed)  # before it is told to be kind
        report.failed_workflows = asyncio.run(_settled(world, books))
        if world.restorer.restored:
            world.restorer.compare()
        report.records = proof.read(
            books,
            begun,
            frozenset(world.restorer.lost),
            frozenset(world.attempts.foreign),
            frozenset(world.restorer.sent_since),
        )
        report.checks = [*proof.checked(books, report.records), *world.attempts.checked()]
        report.unseen = list(
            least.missing(
                seconds,
                pulse.seconds_of_work,
                faults,
                report.injected,
                report.records,
                report.checks,
                world.attempts,
                report.venue,
            )
        )
        with books.transaction() as read:
            report.ended = Counter(row.status for row in read.rebalances.listing(limit=1_000_000))
        books.engine.dispose()
    return report


class _Thread(threading.Thread):
    """The load, with an event loop of its own."""

    def __init__(self, world: World, books: Books, seed: int, accounts: int) -> None:
        super().__init__(name="load", daemon=True)
        self.world, self.books = world, books
        self.away = threading.Event()
        environment = {
            "REBALANCER_DATABASE_URL": world.postgres.application_url,
            "TEMPORAL_ADDRESS": self.world.temporal.address,
            **world.session.environment,
        }
        self.make: Callable[[Any], Load] = lambda client: Load(
            client, books, seed, accounts, world.home, environment, away=self.away
        )
        self.load: Load
        self._stop_asked = threading.Event()
        self._flaw: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as flaw:
            self._flaw = flaw

    def stop(self) -> None:
        """Ends the load; raises what ended it before, where something did."""
        self._stop_asked.set()
        self.join()
        if self._flaw is not None:
            raise self._flaw

    async def _run(self) -> None:
        self.load = self.make(await connect_temporal(self.world.temporal.address))
        stop = asyncio.Event()
        work = asyncio.ensure_future(self.load.run(stop))
        while not self._stop_asked.is_set() and not work.done():
            await asyncio.sleep(0.1)
        stop.set()
        await work


async def _settled(world: World, books: Books) -> list[str]:
    client = await connect_temporal(world.temporal.address)
    return await settle(client, books, world.look_after)


def _load(books: Books, seed: int, accounts: int) -> Any:
    """The book, the venue's mood and its patience; what the custodian then has."""
    raw = book(seed, accounts)
    listed, day = raw.pop("accounts"), date.fromisoformat(AS_OF)
    load(books, raw, iter(listed), in_force(day), day, Actor("chaos"), None)
    with books.transaction(Actor("chaos")) as change:
        change.venues.set_scenario(scenario(seed))
        change.venues.set_terms("PAPER", None, PATIENCE, None, SetBlocks("window", 1))
        change.venues.set_terms(BROKER, None, PATIENCE, "any_time")
        _at_the_broker(change)
        return proof.custodian(change)


def _at_the_broker(books: Transaction) -> None:
    """The paper venue stands behind the FIX session, and holds its accounts too."""
    for account in books.execute(select(accounts_table.c.id).where(accounts_table.c.custodian == BROKER)):
        held = ledger(books.snapshots.take(account.id, None, date.fromisoformat(AS_OF))[0].account)
        books.execute(insert(paper_accounts).values(account_id=account.id, cash=held.cash))
        for symbol, quantity in held.positions.items():
            books.execute(insert(paper_positions).values(account_id=account.id, symbol=symbol, quantity=quantity))


def _venue(books: Books, seed: int) -> Counter[str]:
    """What the venue did to the orders that it got, counted."""
    mood = Scenario.model_validate(scenario(seed))
    found: Counter[str] = Counter()
    with books.transaction() as read:
        for row in read.execute(select(paper_orders)):
            order = VenueOrder(row.client_order_id, row.account_id, row.side, row.symbol, row.quantity, row.price)
            given = mood.treatment(order).model_dump(exclude_defaults=True)
            did = [
                least.OVERFILL if each == "fill" and given[each] > 1 else each
                for each in sorted(given.keys() - {"chance", "side"})
            ]
            found.update([", ".join(did) or "filled as sent"])
    return found
