"""What a plan's sales count for tax: disallowed losses taken back, by symbol and lot (WASH-2, LOT-2)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.tax import household_trades, wash_sales
from domain.tax.lots import RelievedLot
from domain.values.policy import Policy
from domain.values.snapshot import Lot, RecentBuy, RecentSale, Snapshot
from tests.domain.planning import snapshot_of

OLD, RECENT = date(2024, 1, 2), date(2026, 11, 2)


def home(*lots: tuple[str, str, date], **changes: Any) -> tuple[Snapshot, Policy]:
    """An account that holds lots of X (quantity, cost, day), at 100.00; Y is at 50.00."""
    held = [{"quantity": quantity, "cost_per_share": cost, "acquired": str(day)} for quantity, cost, day in lots]
    snapshot, policy = snapshot_of(
        {
            "as_of": "2026-11-20",
            "securities": [{"symbol": "X", "price": "100.00"}, {"symbol": "Y", "price": "50.00"}],
            "accounts": [{"id": "A-1", "holdings": [{"symbol": "X", "lots": held}] if held else []}],
        }
    )
    return replace(snapshot, **changes), policy


def given_up(quantity: str, gain: str | None, acquired: date | None = OLD, cost: str | None = None) -> RelievedLot:
    at = None if gain is None else Decimal(cost) if cost else 100 - Decimal(gain) / Decimal(quantity)
    known = None if gain is None else Decimal(gain)
    return RelievedLot(Lot(Decimal(quantity), at, acquired if gain is not None else None), known, None)


def test_nothing_bought_lately_counts_as_it_is() -> None:
    found = wash_sales.recognised(
        *home(("40", "110.00", OLD)), {"X": [given_up("40", "-400.00")], "Y": [given_up("1", "3.00")]}
    )
    assert found.gains == {"X": (Decimal("-400.00"),), "Y": (Decimal("3.00"),)}
    assert (found.net, found.disallowed, found.washed) == (Decimal("-397.00"), 0, {})


def test_a_disallowed_loss_is_taken_back_lot_by_lot() -> None:
    """30 recent stay: of the first lot's 20 at −10.00 all, of the second's 20 at −5.00 half are replaced."""
    snapshot, policy = home(("20", "110.00", OLD), ("20", "105.00", date(2025, 1, 2)), ("30", "90.00", RECENT))
    sold = [given_up("20", "-200.00"), given_up("20", "-100.00", date(2025, 1, 2))]
    found = wash_sales.recognised(snapshot, policy, {"X": sold})
    assert found.gains["X"] == (Decimal("0.00"), Decimal("-50.00"))
    assert (found.gain("X"), found.disallowed) == (Decimal("-50.00"), Decimal("250.00"))
    assert [each.disallowed for each in found.washed["X"]] == [Decimal("200.00"), Decimal("50.00")]


def test_what_is_sold_of_the_recent_lot_replaces_nothing() -> None:
    snapshot, policy = home(("100", "110.00", OLD), ("30", "90.00", RECENT))
    sold = [given_up("100", "-1000.00"), given_up("25", "250.00", RECENT, "90.00")]
    found = wash_sales.recognised(snapshot, policy, {"X": sold})
    assert found.gains["X"] == (Decimal("-950.00"), Decimal("250.00"))  # 5 of 100 are replaced


def test_an_unknown_cost_is_all_gain() -> None:
    found = wash_sales.recognised(*home(), {"X": [given_up("3", None)]})
    assert found.gains == {"X": (Decimal("300.00"),)}


@pytest.mark.parametrize("status", ["exempt", "deferred", "roth"])
def test_an_exempt_account_loses_nothing_that_could_be_disallowed(status: str) -> None:
    snapshot, policy = home(("20", "110.00", OLD), ("30", "90.00", RECENT))
    exempt = replace(snapshot, account=replace(snapshot.account, tax_status=status))
    found = wash_sales.recognised(exempt, policy, {"X": [given_up("20", "-200.00")]})
    assert (found.net, found.washed) == (Decimal("-200.00"), {})


def test_the_household_s_purchases_replace_and_its_losses_use_them_up() -> None:
    snapshot, policy = home(
        ("40", "110.00", OLD),
        household_buys=(RecentBuy("X", RECENT, Decimal(30), "IRA", "roth"),),
        household_sales=(RecentSale("X", date(2026, 11, 5), Decimal(10), Decimal(-70), "A-2"),),
    )
    found = wash_sales.recognised(snapshot, policy, {"X": [given_up("40", "-400.00")]})
    assert found.gains["X"] == (Decimal("-200.00"),)  # 30 less the 10 of A-2
    assert found.washed["X"][0].lost == Decimal("200.00")


def test_lots_sold_on_one_day_are_one_sale_to_who_would_buy() -> None:
    """What is noted lot by lot is told as what it was: one sale."""
    lines = [RecentSale("X", date(2026, 11, 5), Decimal(4), Decimal(gain), "A-2") for gain in (-70, 12, -5)]
    snapshot, policy = home(household_sales=tuple(lines))
    [loss] = wash_sales.recent_losses(snapshot, policy)
    assert (loss.quantity, loss.gain) == (8, -75)
    assert (
        "the loss of 75.00 from the sale of 8 X on 2026-11-05 in account A-2"
        in wash_sales.washed(snapshot, policy)["X"].why
    )


def test_a_sale_that_the_book_states_too_is_ours_lot_by_lot() -> None:
    day = date(2026, 11, 5)
    stated = RecentSale("X", day, Decimal(10), Decimal(-70), "A-2")
    ours = RecentSale("X", day, Decimal(6), Decimal(-50), "A-2", Decimal(108), OLD, "R-000007")
    elsewhere = RecentSale("X", day, Decimal(1), Decimal(-1), "A-3")
    snapshot, _ = home(household_sales=(stated, ours, elsewhere))
    assert list(household_trades.taxed_sales(snapshot)) == [ours, elsewhere]


def test_what_is_on_its_way_out_is_left_no_more() -> None:
    """A purchase of 30 of which orders sell 25: 5 are left of it; another purchase of that day stays whole."""
    buys = [RecentBuy("X", RECENT, Decimal(30), "A-2", "taxable", Decimal(cost)) for cost in (90, 91)]
    sale = RecentSale("X", date(2026, 11, 20), Decimal(25), Decimal(1), "A-2", Decimal(90), RECENT)
    left = list(household_trades.left_of(buys, [sale]))
    assert [(each.quantity, each.cost_per_share) for each in left] == [(5, 90), (30, 91)]
    assert list(household_trades.left_of(buys[:1], [sale, replace(sale, quantity=Decimal(5))])) == []
