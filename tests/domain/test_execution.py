"""From a plan to the books: filled as planned they show what was planned, and whatever is filled, nothing gets lost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.books.book import BookRefused
from domain.executing.booking import CrossTrade, ExecutablePlan, Fill, Leg, Relief, book
from domain.executing.execution import client_order_id, payable_batches, read, resized_buys, trimmed_buys
from domain.executing.reconciliation import ledger
from domain.tax import lots
from domain.values.money import share_out, to_cent
from domain.values.policy import Mode
from domain.values.snapshot import Account, Snapshot
from tests.domain.ledger import CENT, world
from tests.domain.planning import planned, snapshot_of
from tests.domain.strategies import MODES, books

Json = dict[str, Any]
ZERO = Decimal(0)
reproducible = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def executable(raw: Json, mode: Mode) -> tuple[Snapshot, Relief, Json, ExecutablePlan]:
    """A generated book's account, how its lots are chosen, its plan, and what of that is executed."""
    try:
        snapshot, policy = snapshot_of(raw)
        plan = planned(raw, mode)
    except BookRefused:
        assume(False)
    assume(plan.get("orders") or plan.get("transfers"))
    return snapshot, Relief(snapshot.as_of, lots.method_of(snapshot.account), policy), plan, read(plan)


def as_planned(plan: ExecutablePlan) -> dict[int, Fill]:
    """Every order filled whole at its price."""
    return {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price)) for leg in plan.legs}


def held(account: Account) -> dict[tuple[str, str], Decimal]:
    """Quantities by sleeve and symbol, which the lots make up."""
    for sleeve in account.sleeves:
        for holding in sleeve.holdings:
            assert holding.quantity == sum((lot.quantity for lot in holding.lots), ZERO)
            assert all(lot.quantity > 0 for lot in holding.lots)
    return {(sleeve.key, each.symbol): each.quantity for sleeve in account.sleeves for each in sleeve.holdings}


@settings(reproducible, max_examples=150)
@given(books(), MODES)
def test_filled_as_planned_the_books_show_what_was_planned(raw: Json, mode: Mode) -> None:
    snapshot, relief, plan, orders = executable(raw, mode)
    fills = as_planned(orders)
    sells = {leg.number: fills[leg.number] for leg in orders.legs if leg.side == "sell"}
    increments = {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}
    assert resized_buys(snapshot.account, orders, sells, increments) == orders, "buys shrink though sells brought all"

    after = book(snapshot.account, orders, fills, relief).account
    expected = world(raw, plan).after
    assert held(after) == {place: quantity for place, quantity in expected.shares.items() if quantity}
    cash = {sleeve.key: sleeve.cash for sleeve in after.sleeves}
    for sleeve, amount in expected.cash.items():
        if sleeve in cash and sleeve != "managed":
            assert abs(cash[sleeve] - amount) <= expected.tolerance(sleeve), f"{sleeve}: {cash[sleeve]}, not {amount}"
    assert abs(sum(cash.values(), ZERO) - sum(expected.cash.values(), ZERO)) <= CENT


@settings(reproducible, max_examples=150)
@given(books(), MODES, st.data())
def test_whatever_is_filled_is_booked_and_nothing_more(raw: Json, mode: Mode, data: st.DataObject) -> None:
    """Sells fill in part and cheaper, buys are sized again on what they brought and fill in part (ORDER-4, EXEC-2)."""
    snapshot, relief, _, orders = executable(raw, mode)
    increments = {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}

    def filled(side: str, plan: ExecutablePlan, price: Decimal) -> dict[int, Fill]:
        found = {}
        for leg in plan.legs:
            part = data.draw(st.sampled_from(("0", "0.3", "0.9", "1", "1", "1")))
            if leg.side == side and leg.quantity:
                step = increments[leg.symbol]
                quantity = leg.quantity if part == "1" else (leg.quantity * Decimal(part)) // step * step
                found[leg.number] = Fill(quantity, to_cent(quantity * leg.price * price))
        return found

    sells = filled("sell", orders, data.draw(st.sampled_from((Decimal("0.97"), Decimal(1), Decimal("1.02")))))
    again = resized_buys(snapshot.account, orders, sells, increments)
    bought = [leg for leg in again.legs if leg.side == "buy" and leg.quantity]
    first = bought[: data.draw(st.integers(0, len(bought)))]
    dear = data.draw(st.sampled_from((Decimal(1), Decimal("1.001"))))
    sent = {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price * dear)) for leg in first}
    trimmed = trimmed_buys(snapshot.account, orders, again, sells | sent, increments)
    if dear == 1:
        assert trimmed == again, "buys shrink though nothing was dear"
    again = trimmed
    buys = filled("buy", again, Decimal(1)) | sent
    after = book(snapshot.account, again, sells | buys, relief).account

    before, then = ledger(snapshot.account), ledger(after)
    brought = sum((fill.amount for fill in sells.values()), ZERO) - sum((fill.amount for fill in buys.values()), ZERO)
    assert then.cash == before.cash + brought
    change: dict[str, Decimal] = {}
    for leg in again.legs:
        sign = -1 if leg.side == "sell" else 1
        change[leg.symbol] = (
            change.get(leg.symbol, ZERO) + sign * (sells | buys).get(leg.number, Fill(ZERO, ZERO)).quantity
        )
    for symbol in before.positions.keys() | then.positions.keys():
        assert then.positions.get(symbol, ZERO) == before.positions.get(symbol, ZERO) + change.get(symbol, ZERO)
    held(after)
    overdrafts = sum(
        (min(ZERO, sleeve.cash) for sleeve in snapshot.account.sleeves), ZERO
    )  # a closing sleeve's comes back
    dearer = sum((fill.amount - leg.quantity * leg.price for leg in first if (fill := sent[leg.number])), ZERO)
    left = any(leg.quantity for leg in again.legs if leg.side == "buy" and leg.number not in sent)
    allowed = CENT * (len(orders.legs) + 1) + (ZERO if left else dearer)  # what no later buy could make up for
    assert after.managed.cash >= overdrafts - allowed


