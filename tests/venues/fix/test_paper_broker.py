"""The gateway against the paper venue behind a FIX acceptor, both in processes of their own."""

from decimal import Decimal

import pytest
from sqlalchemy import insert

from storage.schema.execution import paper_accounts, paper_positions
from tests.venues.fix.conftest import World
from venues.port import VenueOrder


@pytest.fixture(autouse=True)
def account(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(insert(paper_accounts).values(account_id="A-1", cash=1_000_000))
        connection.execute(insert(paper_positions).values(account_id="A-1", symbol="X", quantity=1000))


def order(name: str, side: str = "buy", quantity: str = "4") -> VenueOrder:
    return VenueOrder(name, "A-1", side, "X", Decimal(quantity), Decimal("100.00"))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_an_order_goes_out_and_its_fill_comes_back(world: World, version: str) -> None:
    world.write(version=version)
    world.paper_broker()
    world.gateway()
    assert world.venue.submit(order("E-R-000001-001"))[0].status == "WORKING"
    filled = world.until(
        "the fill", lambda: [a for a in world.venue.look(order("E-R-000001-001")) if a.status == "FILLED"]
    )
    assert (filled[0].filled_quantity, filled[0].filled_amount) == (Decimal(4), Decimal("400.00"))
    assert filled[0].traded_on is not None
    assert world.rows("SELECT count(*) FROM fix.executions") == [(1,)]
    assert world.rows("SELECT count(*), sum(filled_quantity) FROM paper.orders") == [(1, Decimal(4))]
