"""A rebalance that is cancelled as its execution begins, when its orders are handed over and nothing is released."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.desk_messages import DeskStep
from activities.desks import DeskSteps
from activities.messages import CloseRebalance
from activities.reconciliation import ReconciliationSteps, _take_back
from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import Floor
from tests.desk.market import Market

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
STAGE = text("UPDATE rebalances SET stage = 'EXECUTING' WHERE account_id = 'A-1'")
WHY = "cancelled by ben: the client called"


@pytest.fixture
def floor(books: Books) -> Floor:
    made = Floor(books, Market(), {"A-1": 60, "A-2": 40}, FRIDAY)
    with books.transaction(Actor("test")) as work:
        work.execute(STAGE)
    return made


def of_a_1(floor: Floor) -> Any:
    with floor.books.transaction() as read:
        return read.rebalances.by_start("rebalance/A-1#1")


@pytest.mark.parametrize("formed", [False, True])
def test_it_leaves_the_desk_and_ends_as_it_was_asked_to(floor: Floor, formed: bool) -> None:
    block = floor.form() if formed else None
    said = CloseRebalance(start_key="rebalance/A-1#1", account_id="A-1", status="CANCELED", by="ben", issue=WHY)
    ended = ActivityEnvironment().run(ReconciliationSteps(floor.desk).close_rebalance, said)
    assert (ended.status, ended.issue) == ("CANCELED", WHY)
    order = floor.orders()["A-1"]
    assert (order.status, order.venue_reason) == ("CANCELED", f"not sent: {WHY}")
    assert floor.rows("SELECT block_id, told_at IS NOT NULL FROM desk_legs WHERE account_id = 'A-1'") == [(None, True)]
    assert floor.rows("SELECT count(*) FROM audit_records WHERE action = 'order canceled'") == [(1,)]
    if block is None:
        (block,) = ActivityEnvironment().run(DeskSteps(floor.desk).form_blocks, DeskStep(venue="PAPER")).formed
    floor.look(block, "send")
    (sent,) = floor.venue.orders.values()
    assert {account: int(units) for account, units in sent.accounts.items()} == {"A-2": 40}


def test_what_is_released_is_not_taken_back(floor: Floor) -> None:
    """BLOCK-5: it leaves with what the venue confirms."""
    floor.look(floor.form(), "send")
    with floor.books.transaction(Actor("test")) as work:
        assert not _take_back(work, of_a_1(floor), WHY, FRIDAY)
    assert floor.orders()["A-1"].status == "WORKING"