@settings(reproducible, max_examples=100)
@given(books(), MODES, st.data())
def test_more_than_was_ordered_is_booked_too(raw: Json, mode: Mode, data: st.DataObject) -> None:
    """EXEC-2. The account as a whole has every share and cent; no sleeve has less than none."""
    snapshot, relief, _, orders = executable(raw, mode)
    before = ledger(snapshot.account)
    there = dict.fromkeys(snapshot.securities, ZERO)
    for (_, symbol), quantity in held(snapshot.account).items():
        there[symbol] += quantity
    fills = {}
    for leg in orders.legs:
        more = Decimal(data.draw(st.integers(1, 100))) / 100 * leg.quantity
        most = there[leg.symbol] if leg.side == "sell" else leg.quantity + more
        quantity = min(leg.quantity + more, most)
        fills[leg.number] = Fill(quantity, to_cent(quantity * leg.price))
    assume(any(fills[leg.number].quantity > leg.quantity for leg in orders.legs))
    after = book(snapshot.account, orders, fills, relief).account
    cash, positions = before.cash, dict(before.positions)
    for leg in orders.legs:
        sign = 1 if leg.side == "buy" else -1
        positions[leg.symbol] = positions.get(leg.symbol, ZERO) + sign * fills[leg.number].quantity
        cash -= sign * fills[leg.number].amount
    booked = ledger(after)
    assert booked.cash == cash
    assert dict(booked.positions) == {symbol: quantity for symbol, quantity in positions.items() if quantity}
    assert all(quantity > 0 for quantity in held(after).values())


@pytest.mark.parametrize(
    ("costs", "at_most", "batches"),
    [
        # 2 % of 4,900.00 are 98.00, and 100.00 are left; of 5,000.00 nothing would be.
        (["100"] * 50, 100, [49, 1]),
        (["100"] * 50, 25, [25, 24, 1]),
        (["100"] * 5, 25, [4, 1]),
        # 2 % of 10,000.00 are 200.00: more than the 100.00 that are left, so the large one is sent by itself.
        (["10000", "100"], 25, [1, 1]),
        (["100", "10000", "100"], 25, [1, 1, 1]),
        (["100", "10000", "300"], 25, [2, 1]),  # 2 % of 10,100.00 are 202.00
        (["100", "0", "0"], 25, [1, 2]),  # what was resized to nothing costs nothing
        ([], 25, []),
    ],
)
def test_buys_are_sent_in_batches_that_those_after_them_can_pay_for(
    costs: list[str], at_most: int, batches: list[int]
) -> None:
    """ORDER-4."""
    legs = [Leg(at, "buy", "X", Decimal(cost), Decimal(1), (), "ORDER-4", "") for at, cost in enumerate(costs, 1)]
    made = payable_batches(legs, at_most)
    assert [len(each) for each in made] == batches
    assert [leg for each in made for leg in each] == legs


