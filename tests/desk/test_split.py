"""A split between two days of a block, whose buyers hold nothing of it in the books yet (DAY-2, BLOCK-6)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from domain.books.book import BookRefused
from domain.books.corporate_actions import CorporateAction
from policy.trading_days import next_close
from storage.actor import Actor
from storage.connection import Books
from storage.intake.corporate_actions import apply_actions
from storage.intake.delivered_files import Source
from tests.desk.floor import PRICE, Floor
from tests.desk.market import Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
STAGE = text("UPDATE rebalances SET stage = :stage, status = :status")


def split() -> CorporateAction:
    return CorporateAction(
        id="VTI-2-1", kind="split", symbol="VTI", day=date(2026, 11, 23), new=Decimal(2), old=Decimal(1)
    )


def test_it_waits_until_those_who_bought_before_it_have_it_in_their_books(books: Books) -> None:
    """Half is filled on Friday and at the custodian, where Monday doubles it; the books would book it unsplit."""
    market = Market()
    floor = Floor(books, market, {"A-1": 60, "A-2": 40}, FRIDAY)
    with books.transaction(Actor("test")) as work:
        work.execute(STAGE, {"stage": "EXECUTING", "status": None})
    block = floor.form()
    floor.look(block, "send")
    market.fill(Decimal(50), PRICE)
    floor.now = next_close(FRIDAY) + timedelta(minutes=6)
    floor.go(block, lambda each: each.due == "send", "watch")
    assert sum(each.quantity for each in market.held.values()) == 50
    with pytest.raises(BookRefused) as refused:
        apply_actions(books, [split()], Source("actions.csv", b""), Actor("ann"))
    (problem,) = refused.value.problems
    assert problem.message == "rebalances trade on A-1, A-2 now: give the file again when they have ended"
    assert floor.rows("SELECT count(*) FROM corporate_actions") == [(0,)]
