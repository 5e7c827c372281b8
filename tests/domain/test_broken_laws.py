"""Every law of the checker can fail: a right plan, then one thing wrong with it, and the law that sees it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain import laws
from domain.laws import budget
from domain.laws.booked_plan import BookedPlan
from domain.plan import plan as planned
from domain.rebalance_plan import Allocation, Order, RebalancePlan, Side, Transfer
from domain.targets.targets import Band
from domain.tax.lots import RelievedLot
from domain.values.money import CENT
from domain.values.policy import Mode, Policy
from domain.values.purpose import FULL, Purpose
from domain.values.snapshot import (
    MANAGED,
    Holding,
    Lot,
    RecentBuy,
    RecentSale,
    Restriction,
    Sleeve,
    Snapshot,
    Withdrawal,
)
from tests.domain.planning import snapshot_of

Json = dict[str, Any]
Case = tuple[Snapshot, Policy, RebalancePlan]
D = Decimal
DAY = date(2026, 11, 20)
OLD, NEW = "2020-01-02", "2026-11-02"


def lots(symbol: str, *parts: tuple[str, str, str]) -> Json:
    return {"symbol": symbol, "lots": [{"quantity": q, "cost_per_share": c, "acquired": day} for q, c, day in parts]}


# M shrinks and N grows: Y crosses from one to the other; W, held directly, is bought; R can't open. Then cash, at 5 %
# and R's 5 %, is above its band and buys more of W and N.
BOOK: Json = {
    "as_of": str(DAY),
    "securities": [
        {"symbol": "X", "price": "100.00"},
        {"symbol": "Y", "price": "50.00"},
        {"symbol": "Z", "price": "20.00"},
        {"symbol": "W", "price": "10.00"},
        {"symbol": "V", "price": "10.00"},
    ],
    "models": [
        {"id": "M", "holdings": [{"symbol": "X", "weight": "0.5"}, {"symbol": "Y", "weight": "0.5"}]},
        {"id": "N", "holdings": [{"symbol": "Y", "weight": "0.5"}, {"symbol": "Z", "weight": "0.5"}]},
        {"id": "R", "investment_minimum": "1000000", "holdings": [{"symbol": "X", "weight": "1"}]},
        {"id": "O", "holdings": [{"symbol": "V", "weight": "1"}]},
    ],
    "targets": [
        {
            "id": "T",
            "components": [
                {"model": "M", "weight": "0.3"},
                {"model": "N", "weight": "0.3"},
                {"model": "O", "weight": "0.1"},
                {"model": "R", "weight": "0.05"},
                {"security": "W", "weight": "0.2"},
            ],
        }
    ],
    "accounts": [
        {
            "id": "A-1",
            "target": "T",
            "first_rebalanced": "2025-03-01",
            "cash": "20000.00",
            "holdings": [lots("W", ("1500", "8.00", OLD))],
            "sleeves": [
                {
                    "model": "M",
                    "holdings": [
                        lots("X", ("100", "60.00", OLD), ("125", "90.00", NEW)),
                        lots("Y", ("450", "30.00", OLD)),
                    ],
                },
                {"model": "N", "holdings": [lots("Y", ("100", "40.00", OLD)), lots("Z", ("250", "10.00", OLD))]},
                {"model": "O", "holdings": [lots("V", ("1000", "10.00", OLD))]},
            ],
        }
    ],
}


def case(book: Json = BOOK, purpose: Purpose = FULL, mode: Mode = "best_fit") -> Case:
    snapshot, policy = snapshot_of(book)
    return snapshot, policy, planned(snapshot, policy, mode, purpose=purpose)


def account(case: Case, **changes: Any) -> Case:
    """The same plan for an account of which something else is true."""
    snapshot, policy, plan = case
    return replace(snapshot, account=replace(snapshot.account, **changes)), policy, plan


def with_plan(case: Case, **changes: Any) -> Case:
    return case[0], case[1], replace(case[2], **changes)


def order(case: Case, symbol: str, **changes: Any) -> Case:
    return with_plan(case, orders=tuple(replace(o, **changes) if o.symbol == symbol else o for o in case[2].orders))


def without(case: Case, symbol: str) -> Case:
    return with_plan(case, orders=tuple(each for each in case[2].orders if each.symbol != symbol))


def transfer(case: Case, at: int, **changes: Any) -> Case:
    moved = list(case[2].transfers)
    moved[at] = replace(moved[at], **changes)
    return with_plan(case, transfers=tuple(moved))


def component(case: Case, key: str, **changes: Any) -> Case:
    parts = tuple(replace(c, **changes) if c.component == key else c for c in case[2].components)
    return with_plan(case, components=parts)


class Tested:
    """Why an order of these tests exists."""

    rule, reason = "TEST", ""


def trade(case: Case, side: Side, symbol: str, quantity: str, sleeve: str = MANAGED, **changes: Any) -> Case:
    """One order more; a sale gives up the first lot of its sleeve."""
    snapshot, shares = case[0], Decimal(quantity)
    price = snapshot.price(symbol)
    held = next((each for each in snapshot.account.sleeves if each.key == sleeve), None)
    lot = next((each.lots[0] for each in held.holdings if each.symbol == symbol), None) if held else None
    given = (RelievedLot(replace(lot, quantity=shares), None, None),) if side == "sell" and lot else ()
    amount = (price * shares).quantize(CENT)
    made = Order(side, symbol, shares, price, amount, (Allocation(sleeve, shares),), given, Tested())
    return with_plan(case, orders=(*case[2].orders, replace(made, **changes)))


def funded(case: Case, source: str, destination: str, amount: str) -> Case:
    made = Transfer(source, destination, None, None, Decimal(amount), "TEST", str)
    return with_plan(case, transfers=(*case[2].transfers, made))


def rebooked(case: Case) -> Case:
    """The components and the cash that the plan's trades come to, so that nothing but what was meant is wrong."""
    snapshot, _, plan = case
    cash = {sleeve.key: sleeve.cash for sleeve in snapshot.account.sleeves}
    shares = {
        (sleeve.key, each.symbol): each.quantity for sleeve in snapshot.account.sleeves for each in sleeve.holdings
    }

    def move(sleeve: str, symbol: str, quantity: Decimal, paid: Decimal) -> None:
        shares[sleeve, symbol] = shares.get((sleeve, symbol), Decimal(0)) + quantity
        cash[sleeve] = cash.get(sleeve, Decimal(0)) - paid

    for each in plan.orders:
        sign = 1 if each.side == "buy" else -1
        (part,) = each.allocations
        move(part.sleeve, each.symbol, sign * each.quantity, sign * each.amount)
    for moved in plan.transfers:
        if moved.symbol is None:
            cash[moved.source] -= moved.amount
            cash[moved.destination] = cash.get(moved.destination, Decimal(0)) + moved.amount
        else:
            move(moved.source, moved.symbol, -(moved.quantity or 0), -moved.amount)
            move(moved.destination, moved.symbol, moved.quantity or Decimal(0), moved.amount)
    parts = []
    for part in plan.components:
        kind, _, ref = part.component.partition(":")
        if kind == "model":
            held = sum(
                (q * snapshot.price(s) for (where, s), q in shares.items() if where == part.component), Decimal(0)
            )
            ends = cash.get(part.component, Decimal(0)) + held
        elif kind == "cash":
            ends = cash[MANAGED] - sum((each.amount for each in snapshot.account.withdrawals), Decimal(0))
        else:
            ends = shares.get((MANAGED, ref), Decimal(0)) * snapshot.price(ref)
        parts.append(replace(part, planned_value=ends))
    return with_plan(case, components=tuple(parts), cash_after=cash[MANAGED])


