"""A bust, a correction or a fill behind an order's last word opens a break on its account, once (FIX-3, RECON-1)."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from domain.executing.reconciliation import findings
from storage.actor import Actor
from tests.cli.rebalanced import executed, pending
from tests.storage import small_book
from tests.venues.fix.conftest import World
from venues.fix import afterwards
from venues.fix.hearing import Hearing
from venues.fix.wire import SOH
from venues.port import VenueOrder

DAY = small_book.TODAY


class Told:
    """A rebalance whose orders had their last word, and the session on which a broker speaks of one of them."""

    def __init__(self, world: World) -> None:
        small_book.loaded(world.books)
        made = pending(world.books, "A-1", DAY)
        executed(world.books, made)
        with world.books.reading() as work:
            self.order = next(each for each in work.orders.of(made) if each.filled_quantity > 1)
        self.world, self.rebalance_id = world, made
        self.hearing = Hearing(world.engine, world.session, lambda order: None)
        name, quantity = self.order.client_order_id, self.order.quantity
        world.venue.submit(VenueOrder(name, "A-1", self.order.side, self.order.symbol, quantity, self.order.price))
        self.says(150, "F", exec_="E1", quantity=quantity)

    def says(
        self, tag: int, kind: str, exec_: str, quantity: Decimal, price: Decimal | None = None, **more: Any
    ) -> None:
        ref = f"19={more['ref']}{SOH}" if "ref" in more else ""
        side = "1" if self.order.side == "buy" else "2"
        self.hearing.message("8", SOH.join((
            "35=8", f"11={self.order.client_order_id}", f"17={exec_}", f"{tag}={kind}", "39=2", f"54={side}",
            f"55={self.order.symbol}", f"38={self.order.quantity}", f"32={quantity}", f"31={price or self.order.price}",
            f"75={DAY:%Y%m%d}", ref,
        )))  # fmt: skip

    def look(self) -> list[Any]:
        with self.world.books.transaction(Actor("fix gateway")) as work:
            afterwards.look(work, "BROKER", DAY)
            return [(each.kind, each.symbol, each.expected, each.actual) for each in work.breaks.open_of("A-1")]


@pytest.fixture
def told(world: World) -> Told:
    return Told(world)


def test_what_agrees_opens_nothing(told: Told) -> None:
    assert told.look() == []
    assert not told.hearing.changed.is_set()


def test_a_bust_opens_a_break_once_and_a_resolved_one_stays_so(told: Told) -> None:
    told.says(150, "H", "E2", told.order.quantity, ref="E1")
    assert told.hearing.changed.is_set()
    (found,) = told.look()
    assert found == ("changed_fill", told.order.symbol, told.order.quantity, Decimal(0))
    assert len(told.look()) == 1
    with told.world.books.transaction(Actor("ben")) as work:
        (row,) = work.breaks.open_of("A-1")
        work.breaks.resolve(work.breaks.get(row.id), "they busted it, and it comes in the statement", booked=False)
    assert told.look() == []


def test_a_correction_of_the_price_alone_is_about_cash(told: Told) -> None:
    price = told.order.price + Decimal("0.25")
    told.says(150, "G", "E2", told.order.quantity, price, ref="E1")
    ((kind, symbol, expected, actual),) = told.look()
    assert (kind, symbol) == ("changed_fill", None)
    assert actual - expected == Decimal("0.25") * told.order.quantity


def test_costs_that_are_told_when_all_is_booked_are_about_cash(told: Told) -> None:
    """ALLOC-5: a broker that calculates at the day's end (150=B)."""
    told.hearing.message("8", SOH.join((
        "35=8", f"11={told.order.client_order_id}", "17=E2", "150=B", "39=B", f"14={told.order.quantity}",
        f"6={told.order.price}", "12=4.95", "13=3", f"75={DAY:%Y%m%d}",
    )))  # fmt: skip
    assert told.hearing.changed.is_set()
    ((kind, symbol, expected, actual),) = told.look()
    assert (kind, symbol) == ("changed_fill", None)
    assert actual - expected == (Decimal("4.95") if told.order.side == "buy" else Decimal("-4.95"))
    assert len(told.look()) == 1


def test_a_fill_behind_the_last_word_opens_one_too(told: Told) -> None:
    told.says(150, "F", "E2", Decimal(1))
    ((kind, _, expected, actual),) = told.look()
    assert (kind, actual - expected) == ("changed_fill", Decimal(1))


def test_the_break_says_what_happened(told: Told) -> None:
    told.says(150, "H", "E2", told.order.quantity, ref="E1")
    told.look()

    with told.world.books.reading() as work:
        (finding,) = findings("A-1", work.breaks.of_rebalance(told.rebalance_id).items())
    assert "the venue busted or corrected it since: it has 0 " in finding.message
    assert "rebalancer breaks resolve" in finding.message


@pytest.mark.parametrize(
    ("told", "asks"),
    [
        ("39=1 150=F 17=e1 32=abc 31=10", [None]),
        ("39=1 150=I 17=0 32=abc 790=q", []),  # or it would be asked for again and again
    ],
)
def test_a_report_that_can_not_be_read_is_told_and_asked_after_once(
    world: World, told: str, asks: list[str | None]
) -> None:
    """FIX-5: it counts as received, and a fill may have been in it."""
    asked: list[str | None] = []
    with world.engine.begin() as connection:
        connection.execute(text("INSERT INTO fix.sessions (session) VALUES ('BROKER')"))
    Hearing(world.engine, world.session, asked.append).message("8", f"35=8{SOH}11=x{SOH}{told.replace(' ', SOH)}{SOH}")
    assert asked == asks
    (row,) = standing(world)
    assert "can't be read" in row


def test_an_execution_of_another_security_is_told(told: Told) -> None:
    told.world.changed("INSERT INTO fix.sessions (session) VALUES ('BROKER')")
    told.world.changed("UPDATE fix.messages SET state = 'ANSWERED'")
    told.order = SimpleNamespace(**{**told.order._mapping, "symbol": "OTHER"})
    told.says(150, "F", exec_="E9", quantity=Decimal(5))
    (row,) = standing(told.world)
    assert "in OTHER" in row
    assert "which is not it" in row


def standing(world: World) -> list[Any]:
    with world.engine.connect() as connection:
        return list(connection.scalars(text("SELECT says FROM fix.sessions")))
