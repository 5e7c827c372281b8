"""The steps of one block, called one after the other as its workflow does, with workers that die in between.

A worker dies where it is about to write something down, or has just done so, or around a call of the venue: at a place
that the test counts out. The step is then done again, as Temporal would, by another one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.blocks import BlockSteps
from activities.context import Desk
from activities.desk_messages import BlockStands, BlockStep, DeskStep
from activities.desks import DeskSteps
from domain.executing.blocks import unit_of
from domain.executing.booking import Leg
from domain.executing.reconciliation import Break
from domain.values.purpose import FULL
from policy.clock import Clock
from policy.trading_days import next_close
from reading.record.block_recompute import reallocate
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.desk.legs import HandedOver
from storage.schema.desk import block_orders
from storage.work.rebalances import NewRebalance
from tests.storage import small_book
from venues.terms import BlockTerms, Terms

VENUE = "PAPER"
PRICE = Decimal("288.05")
STEPS = {"send": "send_block", "watch": "watch_block", "allocate": "allocate_block", "correct": "correct_block"}


class Killed(BaseException):
    """The worker is gone."""


class Mortal(Books):
    """Books whose worker dies at the transaction boundary that is counted out; nothing of an open one is kept."""

    fuse = -1  # boundaries until it dies; below 0: it lives

    def boundary(self) -> None:
        """A place at which the worker may die."""
        self.fuse -= 1
        if self.fuse == 0:
            raise Killed

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator[Transaction]:
        self.boundary()
        with super().transaction(actor) as work:
            yield work
            self.boundary()
        self.boundary()


@dataclass
class Floor:
    """A desk with one block's legs handed over. `venue` is what Market or a FixVenue is."""

    books: Books
    venue: Any
    wanted: dict[str, int]
    now: datetime
    carries: bool = True
    lot: Decimal | None = None
    side: str = "buy"
    unit: Decimal = Decimal(1)
    deaths: int = 0
    lost: int = 0
    custodian: str = VENUE
    pause: float = 0.0  # seconds between two steps, where a broker is another process

    def __post_init__(self) -> None:
        self.worker = Mortal(self.books.engine)
        next_close(self.now)  # reads the calendar, which on a busy machine takes longer than a transaction may idle
        book: dict[str, Any] = {
            "as_of": "2026-11-20",
            "securities": [{"symbol": "VTI", "price": str(PRICE), "quantity_increment": str(self.unit)}],
            "models": [],
            "targets": [],
            "accounts": [
                {
                    "id": each,
                    "cash": "0" if self.side == "sell" else "1000000",
                    "custodian": self.custodian,
                    **(
                        {"holdings": [{"symbol": "VTI", "quantity": str(units * self.unit)}]}
                        if self.side == "sell"
                        else {}
                    ),
                }
                for each, units in self.wanted.items()
            ],
        }
        small_book.loaded(self.books, book)
        with self.books.transaction(Actor("test")) as work:
            work.epochs.current()
            for account, units in self.wanted.items():
                self._handed_over(work, account, units)

    def _handed_over(self, work: Transaction, account: str, units: int) -> None:
        new = NewRebalance(
            account, f"rebalance/{account}#1", f"rebalance/{account}", None, FULL, "exact", "required", "ann", ()
        )
        made = work.rebalances.create(new)
        leg = Leg(1, self.side, "VTI", units * self.unit, PRICE, (("", units * self.unit),), "R", "a test")  # type: ignore[arg-type]
        work.orders.create(work.epochs.current(), made, [leg])
        over = HandedOver(leg, unit_of(self.unit), units, Decimal(0))
        work.desk.hand_over(made, account, self.custodian, [over], work.epochs.current(), self.now, None)

    @property
    def desk(self) -> Desk:
        terms = Terms(blocks=BlockTerms(window=timedelta(0), carries=self.carries, lot=self.lot))
        venues: Any = SimpleNamespace(venue=lambda name: self.venue, terms=lambda name: terms, states=lambda name: True)
        return Desk(self.worker, venues, Clock.set_to(self.now))

    def form(self) -> str:
        """Closes the window: the block's number."""
        stands = self.did(DeskSteps(self.desk).form_blocks, DeskStep(venue=self.custodian))
        (formed,) = stands.formed
        return str(formed)

    def look(self, block_id: str, due: str) -> BlockStands:
        """One step, done again while its worker dies or the line is dead."""
        return self.did(getattr(BlockSteps(self.desk), STEPS[due]), BlockStep(block_id=block_id))

    def did(self, what: Callable[[Any], Any], message: Any) -> Any:
        while True:
            time.sleep(self.pause)
            try:
                return ActivityEnvironment().run(what, message)
            except Killed:
                self.deaths += 1
            except ApplicationError as flaw:  # how a step tells what went wrong in it
                if flaw.type not in ("VenueUnreachable", "StillWorking", "InternalError", "OperationalError"):
                    raise
                self.lost += 1

    def go(self, block_id: str, until: Callable[[BlockStands], bool], due: str = "send", most: int = 60) -> BlockStands:
        """Step after step, until a block stands so."""
        stands = self.look(block_id, due)
        for _ in range(most):
            if stands.due == "tell":
                with self.books.transaction(Actor("test")) as work:
                    work.desk.told([row.rebalance_id for row in work.desk.untold(10_000, block_id=block_id)], self.now)
                stands = self.look(block_id, "watch")
                continue
            if until(stands) or stands.due == "done":
                return stands
            stands = self.look(block_id, stands.due)
        raise AssertionError(f"{block_id} hangs: {stands}")

    def marked(self) -> None:
        """As a gateway marks what the venue changed of orders that had their last word (`venues.fix.afterwards`)."""
        with self.books.transaction(Actor("test")) as work:
            for row in work.execute(
                select(block_orders).where(
                    block_orders.c.status.not_in(("NEW", "SENT", "WORKING")), block_orders.c.sent_at.is_not(None)
                )
            ):
                taken = self.venue.orders[row.client_order_id]
                if (row.filled_units * self.unit, row.filled_amount) != (taken.filled, taken.amount):
                    work.execute(text("UPDATE block_orders SET changed_at = now() WHERE client_order_id = :id"),
                                 {"id": row.client_order_id})  # fmt: skip

    def ended(self, *accounts: str) -> None:
        """Rebalances of accounts end: what they filled is in their books."""
        with self.books.transaction(Actor("test")) as work:
            work.execute(text("UPDATE orders SET booked_at = now() FROM rebalances AS r WHERE r.id = rebalance_id"
                              " AND r.account_id = ANY(:ids)"), {"ids": list(accounts)})  # fmt: skip

    # --- what there is to see

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.books.engine.connect() as connection:
            return list(connection.execute(text(statement), values))

    def orders(self) -> dict[str, Any]:
        """By account its order as its rebalance sees it."""
        found = self.rows("SELECT r.account_id, o.* FROM orders AS o JOIN rebalances AS r ON r.id = o.rebalance_id")
        return {row.account_id: row for row in found}

    def breaks(self) -> dict[tuple[str, str], Break]:
        found = self.rows("SELECT * FROM breaks WHERE resolved_at IS NULL")
        return {(row.account_id, row.kind): Break(row.kind, row.symbol, row.expected, row.actual) for row in found}

    def recomputed(self, block_id: str) -> tuple[str, ...]:
        with self.books.reading() as books:
            return reallocate(books, block_id).wrong
