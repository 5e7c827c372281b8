"""The paper venue: a custodian's ledger that takes an order once, however often it is sent."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest
from sqlalchemy import insert

from policy.clock import the_clock
from storage.connection import Books
from storage.schema.execution import paper_accounts, paper_positions
from venues.paper import PaperVenue
from venues.port import UnknownAtCustodian, UnknownVenue, VenueAnswer, VenueOrder
from venues.registry import Venues


@pytest.fixture
def venue(books: Books) -> Iterator[PaperVenue]:
    """Account A-1 with 1,000.00 and 10 X."""
    with books.engine.begin() as connection:
        connection.execute(insert(paper_accounts).values(account_id="A-1", cash=1000))
        connection.execute(insert(paper_positions).values(account_id="A-1", symbol="X", quantity=10))
    yield PaperVenue(books.engine, the_clock())


def order(name: str, side: str, quantity: str) -> VenueOrder:
    return VenueOrder(name, "A-1", side, "X", Decimal(quantity), Decimal("100.00"))  # type: ignore[arg-type]


def one(answers: Sequence[VenueAnswer]) -> VenueAnswer:
    """The only answer."""
    (answer,) = answers
    return answer


def test_a_repeated_order_gets_the_first_answer_and_moves_nothing_again(venue: PaperVenue) -> None:
    first = one(venue.submit(order("R-1-001", "sell", "4")))
    assert (first.status, first.filled_amount) == ("FILLED", Decimal("400.00"))
    assert one(venue.submit(order("R-1-001", "sell", "9"))) == first  # EXEC-1: even where it asks for something else
    ledger = venue.ledger("A-1")
    assert (ledger.cash, ledger.positions) == (Decimal("1400.00"), {"X": Decimal(6)})


def test_a_short_sale_and_a_buy_without_the_cash_are_rejected_whole(venue: PaperVenue) -> None:
    assert one(venue.submit(order("R-1-001", "sell", "11"))).status == "REJECTED"
    assert "not enough cash" in str(one(venue.submit(order("R-1-002", "buy", "11"))).reason)
    assert venue.ledger("A-1").positions == {"X": Decimal(10)}


def test_all_of_a_position_leaves_no_row(venue: PaperVenue) -> None:
    venue.submit(order("R-1-001", "sell", "10"))
    assert venue.ledger("A-1").positions == {}


def test_what_is_cancelled_is_never_filled_later(venue: PaperVenue) -> None:
    assert one(venue.cancel(order("R-1-001", "sell", "4"))).status == "CANCELED"
    assert one(venue.submit(order("R-1-001", "sell", "4"))).status == "CANCELED"
    assert venue.ledger("A-1").positions == {"X": Decimal(10)}


def test_what_was_filled_is_not_cancelled(venue: PaperVenue) -> None:
    venue.submit(order("R-1-001", "sell", "4"))
    assert one(venue.cancel(order("R-1-001", "sell", "4"))).status == "FILLED"


def test_an_account_or_a_custodian_that_nobody_knows(venue: PaperVenue, books: Books) -> None:
    with pytest.raises(UnknownAtCustodian):
        venue.ledger("A-2")
    with pytest.raises(UnknownVenue, match="no venue is set up for custodian ELSEWHERE"):
        Venues(books.engine).venue("ELSEWHERE")
