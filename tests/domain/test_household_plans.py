"""The plans of a household hold jointly: the small books that went wrong, and generated groups (WASH-1, WASH-2)."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.books.book import read_account, read_market
from domain.household_plans import in_turn, plan_household
from domain.plan import plan as made_alone
from domain.rebalance_plan import RebalancePlan
from domain.tax.household_trades import recent_buys
from domain.telling import plan_json
from domain.values.policy import Mode, Policy
from domain.values.purpose import FULL
from domain.values.snapshot import Snapshot
from policy import in_force

Json = dict[str, Any]
SALE = re.compile(r"the loss of ([\d,.]+) from the sale of ([\d.]+) (\w+) on (\S+) in account ([\w-]+)")
BUY = re.compile(r"account ([\w-]+) buys ([\d.]+) (\w+) on (\S+), planned beside it")
DAY = date(2026, 11, 20)
OLD, RECENT = "2024-01-02", "2026-11-10"


def household(book: Json) -> list[tuple[Snapshot, Policy]]:
    """All accounts of a book as one group."""
    accounts = book.pop("accounts")
    book["account_groups"] = [{"id": "H", "accounts": [each["id"] for each in accounts]}]
    numbers = in_force(read_market(book, in_force(DAY)).as_of)
    market = read_market(book, numbers)
    read = [read_account(each, at, market) for at, each in enumerate(accounts)]
    days = numbers.wash_sale_days
    found = []
    for account in read:
        others = [each for each in read if each.id != account.id]
        snapshot = Snapshot(
            as_of=market.as_of,
            account=account,
            targets=market.targets,
            models=market.models,
            securities=market.securities,
            fresh_from=market.as_of,
            household_sales=tuple(s for each in others if each.tax_status == "taxable" for s in each.recent_sales),
            household_buys=tuple(buy for each in others for buy in recent_buys(each, market.as_of, days)),
        )
        found.append((snapshot, numbers))
    return found


def planned(book: Json, mode: Mode = "exact") -> list[Json]:
    """The plans in their public form."""
    return in_json(plan_household(household(book), mode))


def lots(*each: tuple[str, str, str]) -> list[Json]:
    return [{"quantity": quantity, "cost_per_share": cost, "acquired": day} for quantity, cost, day in each]


def small(accounts: Sequence[Json], prices: Mapping[str, str], targets: Mapping[str, Mapping[str, str]]) -> Json:
    """A book of accounts whose targets name securities alone; the rest is cash."""
    return {
        "as_of": "2026-11-20",
        "securities": [{"symbol": symbol, "price": price} for symbol, price in prices.items()],
        "targets": [
            {"id": name, "components": [{"security": symbol, "weight": weight} for symbol, weight in lines.items()]}
            for name, lines in targets.items()
        ],
        "accounts": list(accounts),
    }


def losses(plan: Json) -> dict[str, tuple[Decimal, Decimal]]:
    """What a plan sells at a loss: shares and gain."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for order in plan["orders"]:
        lossy = [each for each in order["lots"] if each["gain"] is not None and Decimal(each["gain"]) < 0]
        if lossy:
            shares = sum((Decimal(each["quantity"]) for each in lossy), Decimal(0))
            found[order["symbol"]] = shares, sum((Decimal(each["gain"]) for each in lossy), Decimal(0))
    return found


def bought(plan: Json) -> dict[str, Decimal]:
    return {each["symbol"]: Decimal(each["quantity"]) for each in plan["orders"] if each["side"] == "buy"}


def told_of_others(plans: Sequence[Json], taxable: Iterable[str]) -> int:
    """Holds what every plan says of the others' trades against what they trade; returns how often it looked."""
    made = {plan["account_id"]: plan for plan in plans}
    looked = 0
    for plan in plans:
        for each in plan["skipped"]:
            if sale := SALE.search(each["reason"]):
                loss, shares, symbol, _, account = sale.groups()
                assert account in taxable
                assert losses(made[account])[symbol] == (Decimal(shares), -Decimal(loss.replace(",", "")))
                looked += 1
            if buy := BUY.search(each["reason"]):
                account, shares, symbol, _ = buy.groups()
                assert bought(made[account])[symbol] == Decimal(shares)
                looked += 1
    return looked