def test_what_crossed_into_a_sleeve_that_sold_nothing_is_paid_by_all() -> None:
    """ORDER-4. M takes 40 X over for 4,000.00, which its 50 S were to pay; nothing of them is sold. So N, which the
    managed sleeve gave 4,000.00, buys nothing and gives them back: cash ends at its floor of 1,000.00.
    """

    def lots(symbol: str, quantity: int) -> Json:
        return {
            "symbol": symbol,
            "lots": [{"quantity": str(quantity), "cost_per_share": "90", "acquired": "2024-01-02"}],
        }

    symbols = ("X", "S", "B", "Y")
    held = [{"symbol": each, "weight": "0.5"} for each in ("S", "B")]
    snapshot, policy = snapshot_of(
        {
            "as_of": "2026-11-20",
            "securities": [{"symbol": each, "price": "100"} for each in symbols],
            "models": [{"id": each, "version": 1, "holdings": held} for each in ("M", "N")],
            "accounts": [
                {
                    "id": "A",
                    "custodian": "PAPER",
                    "cash": "1000",
                    "holdings": [lots("X", 40)],
                    "sleeves": [
                        {"model": "M", "cash": "0", "holdings": [lots("S", 50)]},
                        {"model": "N", "cash": "0", "holdings": []},
                    ],
                }
            ],
        }
    )
    price, ten, forty, fifty = (Decimal(each) for each in (100, 10, 40, 50))
    legs = (
        Leg(1, "sell", "S", fifty, price, (("model:M", fifty),), "DESTINATION-1", ""),
        Leg(2, "buy", "B", ten, price, (("model:M", ten),), "DESTINATION-1", ""),
        Leg(3, "buy", "Y", forty, price, (("model:N", forty),), "DESTINATION-1", ""),
    )
    crosses = CrossTrade("managed", "model:M", "X", forty, price)
    plan = ExecutablePlan(legs, (crosses,), {"model:N": Decimal(4000)}, frozenset(), frozenset(), Decimal(1000))
    sized = resized_buys(snapshot.account, plan, {1: Fill(ZERO, ZERO)}, dict.fromkeys(symbols, Decimal(1)))
    assert [leg.quantity for leg in sized.legs] == [50, 0, 0]
    relief = Relief(snapshot.as_of, "fifo", policy)
    after = book(snapshot.account, sized, {1: Fill(ZERO, ZERO)}, relief).account
    assert {each.key: each.cash for each in after.sleeves} == {"managed": 1000, "model:M": 0, "model:N": 0}


def test_what_the_managed_sleeve_can_not_pay_for_shares_that_crossed_comes_back() -> None:
    """LAW-2. The managed sleeve takes 40 X of M over for 4,000.00, which its 50 S were to pay; nothing of them is sold.
    M, which passes 1,000.00 of that on, keeps no 3,000.00 that nobody has: no sleeve ends below zero.
    """
    price, forty, fifty = Decimal(100), Decimal(40), Decimal(50)
    lot = {"cost_per_share": "90", "acquired": "2024-01-02"}
    snapshot, policy = snapshot_of(
        {
            "as_of": "2026-11-20",
            "securities": [{"symbol": each, "price": "100"} for each in ("X", "S")],
            "models": [{"id": "M", "version": 1, "holdings": [{"symbol": "X", "weight": "1"}]}],
            "accounts": [
                {
                    "id": "A",
                    "custodian": "PAPER",
                    "cash": "0",
                    "holdings": [{"symbol": "S", "lots": [lot | {"quantity": "50"}]}],
                    "sleeves": [
                        {"model": "M", "cash": "0", "holdings": [{"symbol": "X", "lots": [lot | {"quantity": "40"}]}]}
                    ],
                }
            ],
        }
    )
    legs = (Leg(1, "sell", "S", fifty, price, (("managed", fifty),), "RESTRICT-1", ""),)
    crosses = CrossTrade("model:M", "managed", "X", forty, price)
    plan = ExecutablePlan(legs, (crosses,), {"model:M": Decimal(-1000)}, frozenset(), frozenset(), ZERO)
    relief = Relief(snapshot.as_of, "fifo", policy)
    after = book(snapshot.account, plan, {1: Fill(ZERO, ZERO)}, relief).account
    assert {each.key: each.cash for each in after.sleeves} == {"managed": 0, "model:M": 0}
    filled = book(snapshot.account, plan, {1: Fill(fifty, Decimal(5000))}, relief).account
    assert {each.key: each.cash for each in filled.sleeves} == {"managed": 2000, "model:M": 3000}


def test_an_orders_name_is_the_same_for_every_retry_and_no_other_orders() -> None:
    """EXEC-1: derived from the rebalance and the order's place in it."""
    assert client_order_id("K7QD2", "R-7", 1) == client_order_id("K7QD2", "R-7", 1) == "K7QD2-R-7-001"
    names = {
        client_order_id("K7QD2", rebalance, leg) for rebalance in ("R-1", "R-11", "R-1-1") for leg in range(1, 1200)
    }
    assert len(names) == 3 * 1199


def test_a_fill_is_shared_out_in_cents_that_sum_to_it() -> None:
    parts = share_out(Decimal("100.00"), [Decimal(1), Decimal(1), Decimal(1)])
    assert parts == [Decimal("33.33"), Decimal("33.34"), Decimal("33.33")]