def test_a_right_plan_breaks_no_law() -> None:
    snapshot, policy, plan = case()
    assert [(each.side, each.symbol) for each in plan.orders] == [
        ("sell", "X"),
        ("buy", "W"),
        ("buy", "Y"),
        ("buy", "Z"),
    ]
    assert [(each.source, each.destination, each.symbol) for each in plan.transfers] == [
        ("model:M", "model:N", "Y"),
        ("model:M", MANAGED, None),
        (MANAGED, "model:N", None),
    ]
    assert laws.broken(snapshot, policy, plan) == []
    assert laws.broken(*rebooked((snapshot, policy, plan))) == []


LOSS = RecentSale("W", date(2026, 10, 21), D(1), D("-0.01"))
NONE = Band(D(0), D(0))
CLOSING: Json = {"weight": D(0), "threshold": NONE, "precision": NONE, "sleeve": "closing"}
BOUGHT = RelievedLot(Lot(D(69), D(90), date(2026, 11, 2)), D(690), "short")

BROKEN: list[tuple[str, str, Callable[[Case], Case]]] = [
    ("LAW-1", "an order of more shares than are allocated", lambda c: order(c, "W", quantity=D(421))),
    ("LAW-1", "an order with an amount of its own", lambda c: order(c, "W", amount=D("4200.01"))),
    ("LAW-1", "an order at another price", lambda c: order(c, "W", price=D("9.99"))),
    ("LAW-1", "an order without a side that trades", lambda c: order(c, "W", quantity=D(0))),
    ("LAW-1", "an allocation to no sleeve", lambda c: order(c, "W", allocations=(Allocation("protected", D(420)),))),
    (
        "LAW-1",
        "an order for two sleeves, each of them whole",
        lambda c: order(c, "W", allocations=(Allocation(MANAGED, D(420)), Allocation("model:O", D(420)))),
    ),
    ("LAW-1", "a sleeve twice", lambda c: order(c, "W", allocations=(Allocation(MANAGED, D(210)),) * 2)),
    ("LAW-1", "a sale without lots", lambda c: order(c, "X", lots=())),
    ("LAW-1", "a lot that nobody has", lambda c: order(c, "X", lots=(replace(BOUGHT, lot=Lot(D(69), D(91), DAY)),))),
    (
        "LAW-1",
        "a lot twice",
        lambda c: order(
            c,
            "X",
            lots=(
                replace(BOUGHT, lot=Lot(D(126), D(90), date(2026, 11, 2))),
                replace(BOUGHT, lot=Lot(D(-57), D(90), date(2026, 11, 2))),
            ),
        ),
    ),
    ("LAW-1", "a crossing with another's lots", lambda c: transfer(c, 0, lots=(Lot(D(138), D(40), date(2020, 1, 2)),))),
    ("LAW-1", "a crossing that is paid too much", lambda c: transfer(c, 0, amount=D("6900.01"))),
    ("LAW-1", "funding between model sleeves", lambda c: transfer(c, 1, destination="model:N")),
    ("LAW-1", "funding of nothing", lambda c: transfer(c, 1, amount=D(0))),
    ("LAW-1", "funding by a part of a cent", lambda c: funded(c, "model:M", MANAGED, "0.005")),
    ("LAW-1", "cash that the components don't show", lambda c: with_plan(c, cash_after=c[2].cash_after + CENT)),
    ("LAW-1", "a component of another value", lambda c: component(c, "model:N", planned_value=D("29100.01"))),
    ("LAW-1", "another managed value", lambda c: with_plan(c, managed_value=D("100000.01"))),
    ("LAW-1", "a component too few", lambda c: with_plan(c, components=c[2].components[1:])),
    ("LAW-2", "the account overdrawn", lambda c: trade(c, "buy", "V", "1051")),
    ("LAW-2", "a sleeve overdrawn", lambda c: funded(c, "model:N", MANAGED, "15.01")),
    ("LAW-2", "an overdraft that grows", lambda c: funded(c, "model:M", MANAGED, "0.01")),
    ("LAW-2", "more sold than is held", lambda c: trade(c, "sell", "V", "1001", "model:O")),
    (
        "LAW-2",
        "shares of a sleeve that opens",
        lambda c: trade(trade(c, "buy", "V", "20", "model:R"), "sell", "X", "20", "model:R"),
    ),
    ("LAW-2", "shares that another sleeve has", lambda c: trade(c, "sell", "Z", "1", "model:M")),
    (
        "LAW-3",
        "a part of an increment",
        lambda c: order(c, "W", quantity=D("420.5"), amount=D(4205), allocations=(Allocation(MANAGED, D("420.5")),)),
    ),
    ("LAW-3", "a part of an increment sold", lambda c: trade(c, "sell", "V", "20.5", "model:O")),
    ("LAW-3", "two orders for a security", lambda c: trade(c, "buy", "W", "20")),
    ("LAW-3", "a buy below the minimum", lambda c: trade(c, "buy", "V", "9")),
    ("LAW-3", "a sale below the minimum", lambda c: trade(c, "sell", "V", "9", "model:O")),
    ("LAW-4", "a rejected model bought", lambda c: trade(c, "buy", "V", "20", "model:R")),
    ("LAW-4", "a rejected model funded", lambda c: funded(c, MANAGED, "model:R", "100.00")),
    ("LAW-4", "what is excluded bought", lambda c: account(c, restrictions=(Restriction("exclude", "W"),))),
    ("LAW-4", "what is replaced bought", lambda c: account(c, restrictions=(Restriction("substitute", "W", by="V"),))),
    ("LAW-4", "no_buy until today", lambda c: account(c, restrictions=(Restriction("no_buy", "W", until=DAY),))),
    ("LAW-4", "no_trade from today", lambda c: account(c, restrictions=(Restriction("no_trade", "X", start=DAY),))),
    ("LAW-4", "no_sell crossing", lambda c: account(c, restrictions=(Restriction("no_sell", "Y"),))),
    ("LAW-4", "excluded, kept and sold", lambda c: account(c, restrictions=(Restriction("exclude", "X", hold=True),))),
    ("LAW-4", "a wash sale of its own", lambda c: account(c, recent_sales=(LOSS,))),
    ("LAW-4", "a wash sale of the household's", lambda c: (replace(c[0], household_sales=(LOSS,)), *c[1:])),
    (
        "LAW-4",
        "a model funded of which nothing may be bought",
        lambda c: account(c, restrictions=(Restriction("no_buy", "Y"), Restriction("exclude", "Z"))),
    ),
    ("LAW-4", "a plan of what can't be planned", lambda c: with_plan(c, managed_value=None)),
    ("LAW-5", "a gain beyond the budget", lambda c: account(c, gain_budget=D("689.99"))),
    (
        "LAW-5",
        "no basis is all gain",
        lambda c: order(
            account(c, gain_budget=D(6899), managed=c[0].account.managed, model_sleeves=unknown_basis(c[0])),
            "X",
            lots=(RelievedLot(Lot(D(69)), None, None),),
        ),
    ),
    (
        "LAW-5",
        "a liquidation that does not warn",
        lambda c: with_plan(account(c, gain_budget=D(689), target_id=None), liquidation=True),
    ),
    ("LAW-6", "a component outside, without a word", lambda c: rebooked(without(c, "W"))),
    ("LAW-6", "further away, past its threshold", lambda c: rebooked(trade(without(c, "W"), "sell", "W", "20"))),
    ("LAW-6", "a closing component that stays", lambda c: component(c, "model:O", **CLOSING)),
    ("LAW-6", "a rejection that nobody tells", lambda c: with_plan(c, noted=())),
    ("LAW-6", "something excluded still there", lambda c: account(c, restrictions=(Restriction("exclude", "V"),))),
    ("LAW-7", "cash above its band", lambda c: rebooked(funded(without(c, "Z"), "model:N", MANAGED, "9540.00"))),
    ("LAW-7", "cash below its band", lambda c: rebooked(trade(c, "buy", "V", "700"))),
    ("LAW-7", "a withdrawal that is not raised", lambda c: rebooked(withdrawn(c))),
    ("LAW-7", "cash not raised as asked", lambda c: with_plan(c, purpose=Purpose("raise_cash", D(7_000)), noted=())),
    ("LAW-8", "a holding in its band sold for nothing", lambda c: rebooked(sold_from_o(c, "30"))),
    ("LAW-8", "a sleeve that keeps its value trades", lambda c: rebooked(trade(c, "sell", "V", "30", "model:O"))),
    ("LAW-8", "a sleeve that grows sells", lambda c: rebooked(trade(without(c, "Z"), "sell", "Z", "200", "model:N"))),
    ("LAW-8", "a sleeve sells more than it pays", lambda c: rebooked(trade(c, "sell", "Y", "100", "model:M"))),
    ("LAW-8", "a buy that nobody asked for", lambda c: rebooked(trade(c, "buy", "W", "100"))),
    ("LAW-8", "a sleeve that a signal is not for", lambda c: with_plan(c, purpose=Purpose("signal", model_id="O"))),
    ("LAW-8", "cash raised by a buy", lambda c: with_plan(c, purpose=Purpose("raise_cash"))),
    ("LAW-8", "cash invested by a sale", lambda c: with_plan(c, purpose=Purpose("invest_cash"))),
    ("LAW-8", "a liquidation of what has a target", lambda c: with_plan(c, liquidation=True)),
]