def washes(plans: Sequence[Json], taxable: Iterable[str]) -> set[tuple[str, str, str]]:
    """Who buys what somebody else sells at a loss."""
    return {
        (buyer["account_id"], symbol, seller["account_id"])
        for seller in plans
        if seller["account_id"] in taxable
        for symbol in losses(seller)
        for buyer in plans
        if buyer is not seller and symbol in bought(buyer)
    }


def test_one_replacement_serves_one_loss() -> None:
    """25 shares in the IRA: of the losses of 48 × 40.00 in each of two accounts, 25 × 40.00 are disallowed in all."""
    holder = {"first_rebalanced": OLD, "target": "T", "cash": "32000"}
    held = [{"symbol": "X", "lots": lots(("100", "120", "2025-01-10"))}]
    ira = {"id": "IRA", "tax_status": "roth", "target": "K", "first_rebalanced": OLD}
    ira |= {"holdings": [{"symbol": "X", "lots": lots(("25", "82", RECENT))}]}
    accounts = [{"id": name, **holder, "holdings": held} for name in ("A-1", "A-2")]
    plans = planned(small([*accounts, ira], {"X": "80"}, {"T": {"X": "0.10"}, "K": {"X": "1"}}), "best_fit")
    washed = [each for plan in plans for each in plan["findings"] if each["rule"] == "WASH-2"]
    assert [each["evidence"]["lost"] for each in washed] == ["1000.00"]
    assert [plan["tax"]["disallowed"] for plan in plans if plan["tax"]] == ["1000.00", "0.00"]


def test_of_two_that_swap_one_trades_and_the_other_says_why_it_does_not() -> None:
    """Each sells at a loss what the other would buy. The first is planned whole. The second may neither buy X nor sell
    Y, as either loss would be washed; nothing of it is half done.
    """

    def account(name: str, held: str, target: str) -> Json:
        holding = {"symbol": held, "lots": lots(("100", "120", OLD))}
        return {"id": name, "target": target, "first_rebalanced": OLD, "holdings": [holding]}

    book = small(
        [account("A-1", "X", "ONE"), account("A-2", "Y", "TWO")],
        {"X": "100", "Y": "100"},
        {"ONE": {"X": "0.5", "Y": "0.5"}, "TWO": {"X": "0.5", "Y": "0.5"}},
    )
    plans = planned(book)
    assert [sorted(losses(plan)) for plan in plans] == [["X"], []]
    assert [len(plan["orders"]) for plan in plans] == [2, 0]
    assert washes(plans, {"A-1", "A-2"}) == set()
    skipped = {(each["side"], each["symbol"], each["rule"]) for each in plans[1]["skipped"]}
    assert skipped == {("sell", "Y", "WASH-1"), ("buy", "X", "WASH-1")}


def second_pass() -> Json:
    """Telling each what the others sell goes in circles: what may not be bought makes more be sold to the market."""

    def sleeve(*held: tuple[str, str]) -> list[Json]:
        holdings = [{"symbol": symbol, "lots": lots((shares, "100", OLD))} for symbol, shares in held]
        return [{"model": "M", "holdings": holdings}]

    def account(name: str, cash: str, s0: str, s2: str, sleeves: list[Json]) -> Json:
        held = [{"symbol": symbol, "lots": lots((shares, "120", OLD))} for symbol, shares in (("S0", s0), ("S2", s2))]
        known = {"id": name, "target": "T", "first_rebalanced": "2025-01-02", "cash": cash}
        return known | {"holdings": held, "sleeves": sleeves}

    lines = [{"model": "M", "weight": "0.5"}, {"security": "S0", "weight": "0.2"}, {"security": "S2", "weight": "0.3"}]
    model = {"id": "M", "investment_minimum": "0"}
    model["holdings"] = [{"symbol": symbol, "weight": "0.5"} for symbol in ("S0", "S2")]  # type: ignore[assignment]
    accounts = [
        account("A-1", "0", "30", "45", sleeve(("S0", "25"))),
        account("A-3", "400", "20", "40", sleeve(("S0", "18"), ("S2", "18"))),
    ]
    book = small(accounts, {"S0": "100", "S2": "100"}, {})
    return book | {"models": [model], "targets": [{"id": "T", "components": lines}]}


@pytest.mark.parametrize("mode", ["exact", "best_fit", "min_transaction"])
def test_a_wash_that_the_pass_itself_makes_is_not_missed(mode: Mode) -> None:
    plans = planned(second_pass(), mode)
    assert washes(plans, {"A-1", "A-3"}) == set()
    assert told_of_others(plans, {"A-1", "A-3"}) >= (mode == "exact")


