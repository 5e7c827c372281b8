"""Accounts of a tax household, approved one after the other or at once: none washes what another sells at a loss."""

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from storage.schema.audit import audit_records
from storage.schema.tables import recent_sales
from tests.workflows.desk import TestDesk, account, drifted

HOME = [{"id": "HOME", "accounts": ["A-1", "A-2"]}]


def seller(**given: Any) -> dict[str, Any]:
    """Sells X at a gain and Y at a loss: two lots of it, at 90.00 and 80.00 a share, price 50.00."""

    def lots(*each: tuple[str, str]) -> list[dict[str, str]]:
        return [{"quantity": q, "cost_per_share": cost, "acquired": "2025-01-02"} for q, cost in each]

    held = [
        {"symbol": "X", "lots": lots(("400", "10.00"))},
        {"symbol": "Y", "lots": lots(("50", "90.00"), ("650", "80.00"))},
    ]
    return drifted("A-1") | {"sleeves": [{"model": "M", "holdings": held}]} | given


def buyer(**given: Any) -> dict[str, Any]:
    """Opens M, which buys Y."""
    return account("A-2", **given)


def traded(desk: TestDesk, account_id: str) -> set[tuple[str, str]]:
    return {(each.side, each.symbol) for each in desk.venue_orders() if each.account_id == account_id}


def void(desk: TestDesk, account_id: str) -> list[str]:
    """Why the approvals of an account became void."""
    wanted = (audit_records.c.account_id == account_id, audit_records.c.action == "approval void: the account changed")
    with desk.books.transaction() as read:
        found = read.execute(select(audit_records.c.after).where(*wanted)).scalars()
        return [line for after in found for line in after["changed"]]


async def test_what_one_sold_at_a_loss_the_other_plans_again_and_does_not_buy(desk: TestDesk) -> None:
    desk.load(seller(), buyer(), account_groups=HOME)
    one, two = await desk.start("A-1"), await desk.start("A-2")
    await desk.pending(one)
    planned = desk.row((await desk.pending(two))["rebalance_id"]).plan
    assert ("buy", "Y") in {(each["side"], each["symbol"]) for each in planned["orders"]}
    await desk.approve(one)
    assert (await one.result())["status"] == "COMPLETE"
    assert ("sell", "Y") in traded(desk, "A-1")
    answer = await desk.approve(two)
    again = desk.row((await desk.pending(two, 2))["rebalance_id"]).plan
    assert traded(desk, "A-2") == set()
    [why] = void(desk, "A-2")
    assert answer["outcome"] == "void"
    assert why in answer["why"]  # who approved is told which sale it was
    assert why.startswith("Y: buying it would wash the loss of ")
    assert "in account A-1" in why
    [skipped] = [each for each in again["skipped"] if each["symbol"] == "Y"]
    assert (skipped["rule"], skipped["side"]) == ("WASH-1", "buy")
    assert "in account A-1; it may be bought from" in skipped["reason"]
    await desk.approve(two)
    await two.result()
    assert traded(desk, "A-2") == {("buy", "X"), ("buy", "Z")}


async def test_orders_under_way_count(desk: TestDesk) -> None:
    """The seller's orders are out and none is filled: the other one's approval is void all the same."""
    desk.load(seller(), buyer(), account_groups=HOME)
    desk.unkind({"account": "A-1", "never_fills": True})
    one, two = await desk.start("A-1"), await desk.start("A-2")
    await desk.pending(one)
    await desk.pending(two)
    await desk.approve(one)
    while not traded(desk, "A-1"):
        await asyncio.sleep(0.05)
    await desk.approve(two)
    await desk.pending(two, 2)
    assert traded(desk, "A-2") == set()
    assert "in account A-1" in void(desk, "A-2")[0]


async def test_of_two_approved_at_once_one_is_planned_again(desk: TestDesk) -> None:
    """Whoever begins second sees the first: the buyer skips Y, or the seller is told what of its loss is disallowed."""
    desk.load(seller(), buyer(), account_groups=HOME)
    one, two = await desk.start("A-1"), await desk.start("A-2")
    await desk.pending(one)
    await desk.pending(two)
    await asyncio.gather(desk.approve(one), desk.approve(two))
    first = asyncio.ensure_future(one.result()), asyncio.ensure_future(two.result())
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if first[0].done():
        await desk.pending(two, 2)
        assert "buying it would wash the loss" in void(desk, "A-2")[0]
        await desk.approve(two)
    else:
        await desk.pending(one, 2)
        assert "of its loss is disallowed by now" in void(desk, "A-1")[0]
        await desk.approve(one)
    await asyncio.gather(*first)
    washed = ("sell", "Y") in traded(desk, "A-1") and ("buy", "Y") in traded(desk, "A-2")
    assert washed is bool(void(desk, "A-1"))  # sold at a loss that counts no more, by somebody who was told so


async def test_what_the_household_bought_meanwhile_is_told_to_who_sells_at_a_loss(desk: TestDesk) -> None:
    desk.load(seller(), buyer(tax_status="roth"), account_groups=HOME)
    one, two = await desk.start("A-1"), await desk.start("A-2")
    planned = desk.row((await desk.pending(one))["rebalance_id"]).plan
    assert [each["rule"] for each in planned["findings"] if each["severity"] == "warning"] == []
    await desk.pending(two)
    await desk.approve(two)
    await two.result()
    await desk.approve(one)
    again = desk.row((await desk.pending(one, 2))["rebalance_id"]).plan
    [why] = void(desk, "A-1")
    assert why.startswith("Y: ")
    assert "is lost for good, by the 80 bought on" in why
    assert [each["rule"] for each in again["findings"] if each["severity"] == "warning"] == ["WASH-2"]
    await desk.approve(one)
    assert (await one.result())["status"] == "COMPLETE"


async def test_what_is_sold_is_noted_lot_by_lot(desk: TestDesk) -> None:
    desk.load(seller(), buyer(), account_groups=HOME)
    result = await desk.rebalance("A-1")
    sold = {each["symbol"]: Decimal(each["filled"]) for each in result["orders"] if each["side"] == "sell"}
    with desk.books.transaction() as read:
        rows = read.execute(select(recent_sales).order_by(recent_sales.c.symbol, recent_sales.c.gain)).all()
    noted = [(row.symbol, row.cost_per_share, row.quantity, row.gain, str(row.acquired)) for row in rows]
    rest = sold["Y"] - 50
    assert noted == [
        ("X", 10, sold["X"], 90 * sold["X"], "2025-01-02"),
        ("Y", 90, 50, Decimal(-2000), "2025-01-02"),  # the dearest first: least tax a share
        ("Y", 80, rest, -30 * rest, "2025-01-02"),
    ]
    assert {row.rebalance_id for row in rows} == {result["rebalance_id"]}
    assert {(each.symbol, each.quantity) for each in desk.snapshot("A-2").household_sales} == {
        (row.symbol, row.quantity) for row in rows
    }
