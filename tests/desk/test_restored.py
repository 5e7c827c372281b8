"""After a restore nothing is traded in a block that may have been traded since the backup (EXEC-1)."""

from datetime import UTC, datetime
from decimal import Decimal

from activities.desk_messages import DeskStep
from activities.desks import DeskSteps
from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import PRICE, Floor
from tests.desk.market import Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def restored(books: Books) -> None:
    with books.transaction(Actor("ann")) as work:
        work.epochs.renew("disk lost")
    with books.transaction(Actor("ben")) as work:
        work.halts.resume("compared")


def test_legs_that_wait_are_not_traded_again(books: Books) -> None:
    floor = Floor(books, Market(), {"A-1": 60, "A-2": 40}, FRIDAY)
    restored(books)
    stands = floor.did(DeskSteps(floor.desk).form_blocks, DeskStep(venue="PAPER"))
    assert (stands.formed, stands.untold) == ([], True)
    ended = floor.orders()
    assert {(each.status, each.filled_quantity) for each in ended.values()} == {("CANCELED", 0)}
    assert "handed over before a restore" in ended["A-1"].venue_reason
    recorded = floor.rows("SELECT count(*) FROM audit_records WHERE action = 'order canceled'")
    assert recorded == [(2,)]


def test_a_block_that_was_formed_is_not_released_again(books: Books) -> None:
    market = Market()
    floor = Floor(books, market, {"A-1": 60, "A-2": 40}, FRIDAY)
    block = floor.form()
    restored(books)
    floor.go(block, lambda each: False)
    assert market.orders == {}
    assert floor.rows("SELECT status FROM blocks") == [("ENDED",)]
    assert {each.status for each in floor.orders().values()} == {"CANCELED"}


def test_a_released_one_goes_on_under_its_own_name_and_is_allocated_under_a_name_of_its_epoch(books: Books) -> None:
    market = Market()
    floor = Floor(books, market, {"A-1": 60, "A-2": 40}, FRIDAY, carries=False)
    block = floor.form()
    floor.look(block, "send")
    restored(books)
    market.fill(Decimal(100), PRICE)
    floor.go(block, lambda each: False, "watch")
    assert len(market.orders) == 1
    assert list(market.told) == [f"{block}/20261120"]  # of the first epoch, in which it was stated
    assert {each.status for each in floor.orders().values()} == {"FILLED"}
