"""What holds of every plan of an account that is restricted: by its client, its tax household, its gain budget.

Laws as in `laws`, worked out from the book and the plan's JSON alone.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.domain.ledger import CENT, World

Json = dict[str, Any]
ZERO = Decimal(0)


def in_force(world: World, *kinds: str) -> Iterator[Json]:
    """The account's restrictions of these kinds that bind on the book's day, both ends included."""
    day = world.book["as_of"]
    for each in world.account.get("restrictions", []):
        if each["type"] in kinds and (each.get("from") or day) <= day <= (each.get("until") or day):
            yield each


def moved(world: World, symbol: str) -> dict[str, Decimal]:
    """Shares that each sleeve gains (above 0) or gives up of a security."""
    changes = {
        sleeve: world.after.shares[sleeve, held] - world.before.shares[sleeve, held]
        for sleeve, held in {*world.before.shares, *world.after.shares}
        if held == symbol
    }
    return {sleeve: change for sleeve, change in changes.items() if change}


def ordered(world: World, side: str) -> set[str]:
    """The symbols that the plan buys, or sells, on the market."""
    return {order["symbol"] for order in world.plan["orders"] if order["side"] == side}


def cut(world: World) -> set[str]:
    """The symbols of which the plan says that it does not trade all that it wanted."""
    return {trade["symbol"] for trade in world.plan["skipped"]}


def nothing_is_bought_that_may_not_be(world: World) -> None:
    """By no sleeve, from the market or from another (RESTRICT-1 to 3)."""
    for each in in_force(world, "exclude", "substitute", "no_buy", "no_trade"):
        gained = [sleeve for sleeve, change in moved(world, each["symbol"]).items() if change > 0]
        assert each["symbol"] not in ordered(world, "buy") and not gained, f"{each} is bought by {gained}"


def nothing_is_sold_that_may_not_be(world: World) -> None:
    """Nor does what is excluded and kept leave its sleeve while that stays (RESTRICT-1, RESTRICT-3)."""
    staying = {each["component"] for each in world.plan["components"] if each["sleeve"] == "open"} | {"managed"}
    for each in in_force(world, "exclude", "no_sell", "no_trade"):
        if each["type"] == "exclude" and not each.get("hold"):
            continue
        assert each["symbol"] not in ordered(world, "sell"), f"{each} is sold"
        left = [sleeve for sleeve, change in moved(world, each["symbol"]).items() if change < 0 and sleeve in staying]
        assert each["type"] != "exclude" or not left, f"{each} leaves {left}"


def what_is_excluded_or_replaced_is_sold(world: World) -> None:
    """All of it, in every sleeve, unless the plan says what keeps it (RESTRICT-1, RESTRICT-2)."""
    for each in in_force(world, "exclude", "substitute"):
        if each.get("hold") or each["symbol"] in cut(world):
            continue
        left = {sleeve: q for (sleeve, held), q in world.after.shares.items() if held == each["symbol"] and q}
        assert not left, f"{each} is still held: {left}"


def the_gain_budget_is_kept(world: World) -> None:
    """What is sold realises no more than the budget, losses counted against gains (LOT-2)."""
    budget = world.account.get("gain_budget")
    if budget is None or world.plan["liquidation"]:
        return
    gains = [Decimal(each["gain"]) for o in world.plan["orders"] for each in o["lots"] if each["gain"] is not None]
    assert sum(gains, ZERO) <= max(ZERO, Decimal(budget)), f"{sum(gains, ZERO)} of {budget} is realised"


def no_loss_of_the_household_is_washed(world: World) -> None:
    """What a taxable account of the household sold at a loss within 30 days is not bought (WASH-1)."""
    day = date.fromisoformat(world.book["as_of"])
    homes = [group["accounts"] for group in world.book.get("account_groups", []) if "A-1" in group["accounts"]]
    for account in world.book["accounts"]:
        if account["id"] != "A-1" and not any(account["id"] in home for home in homes):
            continue
        if account.get("tax_status", "taxable") != "taxable":
            continue
        for sale in account.get("recent_sales", []):
            near = abs(day - date.fromisoformat(sale["date"])) <= timedelta(days=30)
            if near and Decimal(sale["gain"]) < 0:
                assert sale["symbol"] not in ordered(world, "buy"), f"{account['id']} sold {sale}, and it is bought"


def withdrawals_are_raised(world: World) -> None:
    """The managed sleeve ends with what they reserve, unless the plan says what is missing (CASH-1, CASH-3)."""
    if any(each["rule"] == "CASH-3" and each["severity"] == "error" for each in world.plan["findings"]):
        return
    if not world.reserved or cut(world) or any("cut" in each["evidence"] for each in world.plan["findings"]):
        return
    blocked = list(in_force(world, "exclude", "no_sell", "no_trade"))
    ends = world.after.cash["managed"]
    assert blocked or world.plan["liquidation"] or ends >= world.reserved - world.after.tolerance("managed") - CENT, (
        f"{ends} of the {world.reserved} that withdrawals reserve"
    )


def cash_is_raised_by_sells_alone(world: World) -> None:
    """Nothing is bought, by no sleeve (CASH-2)."""
    gained = {place for place, now in world.after.shares.items() if now > world.before.shares[place]}
    assert not ordered(world, "buy") and not gained, f"{ordered(world, 'buy')} bought, {gained} gained"


def cash_is_invested_by_buys_alone(world: World) -> None:
    """Nothing is sold, by no sleeve (CASH-2)."""
    lost = {place for place, was in world.before.shares.items() if was > world.after.shares[place]}
    assert not ordered(world, "sell") and not lost, f"{ordered(world, 'sell')} sold, {lost} lost"


LIMITS: tuple[Callable[[World], None], ...] = (
    nothing_is_bought_that_may_not_be,
    nothing_is_sold_that_may_not_be,
    what_is_excluded_or_replaced_is_sold,
    the_gain_budget_is_kept,
    no_loss_of_the_household_is_washed,
    withdrawals_are_raised,
)
