"""What comes when a block's day is over: who leaves before the next one, fills that are told late, a custodian that
changes its mind, the same step done twice at once (BLOCK-5, BLOCK-6, BLOCK-7, ALLOC-7, EXEC-2).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from policy.trading_days import next_close
from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import PRICE, Floor
from tests.desk.market import Fill, Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
WANTED = {"A-1": 500, "A-2": 300, "A-3": 120, "A-4": 75, "A-5": 5}


class Night:
    """A block of 1,000 of which 397 were filled on its first day, and allocated; the next day's order is made."""

    def __init__(self, books: Books) -> None:
        self.market = Market()
        self.floor = Floor(books, self.market, dict(WANTED), FRIDAY)
        self.block = self.floor.form()
        self.floor.look(self.block, "send")
        self.market.fill(Decimal(397), PRICE)
        self.over("send")

    def over(self, due: str) -> None:
        """The day's end, and what follows from it until the block stands so."""
        self.floor.now = next_close(self.floor.now) + timedelta(minutes=6)
        self.stands = self.floor.go(self.block, lambda each: each.due == due, "watch")

    def morning(self) -> None:
        """The next day's order is sent."""
        self.floor.now = next_close(self.floor.now) - timedelta(hours=6)
        self.market.day = self.floor.now.date()
        self.stands = self.floor.look(self.block, "send")

    def late(self, units: int) -> None:
        """A fill of the first day is told."""
        (first, *_) = self.market.orders.values()
        first.fills.append(Fill(Decimal(units), PRICE, FRIDAY.date()))
        self.floor.marked()
        assert self.floor.look(self.block, "correct").due != "correct"

    def leaves(self, account: str) -> None:
        with self.floor.books.transaction(Actor("ann")) as books:
            books.blocks.ask_to_leave(self.block, account, None, "the client called")

    def got(self) -> dict[str, int]:
        rows = self.floor.rows("SELECT account_id, sum(units) AS n FROM block_allocations WHERE state = 'BOOKED'"
                               " GROUP BY 1")  # fmt: skip
        return {row.account_id: int(row.n) for row in rows if row.n}

    def sent(self) -> list[Decimal]:
        return [each.order.quantity for each in self.market.orders.values()]

    def agrees(self, filled: int) -> None:
        assert sum(self.got().values()) == filled == sum(each.filled for each in self.market.orders.values())
        assert {each: part.quantity for each, part in self.market.held.items() if part.quantity} == self.got()
        assert self.floor.recomputed(self.block) == ()


@pytest.fixture
def night(books: Books) -> Night:
    return Night(books)


def test_who_leaves_in_the_night_is_not_sent_in_the_morning(night: Night) -> None:
    """BLOCK-5: nobody has to be asked, and its rebalance need not wait for the next close."""
    had = night.got()
    night.leaves("A-1")
    stands = night.floor.look(night.block, "send")
    assert stands.due == "tell"
    assert night.floor.orders()["A-1"].status == "PARTIALLY_FILLED"
    assert "the client called" in night.floor.orders()["A-1"].venue_reason
    night.morning()
    assert night.sent() == [1000, 1000 - 397 - (500 - had["A-1"])]
    newest = night.market.newest
    assert newest is not None
    assert "A-1" not in newest.accounts
    night.market.fill(Decimal(1000), PRICE)
    night.over("done")
    assert night.got() == WANTED | {"A-1": had["A-1"]}
    night.agrees(500 + had["A-1"])


def test_a_block_that_all_leave_in_the_night_ends_without_another_order(night: Night) -> None:
    for account in WANTED:
        night.leaves(account)
    night.floor.look(night.block, "send")
    night.stands = night.floor.go(night.block, lambda each: each.due == "done", "send")
    assert night.sent() == [1000]
    assert {each.status for each in night.floor.orders().values()} == {"PARTIALLY_FILLED"}
    night.agrees(397)


def test_what_was_filled_and_told_late_is_not_ordered_once_more(night: Night) -> None:
    """EXEC-2: 10 more of the first day are told in the night; 593 are lacking, and not 603."""
    night.late(10)
    night.morning()
    assert night.sent() == [1000, 593]
    night.market.fill(Decimal(1000), PRICE)
    night.over("done")
    assert night.got() == WANTED
    night.agrees(1000)


@pytest.mark.parametrize(("reduces", "filled"), [("confirmed", 1000), ("later", 1000)])
def test_what_is_told_late_of_the_day_before_makes_the_order_that_is_out_smaller(
    night: Night, reduces: str, filled: int
) -> None:
    night.morning()
    night.market.reduces = reduces
    night.late(10)
    night.floor.look(night.block, "watch")
    night.leaves("A-5")  # waits until the venue has answered
    night.floor.look(night.block, "watch")
    night.market.reduces = "confirmed"
    night.floor.look(night.block, "watch")
    night.floor.look(night.block, "watch")
    newest = night.market.newest
    assert newest is not None
    assert newest.open == 593 - (5 - night.got()["A-5"])
    night.market.fill(Decimal(1000), PRICE)
    night.over("done")
    night.agrees(filled - (5 - night.got()["A-5"]))


def test_what_is_told_late_and_is_all_that_was_lacking_cancels_the_order_that_is_out(night: Night) -> None:
    night.morning()
    night.late(603)
    night.floor.look(night.block, "watch")
    newest = night.market.newest
    assert newest is not None
    assert newest.status == "CANCELED"
    night.stands = night.floor.go(night.block, lambda each: each.due == "done", "watch")
    assert night.got() == WANTED
    night.agrees(1000)


def test_a_part_that_was_refused_taken_and_corrected_is_at_the_custodian_once(night: Night) -> None:
    """BLOCK-7, ALLOC-7: what is taken back is what the custodian has, not what it refused once."""
    floor, market = night.floor, night.market
    market.refuses = {"A-1"}
    night.morning()
    market.fill(Decimal(603), PRICE)
    night.over("done")
    (first, second) = market.orders.values()
    for refuses, price in ((set[str](), "287.00"), (set(), "286.00"), ({"A-1"}, "285.00"), (set(), "284.00")):
        market.refuses = refuses
        first.fills[0].price = second.fills[0].price = Decimal(price)
        floor.marked()
        floor.go(night.block, lambda each: False, "correct")
    night.agrees(1000)
    assert sum(part.amount for part in market.held.values()) == first.amount + second.amount


def test_a_step_that_two_workers_do_at_once_takes_nobody_out_twice(night: Night, monkeypatch: Any) -> None:
    """BLOCK-5: the venue reduces in part, and another worker does the same step while the first waits for it."""
    night.morning()
    night.leaves("A-1")
    night.market.reduces = "in part"
    asked = night.market.reduced

    def slow(*order: Any) -> Decimal | None:
        monkeypatch.setattr(night.market, "reduced", asked)
        night.floor.look(night.block, "watch")
        return asked(*order)

    monkeypatch.setattr(night.market, "reduced", slow)
    night.floor.look(night.block, "watch")
    ((reduced,),) = night.floor.rows("SELECT sum(reduced) FROM block_leavings")
    newest = night.market.newest
    assert newest is not None
    assert newest.open == 603 - reduced
    night.market.fill(Decimal(1000), PRICE)
    night.over("done")
    night.agrees(1000 - int(reduced))