def unknown_basis(snapshot: Snapshot) -> tuple[Sleeve, ...]:
    first, *others = snapshot.account.model_sleeves
    x, *rest = first.holdings
    return replace(first, holdings=(replace(x, lots=(Lot(x.quantity),)), *rest)), *others


def withdrawn(case: Case) -> Case:
    """A withdrawal of more than the cash that there is, of which the plan takes no notice."""
    taken = account(case, withdrawals=(Withdrawal(D(20_500), DAY),))
    return component(with_plan(taken, managed_value=D(79_500)), "cash", current_value=D(-500))


def sold_from_o(case: Case, shares: str) -> Case:
    """O, inside its band, sells and pays; cash is above its lower bound without that."""
    return funded(trade(case, "sell", "V", shares, "model:O"), "model:O", MANAGED, str(10 * int(shares)))


@pytest.mark.parametrize(("law", "name", "broken"), BROKEN, ids=[f"{law}: {name}" for law, name, _ in BROKEN])
def test_a_broken_plan_is_seen(law: str, name: str, broken: Callable[[Case], Case]) -> None:
    found = laws.broken(*broken(case()))
    assert law in {each.rule.code for each in found}, [each.says for each in found]
    for each in found:
        told = each.finding
        assert told.severity == "error" and told.rule == each.rule.code and told.evidence is not None


