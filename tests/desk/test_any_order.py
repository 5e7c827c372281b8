"""Partial fills, leavings, stops, busts, corrections, refusals, lost answers and dead workers in any order: no order
twice, no fill lost or doubled, every share and cent somebody's, every block computed again (BLOCK-3 to BLOCK-7, ALLOC-2
to ALLOC-8).
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from domain.values.money import to_cent
from policy.trading_days import next_close
from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import PRICE, Floor
from tests.desk.market import Fill, Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SEEDS = range(1, 1 + int(os.environ.get("DESK_SEEDS", "12")))
SEEN: Counter[str] = Counter()


class Story:
    """One block from its release to its last correction, by a seed."""

    def __init__(self, books: Books, seed: int) -> None:
        self.dice = dice = Random(f"{seed}/any order")
        self.wanted = {f"A-{at:02d}": dice.choice((1, 2, 7, 30, 75, 300)) for at in range(dice.randrange(2, 9))}
        self.market = Market()
        self.unit = dice.choice((Decimal(1), Decimal(1), Decimal("0.3")))
        self.floor = Floor(
            books, self.market, self.wanted, FRIDAY, carries=dice.random() < 0.7,
            side=dice.choice(("buy", "sell")), unit=self.unit, lot=dice.choice((None, None, Decimal(10), Decimal(100))),
        )  # fmt: skip
        self.seen: Counter[str] = Counter()
        self.left: dict[str, Any] = {}
        self.block = self.floor.form()

    def price(self) -> Decimal:
        return PRICE - Decimal(self.dice.randrange(0, 40)) / 100

    def told(self) -> None:
        """From release to end, days of anything; then busts and corrections behind the end."""
        floor, dice = self.floor, self.dice
        self.market.slow = dice.randrange(3)
        self.market.refuses = {each for each in self.wanted if dice.random() < 0.1}
        self.refused = set(self.market.refuses)
        stands = floor.look(self.block, "send")
        for _ in range(8):
            for _ in range(dice.randrange(2, 7)):
                self.event()
                stands = floor.look(self.block, stands.due) if stands.due in ("watch", "send", "correct") else stands
            self.quiet()
            floor.now = next_close(floor.now) + timedelta(minutes=6)
            stands = floor.go(self.block, lambda each: each.due == "send")
            if stands.due == "done":
                break
            self.night()
            floor.now = next_close(floor.now) - timedelta(hours=6)
            self.market.day = floor.now.date()
            self.seen["carried"] += 1
        assert stands.due in ("done", "send")
        if stands.due == "done":
            self.afterwards()

    def event(self) -> None:
        """One thing of many."""
        dice, market = self.dice, self.market
        total = sum(self.wanted.values()) * self.unit
        kind = dice.choice((
            "fill", "fill", "fill", "leave", "kill", "kill", "line", "stop", "bust", "reduce", "late", "refuse",
        ))  # fmt: skip
        if kind == "fill":
            most = total - sum(each.filled for each in market.orders.values())
            market.fill(min(most, self.unit * dice.randrange(1, 1 + max(1, int(total / self.unit) // 2))), self.price())
        elif kind == "leave":
            with self.floor.books.transaction(Actor("ann")) as books:
                books.blocks.ask_to_leave(self.block, dice.choice(sorted(self.wanted)), None, "the client called")
        elif kind == "kill":
            self.floor.worker.fuse = dice.randrange(1, 14)
        elif kind == "line":
            market.unreachable = dice.randrange(1, 4)
        elif kind == "stop":
            with self.floor.books.transaction(Actor("ann")) as books:
                _ = books.desk.start("PAPER") or books.desk.stop("PAPER", "lunch")
        elif kind == "bust":
            self.change()
        elif kind == "late":
            self.late()
        elif kind == "refuse":
            market.refuses = {each for each in self.wanted if dice.random() < 0.2}
            self.refused |= market.refuses
        else:
            market.reduces = dice.choice(("confirmed", "refused", "in part", "later"))
        self.seen[kind] += 1

    def change(self) -> None:
        """A bust, or a correction of shares or of the price."""
        part = self.dice.choice((Decimal(0), self.unit, None))
        if self.market.change(part, None if part is not None else self.price(), self.dice.randrange(100)):
            self.floor.marked()
            self.seen["changed"] += 1

    def late(self) -> None:
        """A fill of a day before is told: of what the newest order has open, which then is too large."""
        orders = list(self.market.orders.values())
        old = [each for each in orders[:-1] if each.filled < each.order.quantity and each.status != "FILLED"]
        if old:
            most = min(old[0].order.quantity - old[0].filled, orders[-1].open - orders[-1].filled)
            if most > 0 and orders[-1].status == "WORKING" and self.market.reduces == "confirmed":
                part = self.unit * self.dice.randrange(1, 1 + int(most / self.unit))
                old[0].fills.append(Fill(part, self.price(), old[0].fills[0].day if old[0].fills else FRIDAY.date()))
                self.floor.marked()
                self.floor.worker.fuse, self.market.unreachable = -1, 0
                for due in ("correct", "watch"):
                    self.floor.look(self.block, due)
                self.seen["told late"] += 1

    def night(self) -> None:
        """Between two days somebody leaves, or a fill of the day before is told."""
        dice = self.dice
        if dice.random() < 0.3:
            with self.floor.books.transaction(Actor("ann")) as books:
                books.blocks.ask_to_leave(self.block, dice.choice(sorted(self.wanted)), None, "the client called")
            self.seen["left at night"] += 1
        newest = self.market.newest
        if dice.random() < 0.3 and newest is not None and newest.filled < newest.open and newest.status != "FILLED":
            lacks = sum(self.wanted.values()) * self.unit - sum(each.filled for each in self.market.orders.values())
            most = min(newest.open - newest.filled, lacks - self.gone() * self.unit)
            if most > 0:
                newest.fills.append(
                    Fill(self.unit * dice.randrange(1, 1 + int(most / self.unit)), self.price(), self.market.day)
                )
                self.floor.marked()
                self.floor.look(self.block, "correct")
                self.seen["told at night"] += 1
        self.floor.look(self.block, "send")

    def gone(self) -> int:
        """Units that accounts took out of the block."""
        ((units,),) = self.floor.rows("SELECT coalesce(sum(reduced), 0) FROM block_leavings")
        return int(units)

    def quiet(self) -> None:
        """Nothing stops the day's end but a dead worker."""
        self.floor.worker.fuse = self.dice.choice((-1, self.dice.randrange(1, 30)))
        self.market.reduces = self.market.reduces.replace("later", "confirmed")
        self.market.unreachable = 0
        with self.floor.books.transaction(Actor("ann")) as books:
            books.desk.start("PAPER")

    def afterwards(self) -> None:
        """ALLOC-7 behind the block's end, with some rebalances ended and some not."""
        floor = self.floor
        booked = {each for each in self.wanted if self.dice.random() < 0.5}
        floor.ended(*booked)
        before = floor.orders()
        for _ in range(self.dice.randrange(3)):
            self.change()
            floor.worker.fuse = self.dice.randrange(1, 20)
            floor.go(self.block, lambda each: False, "correct")
        floor.worker.fuse = -1
        now = self.booked()
        broken = floor.breaks()
        for account in booked:
            had = (before[account].filled_quantity, before[account].filled_amount)
            assert (floor.orders()[account].filled_quantity, floor.orders()[account].filled_amount) == had
            if now[account] != had:
                assert (account, "changed_fill") in broken, (account, had, now[account])
                self.seen["broken"] += 1
        for account in self.wanted.keys() - booked:
            order = floor.orders()[account]
            assert (order.filled_quantity, order.filled_amount) == now[account], account

    def booked(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What each account has of the block in the desk's own books."""
        rows = self.floor.rows("SELECT account_id, sum(units) AS units, sum(amount) AS amount FROM block_allocations"
                               " WHERE state = 'BOOKED' GROUP BY 1")  # fmt: skip
        found = {row.account_id: (row.units * self.unit, row.amount) for row in rows}
        return {account: found.get(account, (Decimal(0), Decimal(0))) for account in self.wanted}

    def proved(self) -> None:
        """By the venue's ledger and the custodian's."""
        floor, market = self.floor, self.market
        children = floor.rows("SELECT * FROM block_orders ORDER BY day")
        assert [row.client_order_id for row in children if row.sent_at] == list(market.orders)
        filled = sum((each.filled for each in market.orders.values()), Decimal(0))
        amount = sum((to_cent(each.amount) for each in market.orders.values()), Decimal(0))
        ((units, cash),) = floor.rows("SELECT coalesce(sum(units), 0), coalesce(sum(amount), 0) FROM block_allocations")
        assert (units * self.unit, cash) == (filled, amount)
        for account, (shares, money) in self.booked().items():
            held = market.held.get(account)
            assert (shares, money) == ((held.quantity, held.amount) if held else (0, 0)), account
        parts = floor.rows("SELECT account_id, sum(units) AS units FROM block_allocations GROUP BY 1")
        got = {row.account_id: int(row.units) for row in parts}
        left = "SELECT account_id, sum(reduced) AS n FROM block_leavings WHERE answered_at IS NOT NULL GROUP BY 1"
        out = {row.account_id: int(row.n) for row in floor.rows(left)}
        assert all(0 <= got.get(each, 0) <= units - out.get(each, 0) for each, units in self.wanted.items()), (got, out)
        assert floor.recomputed(self.block) == ()
        ((lot,),) = floor.rows("SELECT max(lot) FROM block_segments")
        SEEN["in lots"] += lot > 1
        refused = {account for (account, kind) in floor.breaks() if kind == "allocation"}
        assert refused <= self.refused
        assert floor.rows("SELECT 1 FROM block_orders WHERE changed_at IS NOT NULL") == []


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_order(books: Books, seed: int) -> None:
    story = Story(books, seed)
    story.told()
    story.proved()
    SEEN.update(story.seen)
    SEEN["killed"] += story.floor.deaths
    SEEN["lost"] += story.floor.lost
