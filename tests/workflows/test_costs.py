"""ALLOC-5: what fills cost besides their price, from the venue's word to cash, basis and proceeds of each account."""

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from temporalio.client import Client

from devstack.temporal import TemporalServer
from policy.clock import Clock
from storage.connection import Books
from storage.schema.audit import audit_records
from storage.schema.desk import block_allocations, block_fills, block_orders, paper_allocations
from storage.schema.execution import orders
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.test_blocks import (
    A_DAY,
    AFTER_FRIDAYS_CLOSE,
    AFTER_MONDAYS_CLOSE,
    FRIDAYS_MORNING,
    WANTED,
    agree,
    all_approved,
    conserved,
    released,
    rows,
    worked,
    worked_fills,
)

SOME = {"a_fill": "1", "a_share": "0.005", "of_amount": "0.0000278"}


def charged(quantity: Decimal, amount: Decimal) -> Decimal:
    """What one fill costs at SOME, by a sum of its own."""
    return (1 + quantity * Decimal("0.005") + amount * Decimal("0.0000278")).quantize(Decimal("0.01"))


async def test_orders_of_an_account_cost_what_the_venue_says(desk: TestDesk) -> None:
    """Cash, basis and proceeds have them, the custodian agrees, and the record and the result say so."""
    desk.load(drifted())
    before = sum(sleeve.cash for sleeve in desk.snapshot().account.sleeves)
    desk.unkind({"costs": SOME})
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE", result
    made = rows(desk, orders)
    assert {each.side for each in made} == {"sell", "buy"}
    for each in made:
        assert each.costs == charged(each.filled_quantity, each.filled_amount) > 1
    sign = {"buy": -1, "sell": 1}
    after = desk.snapshot().account
    moved = sum((sign[each.side] * each.filled_amount - each.costs for each in made), Decimal(0))
    assert sum(sleeve.cash for sleeve in after.sleeves) == before + moved
    agree(desk, "A-1")
    (bought,) = [each for each in made if each.side == "buy"]
    lots = [lot for sleeve in after.sleeves for held in sleeve.holdings if held.symbol == bought.symbol
            for lot in held.lots if lot.cost_per_share is not None]  # fmt: skip
    (lot,) = [each for each in lots if each.quantity == bought.filled_quantity]
    assert abs(lot.cost_per_share * lot.quantity - bought.filled_amount - bought.costs) < Decimal("0.0001")
    told = [each for each in result["findings"] if each["rule"] == "ALLOC-5"]
    assert len(told) == len(made)
    assert {each["costs"] for each in result["orders"]} == {str(each.costs.quantize(Decimal("0.01"))) for each in made}
    (noted,) = recorded(desk, "costs booked")
    assert Decimal(noted["costs"]) == sum(each.costs for each in made)
    assert len(noted["orders"]) == len(made)


async def test_what_a_sale_cost_lessens_its_gain(desk: TestDesk) -> None:
    """Sold at 100.00 from a basis of 60.00 and for 1.00 in all: the gain is 40 a share, less the cost."""
    lots = [{"quantity": "400", "cost_per_share": "60.00", "acquired": "2020-01-02"}]
    sleeve = {"model": "M", "holdings": [{"symbol": "X", "quantity": "400", "lots": lots},
                                         {"symbol": "Y", "quantity": "700"}]}  # fmt: skip
    desk.load(drifted() | {"sleeves": [sleeve], "tax_status": "taxable"})
    desk.unkind({"costs": {"a_fill": "1"}})
    await desk.rebalance()
    (sold,) = [each for each in rows(desk, orders) if each.side == "sell" and each.symbol == "X"]
    sales = [each for each in desk.snapshot().account.recent_sales if each.symbol == "X"]
    assert sum(each.gain for each in sales) == 40 * sold.filled_quantity - 1


async def test_buys_are_sized_on_what_sells_brought_after_costs(desk: TestDesk) -> None:
    """ORDER-4: sells that cost a tenth of what they bring leave so much less to buy with."""
    desk.load(drifted("A-1"), drifted("A-2"))
    desk.unkind({"account": "A-2", "side": "sell", "costs": {"of_amount": "0.1"}})
    free, charged_ = await asyncio.gather(desk.rebalance("A-1"), desk.rebalance("A-2"))
    bought = [sum(Decimal(each["amount"]) for each in of["orders"] if each["side"] == "buy") for of in (free, charged_)]
    costs = sum(Decimal(each.get("costs", "0")) for each in charged_["orders"])
    assert costs > 1000
    assert costs - 20 <= bought[0] - bought[1] <= costs + 20  # a step of Z is 20.00
    agree(desk, "A-1", "A-2")


