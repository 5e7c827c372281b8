"""The gateway against the paper venue behind a FIX acceptor, both in processes of their own."""

from decimal import Decimal

import pytest
from sqlalchemy import insert

from storage.schema.execution import paper_accounts, paper_positions
from storage.schema.venues import paper_scenario
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


@pytest.mark.trial
def test_an_order_that_never_came_is_answered_and_sent_again(world: World) -> None:
    """Its answer "unknown order" had an empty account once, was refused by the gateway's engine, and never heard."""
    world.write(reconnect=1)
    scenario = {"orders": [{"lose_connection": "before_accepting"}]}
    with world.engine.begin() as connection:
        connection.execute(insert(paper_scenario).values(told=scenario, set_by="ann"))
    world.paper_broker()
    world.gateway()
    world.venue.submit(order("E-R-000001-001"))
    world.until("the fill", lambda: world.stand("E-R-000001-001").status == "FILLED", 60)
    assert world.rows("SELECT times FROM fix.messages") == [(2,)]
    assert world.rows("SELECT count(*) FROM paper.orders") == [(1,)]


def test_an_order_type_that_it_does_not_take_is_rejected_in_a_sentence(world: World) -> None:
    world.write(order_type="market")
    world.paper_broker()
    world.gateway()
    world.venue.submit(order("E-R-000001-001"))
    world.until("the refusal", lambda: world.stand("E-R-000001-001").status == "REJECTED")
    assert "the paper broker takes limit orders only" in world.stand("E-R-000001-001").reason
    assert world.rows("SELECT count(*) FROM paper.orders") == [(0,)]