def test_the_order_of_the_accounts_decides_nothing() -> None:
    book = second_pass()
    turned = second_pass() | {"accounts": second_pass()["accounts"][::-1]}
    assert planned(turned) == planned(book)[::-1]


# --- generated groups --------------------------------------------------------------------------------------------

SYMBOLS = ("X", "Y", "Z")
SHARES, COST = st.integers(0, 60), st.sampled_from(["70", "95", "100", "110", "140"])
LOTS = st.lists(st.tuples(SHARES.filter(bool).map(str), COST, st.sampled_from([OLD, "2026-02-02", RECENT])), max_size=2)
WEIGHTS = st.sampled_from(["0", "0.1", "0.25", "0.33"])


@st.composite
def groups(draw: st.DrawFn) -> Json:
    """Two to four accounts over three securities; some exempt, some with a budget, some without a target."""
    accounts, targets = [], {}
    for at in range(draw(st.integers(2, 4))):
        name = f"A-{at + 1}"
        targets[name] = {symbol: draw(WEIGHTS) for symbol in SYMBOLS}
        held = {symbol: draw(LOTS) for symbol in SYMBOLS}
        account = {
            "id": name,
            "tax_status": draw(st.sampled_from(["taxable", "taxable", "taxable", "roth"])),
            "target": draw(st.sampled_from([name, name, name, name, None])),
            "first_rebalanced": OLD,
            "cash": str(draw(st.integers(0, 4000))),
            "gain_budget": draw(st.sampled_from([None, None, "0", "500"])),
            "holdings": [{"symbol": symbol, "lots": lots(*each)} for symbol, each in held.items() if each],
        }
        if account["target"] is None:
            del account["first_rebalanced"]
        accounts.append(account)
    return small(accounts, dict.fromkeys(SYMBOLS, "100"), targets)


def in_turn_always(members: list[tuple[Snapshot, Policy]], mode: Mode) -> list[RebalancePlan]:
    """What is done where telling each what the others sell goes in circles, which few groups do."""
    return in_turn(members, [made_alone(*each, mode) for each in members], mode, FULL)


@pytest.mark.parametrize("way", [plan_household, in_turn_always])
def test_the_plans_of_a_group_hold_jointly(way: Callable[..., list[RebalancePlan]]) -> None:
    """None buys what another sells at a loss; every word about another's trades is true; no share replaces twice."""
    seen: Counter[str] = Counter()

    @given(groups(), st.sampled_from(["exact", "best_fit", "min_transaction"]))
    @settings(max_examples=150, deadline=None)
    def hold(book: Json, mode: Mode) -> None:
        accounts = {each["id"]: each for each in book["accounts"]}
        taxable = {name for name, each in accounts.items() if each["tax_status"] == "taxable"}
        members = household(book)
        seen["washes if made alone"] += len(washes(in_json([made_alone(*each, mode) for each in members]), taxable))
        plans = in_json(way(members, mode))
        assert washes(plans, taxable) == set()
        seen["words"] += told_of_others(plans, taxable)
        for (symbol, account, day), shares in replacing(plans).items():
            [held] = [each["lots"] for each in accounts[account]["holdings"] if each["symbol"] == symbol]
            assert shares <= sum(Decimal(lot["quantity"]) for lot in held if lot["acquired"] == day)
            seen["replaced"] += 1

    hold()
    assert seen["washes if made alone"] > 20
    assert seen["words"] > 20
    assert seen["replaced"] > 20


def in_json(plans: Iterable[RebalancePlan]) -> list[Json]:
    """Those that could be planned, in their public form."""
    return [plan_json.as_json(each) for each in plans if each.can_be_planned]


def replacing(plans: Iterable[Json]) -> dict[tuple[str, str, str], Decimal]:
    """How many shares of each purchase replace what is sold at a loss: symbol, account, day."""
    found: dict[tuple[str, str, str], Decimal] = {}
    for each in (each for plan in plans for each in plan["findings"] if each["rule"] == "WASH-2"):
        for by in each["evidence"]["replaced"]:
            key = each["evidence"]["symbol"], by["account"], by["bought"]
            found[key] = found.get(key, Decimal(0)) + Decimal(by["shares"])
    return found