def test_every_law_is_broken_in_three_ways_at_least() -> None:
    codes = [law for law, _, _ in BROKEN]
    assert {law: codes.count(law) >= 3 for law in codes} == {f"LAW-{number}": True for number in range(1, 9)}


HARMLESS: list[tuple[str, Callable[[Case], Case]]] = [
    ("a holding outside its band that is excluded and kept", lambda c: account(keeps_w(c), restrictions=(KEPT_W,))),
    (
        "no_buy until yesterday",
        lambda c: account(c, restrictions=(Restriction("no_buy", "W", until=date(2026, 11, 19)),)),
    ),
    (
        "exclude from tomorrow",
        lambda c: account(c, restrictions=(Restriction("exclude", "W", start=date(2026, 11, 21)),)),
    ),
    ("a loss of 31 days ago", lambda c: account(c, recent_sales=(replace(LOSS, date=date(2026, 10, 20)),))),
    ("a sale at a gain", lambda c: account(c, recent_sales=(replace(LOSS, gain=D(1)),))),
    ("an exempt account's loss", lambda c: account(c, tax_status="exempt", recent_sales=(LOSS,))),
    ("a budget that is just enough", lambda c: account(c, gain_budget=D("690.00"))),
]


KEPT_W = Restriction("exclude", "W", hold=True)


