"""What a halt and a rebalance's page say of legs in blocks: in which, and that its fills are not theirs yet."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import text

from cli.rebalance_page import _at_venue
from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import PRICE, Floor
from tests.desk.market import Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def test_a_leg_is_at_the_desk_then_in_a_block_at_the_venue_then_has_its_part(books: Books) -> None:
    market = Market()
    floor = Floor(books, market, {"A-1": 60, "A-2": 40}, FRIDAY, carries=False)

    def told(account: str = "A-1") -> str:
        order = floor.orders()[account]
        with books.reading() as read:
            leg = read.desk.of(order.rebalance_id)[order.leg]
        return _at_venue(order, True, leg.block_id)

    with books.transaction(Actor("test")) as work:
        work.execute(text("UPDATE rebalances SET stage = 'EXECUTING'"))
    assert told() == "at the desk, waits for a block"
    block = floor.form()
    assert told() == f"not sent yet in {block}"
    floor.look(block, "send")
    market.fill(Decimal(30), PRICE)
    floor.look(block, "watch")
    assert told() == f"at the venue in {block}; allocated when its day is over"
    with books.reading() as read:
        out = read.halts.out()
    assert [(each.account_id, each.block_id, each.filled_quantity) for each in out] == [
        ("A-1", block, 0),
        ("A-2", block, 0),
    ]
    market.fill(Decimal(70), PRICE)
    floor.go(block, lambda each: False, "watch")
    assert told() == "FILLED"
    with books.reading() as read:
        assert list(read.halts.out()) == []
