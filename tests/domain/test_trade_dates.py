"""Three dates, never mixed (DAY-2): books valued as of one day, trades that count on another."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.executing.booking import Fill, Relief, book
from domain.executing.execution import read
from domain.plan import plan
from domain.tax import lots
from domain.tax.tax_year import to_date
from domain.telling.plan_json import as_json
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import kept, restored
from tests.domain.planning import snapshot_of

NEW_YEARS_EVE, MONDAY = date(2026, 12, 31), date(2027, 1, 4)


def account(**given: Any) -> dict[str, Any]:
    """A book of New Year's Eve: an account whose lot of 2025-12-31 has gained 20.00 a share, sold down to half."""
    holding = {"symbol": "X", "lots": [{"quantity": "100", "cost_per_share": "80.00", "acquired": "2025-12-31"}]}
    target = {"id": "HALF", "components": [{"security": "X", "weight": "0.5"}, {"security": "Y", "weight": "0.5"}]}
    return {
        "as_of": str(NEW_YEARS_EVE),
        "securities": [{"symbol": "X", "price": "100.00"}, {"symbol": "Y", "price": "10.00"}],
        "targets": [target],
        "accounts": [
            {"id": "A", "target": "HALF", "first_rebalanced": "2026-01-02", "cash": "0", "holdings": [holding], **given}
        ],
    }


def planned_on(day: date, **given: Any) -> tuple[Snapshot, Any, Any]:
    """The snapshot, the numbers and the plan, where its orders would trade on that day."""
    snapshot, policy = snapshot_of(account(**given))
    snapshot = replace(snapshot, trade_date=day)
    return snapshot, policy, plan(snapshot, policy)


@pytest.mark.parametrize(
    ("traded", "term"),
    [
        (NEW_YEARS_EVE, "short"),
        (date(2027, 1, 1), "long"),
        (MONDAY, "long"),
    ],  # held for more than a year from 1 January
)
def test_the_plan_estimates_with_the_day_its_orders_would_trade(traded: date, term: str) -> None:
    _, _, made = planned_on(traded)
    (sell,) = (order for order in as_json(made)["orders"] if order["side"] == "sell")
    assert [lot["term"] for lot in sell["lots"]] == [term]
    assert made.as_of == NEW_YEARS_EVE  # valued as of the business day


@pytest.mark.parametrize(
    ("traded", "bought"),
    [
        (NEW_YEARS_EVE, False),
        (date(2027, 1, 3), False),  # 30 days after the sale
        (MONDAY, True),  # the 31st
    ],
)
def test_the_wash_window_is_the_trade_date_s(traded: date, bought: bool) -> None:
    sale = {"symbol": "Y", "date": "2026-12-04", "quantity": "10", "gain": "-50.00"}
    _, _, made = planned_on(traded, recent_sales=[sale])
    assert ("Y" in {order.symbol for order in made.orders if order.side == "buy"}) is bought


@pytest.mark.parametrize(("traded", "year_to_date"), [(NEW_YEARS_EVE, "-50.00"), (MONDAY, "0")])
def test_the_tax_year_is_the_trade_date_s(traded: date, year_to_date: str) -> None:
    """Planned after the close of 2026-12-31, traded on 2027-01-04: a sale of 2027."""
    sale = {"symbol": "Y", "date": "2026-12-04", "quantity": "10", "gain": "-50.00"}
    snapshot, policy, _ = planned_on(traded, recent_sales=[sale])
    assert to_date(snapshot, policy).net == Decimal(year_to_date)


@pytest.mark.parametrize(
    ("answered", "booked_on"),
    [
        (None, NEW_YEARS_EVE),  # a venue that doesn't say, or a historical book: the plan's own
        (MONDAY, MONDAY),
    ],
)
def test_what_is_booked_is_of_the_day_on_which_the_venue_filled(answered: date | None, booked_on: date) -> None:
    """
    before   100 X @ 80.00 2025-12-31, planned for 2026-12-31
    filled   on 2027-01-04
    after    sales of 2027-01-04, lots of Y acquired on 2027-01-04
    """
    snapshot, policy, made = planned_on(NEW_YEARS_EVE)
    legs = read(as_json(made))
    fills = {leg.number: Fill(leg.quantity, leg.quantity * leg.price, answered) for leg in legs.legs}
    relief = Relief(snapshot.trade_date, lots.method_of(snapshot.account), snapshot.numbers(policy))
    booked = book(snapshot.account, legs, fills, relief)
    assert {sale.date for sale in booked.sales} == {booked_on}
    bought = [lot for holding in booked.account.managed.holdings if holding.symbol == "Y" for lot in holding.lots]
    assert [lot.acquired for lot in bought] == [booked_on]


def test_a_snapshot_that_does_not_say_trades_on_its_own_day() -> None:
    """And its kept form has no byte more than before there were two days."""
    snapshot, _ = snapshot_of(account())
    assert snapshot.trade_date == NEW_YEARS_EVE
    assert "trade_date" not in kept(snapshot)
    assert restored(kept(snapshot)) == snapshot
    moved = replace(snapshot, trade_date=MONDAY)
    assert kept(moved)["trade_date"] == str(MONDAY)
    assert restored(kept(moved)) == moved