def keeps_w(case: Case) -> Case:
    """W, outside its band, stays as it is, and its cash with the rest."""
    kept = rebooked(without(case, "W"))
    return component(kept, "cash", precision=Band(D("0.045"), D("0.097")))  # and the 5 % that R leaves


@pytest.mark.parametrize(("name", "changed"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_does_not_bind_breaks_no_law(name: str, changed: Callable[[Case], Case]) -> None:
    assert laws.broken(*changed(case())) == []


@pytest.mark.parametrize(
    ("bought", "disallowed"),  # 69 X at a loss of 10.00 each, 56 more in the lot that they come from
    [
        ((), "0"),  # the rest of a lot does not replace the lot itself
        ((RecentBuy("X", date(2026, 10, 21), D(30), "A-2"),), "300"),
        ((RecentBuy("X", date(2026, 10, 20), D(30), "A-2"),), "0"),
        ((RecentBuy("X", date(2026, 10, 21), D(30), "A-2"), RecentBuy("X", DAY, D(100), "A-3")), "690"),
    ],
)
def test_a_disallowed_loss_makes_no_room(bought: tuple[RecentBuy, ...], disallowed: str) -> None:
    """WASH-2: of a loss of 690.00 what the household's buys replace is no loss."""
    book = json.loads(json.dumps(BOOK))
    book["accounts"][0]["sleeves"][0]["holdings"][0] = lots("X", ("100", "100.00", OLD), ("125", "110.00", NEW))
    snapshot, policy, plan = case(book)
    books = BookedPlan.of(replace(snapshot, household_buys=bought), plan)
    assert budget.recognised(books, policy)[0] == D(disallowed) - 690


def test_what_is_left_of_a_recent_lot_replaces_others() -> None:
    """WASH-2: 100 old Y at −40.00 each sold with 1 of 100 bought last week: 99 of the recent replace 99 of the old."""
    snapshot, policy, _ = case()
    held = Holding("Y", D(200), (Lot(D(100), D(90), date(2020, 1, 2)), Lot(D(100), D(60), date(2026, 11, 13))))
    owner = replace(snapshot.account, managed=replace(snapshot.account.managed, holdings=(held,)), model_sleeves=())
    given = (
        RelievedLot(held.lots[0], D(-4000), "long"),
        RelievedLot(replace(held.lots[1], quantity=D(1)), D(-10), "short"),
    )
    sale = Order("sell", "Y", D(101), D(50), D(5050), (Allocation(MANAGED, D(101)),), given, Tested())
    assert budget.disallowed(replace(snapshot, account=owner), sale, policy.wash_sale_days) == D(3960)


SHARED = {"laws", "rebalance_plan", "tax.lots", "values"}  # what lots were sold is a value of the plan


def test_the_checker_shares_nothing_with_what_plans() -> None:
    """It imports values, and nothing that decides: a fault of the planner's can't be repeated by it."""
    files = sorted(Path(laws.__file__).parent.glob("*.py"))
    sources = [file.read_text("utf-8") for file in files]
    imported = {name for source in sources for name in re.findall(r"^from domain\.?([\w.]*)", source, re.M)}
    rooms = {name if name == "tax.lots" else name.partition(".")[0] for name in imported - {""}}
    assert len(files) > 5 and "values" in rooms and rooms <= SHARED
    assert not any(re.search(r"^(from domain import|import)", source, re.M) for source in sources)


def test_an_earlier_sale_has_the_first_pick_of_what_was_bought_first() -> None:
    """WASH-2: 7 X sold at a loss on 10-21 were replaced on 10-20, out of this window, and not by what came after."""
    book = json.loads(json.dumps(BOOK))
    book["accounts"][0]["sleeves"][0]["holdings"][0] = lots("X", ("100", "100.00", OLD), ("125", "110.00", NEW))
    snapshot, policy, plan = case(book)
    bought = (RecentBuy("X", date(2026, 10, 20), D(50), "A-2"), RecentBuy("X", date(2026, 10, 21), D(30), "A-2"))
    sold = RecentSale("X", date(2026, 10, 21), D(7), D("-55.10"))
    owner = replace(snapshot.account, recent_sales=(sold,))
    books = BookedPlan.of(replace(snapshot, account=owner, household_buys=bought), plan)
    assert budget.recognised(books, policy)[0] == D(-690) + 300
    later = replace(snapshot, account=owner, household_buys=bought[1:])
    assert budget.recognised(BookedPlan.of(later, plan), policy)[0] == D(-690) + 230