async def test_a_block_over_days_splits_its_costs_as_its_amount(
    client: Client, books: Books, temporal_server: TemporalServer
) -> None:
    """The worked example with costs: each within a cent of pro rata, the sum exact, told on every page."""
    desk = TestDesk(client, books, Clock.set_to(FRIDAYS_MORNING))
    command = Command(desk, temporal_server)
    book = worked()
    for each in book["accounts"]:
        each["cash"] = str(Decimal(each["cash"]) + 50)
    desk.load(**book)
    desk.blocks(window=A_DAY, unfilled="carry")
    desk.unkind(blocks=[worked_fills() | {"costs": SOME}])
    async with desk.working():
        handles = await all_approved(desk, WANTED, mode="exact")
        await released(desk, 5)
        await until(lambda: sum(each.units for each in rows(desk, block_fills)) == 397)
    for close in (AFTER_FRIDAYS_CLOSE, AFTER_MONDAYS_CLOSE):
        desk.clock = Clock.set_to(close)
        async with desk.working():
            if close == AFTER_MONDAYS_CLOSE:
                results = await asyncio.wait_for(asyncio.gather(*(each.result() for each in handles)), 90)
            else:
                await until(lambda: sum(each.units for each in rows(desk, block_fills)) >= 550)
    assert [each["status"] for each in results] == ["COMPLETE"] * 5
    assert conserved(desk) == 1
    children = rows(desk, block_orders)
    wanted = [(250, "287.10"), (147, "287.14"), (153, "288.00"), (200, "288.05"), (250, "288.05")]
    all_costs = sum((charged(Decimal(units), units * Decimal(price)) for units, price in wanted), Decimal(0))
    assert sum(each.costs for each in children) == all_costs
    parts = rows(desk, block_allocations)
    for day in sorted({each.trade_date for each in parts}):
        of_day = [each for each in parts if each.trade_date == day]
        costs = sum(each.costs for each in rows(desk, block_fills) if each.trade_date == day)
        units = sum(each.units for each in of_day)
        assert sum(each.costs for each in of_day) == costs > 0
        assert all(abs(each.costs - costs * each.units / units) < Decimal("0.01") for each in of_day)
    assert sum(each.costs for each in rows(desk, paper_allocations)) == all_costs
    agree(desk, *WANTED)
    for each in rows(desk, orders):
        assert each.costs == sum(part.costs for part in parts if part.account_id == account_of(desk, each))
    await told_by_commands(command, parts, all_costs)
    assert all("costs" in each for each in recorded(desk, "allocated"))


async def told_by_commands(command: Command, parts: list[Any], all_costs: Decimal) -> None:
    shown = (await command("block", "show", "B-000001", "--format", "json")).json
    for each in shown["accounts"]:
        mine = sum(part.costs for part in parts if part.account_id == each["account_id"])
        assert Decimal(each["costs"]) == mine
        assert f", costs {mine:.2f}. (ALLOC-8)" in each["told"]
    assert sum(Decimal(each["costs"]) for each in shown["days"]) == all_costs
    page = (await command("block", "show", "B-000001")).out
    assert page.count("costs") >= 7  # two tables' columns, five sentences
    again = await command("audit", "recompute", "B-000001")
    assert again.out.endswith(f", costs {all_costs:.2f}: the same, to the unit and cent (ALLOC-8)\n"), again
    row = (await command("show", shown["accounts"][0]["rebalance_id"])).out
    assert f"FILLED, costs {shown['accounts'][0]['costs']}" in " ".join(row.split()), row


async def until(happened: Any) -> None:
    for _ in range(400):
        if happened():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("never happened")


def account_of(desk: TestDesk, order: Any) -> str:
    return str(desk.row(order.rebalance_id).account_id)


def recorded(desk: TestDesk, action: str) -> list[dict[str, Any]]:
    with desk.books.transaction() as read:
        query = select(audit_records.c.after).where(audit_records.c.action == action).order_by(audit_records.c.id)
        return list(read.execute(query).scalars())
