"""What holds of every plan, whatever the book: one function a law, each of a world before and after its plan.

Asserted by `test_laws` over generated books. Everything is worked out again from the plan's JSON.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tests.domain.ledger import CENT, World, lots

Json = dict[str, Any]
ZERO = Decimal(0)
TINY = Decimal("0.000001")
LEAVES = ("exclude", "substitute")  # restrictions by which a sleeve sells whatever else it does


def nothing_is_short(world: World) -> None:
    for (sleeve, symbol), quantity in world.after.shares.items():
        assert quantity >= 0, f"{sleeve} ends with {quantity} {symbol}"


def cash_is_never_taken_below_zero(world: World) -> None:
    """An overdraft may stay where nothing could be sold for it, and never grows."""
    for sleeve, cash in world.after.cash.items():
        floor = min(ZERO, world.before.cash[sleeve])
        assert cash >= floor - world.after.tolerance(sleeve), (
            f"{sleeve} has {world.before.cash[sleeve]} and ends with {cash}"
        )
    total = sum(world.after.cash.values(), ZERO)
    assert total >= min(ZERO, sum(world.before.cash.values(), ZERO)), f"the account ends with {total}"


def there_is_one_order_a_security_sells_first(world: World) -> None:
    orders = world.plan["orders"]
    places = [(order["side"] == "buy", order["symbol"]) for order in orders]
    assert places == sorted(places)
    assert len({order["symbol"] for order in orders}) == len(orders)


def allocations_sum_to_their_order(world: World) -> None:
    for order in world.plan["orders"]:
        parts = [Decimal(each["quantity"]) for each in order["allocations"]]
        assert sum(parts) == Decimal(order["quantity"])
        assert all(each > 0 for each in parts)
        assert len({each["sleeve"] for each in order["allocations"]}) == len(parts)
        exact = Decimal(order["quantity"]) * world.prices[order["symbol"]]
        assert Decimal(order["amount"]) == exact.quantize(CENT, ROUND_HALF_EVEN)


def orders_are_in_whole_increments(world: World) -> None:
    """A sale may have an odd fraction, where all of a sleeve's holding of that fraction is sold."""
    for order in world.plan["orders"]:
        symbol, quantity = order["symbol"], Decimal(order["quantity"])
        step = world.increments[symbol]
        odd = [
            before % step
            for (sleeve, held), before in world.before.shares.items()
            if held == symbol and before % step and world.after.shares[sleeve, symbol] == 0
        ]
        assert quantity % step == 0 or (order["side"] == "sell" and odd), (
            f"{order['side']} {quantity} {symbol} by {step}"
        )


def worth(world: World, trade: Json) -> Decimal:
    """What a trade comes to, to the cent: the minimum trade is compared with what is told."""
    return (Decimal(trade["quantity"]) * world.prices[trade["symbol"]]).quantize(CENT, ROUND_HALF_EVEN)


def orders_reach_the_minimum(world: World) -> None:
    """Unless they complete the sale of a whole holding, or open a sleeve (ORDER-3)."""
    opening = {each["component"] for each in world.plan["components"] if each["sleeve"] == "opening"}
    smallest = minimum(world)
    for order in world.plan["orders"]:
        if worth(world, order) >= smallest:
            continue
        sleeves = {part["sleeve"] for part in order["allocations"]}
        completed = any(world.after.shares[sleeve, order["symbol"]] == 0 for sleeve in sleeves)
        assert completed or sleeves & opening, f"{order['side']} {order['symbol']} for {order['amount']} of {smallest}"


def what_is_skipped_is_below_the_minimum(world: World) -> None:
    """An order of the same security may be made all the same: for another sleeve, once this one was held back."""
    for trade in world.plan["skipped"]:
        if trade.get("rule", "ORDER-3") != "ORDER-3":
            continue
        assert worth(world, trade) < max(minimum(world), CENT), trade


def planned_values_are_what_the_books_show(world: World) -> None:
    planned_cash = world.after.cash["managed"]
    tolerance = world.after.tolerance("managed")
    assert abs(Decimal(world.plan["cash"]["after"]) - planned_cash) <= tolerance
    assert Decimal(world.plan["managed_value"]) == world.managed_value.quantize(CENT)
    for each in world.plan["components"]:
        kind, _, ref = each["component"].partition(":")
        if kind == "cash":
            value = planned_cash - world.reserved
        elif kind == "model":
            value, tolerance = (
                world.after.value(each["component"], world.prices),
                world.after.tolerance(each["component"]),
            )
        else:
            value = world.after.shares["managed", ref] * world.prices[ref]
        assert abs(Decimal(each["planned_value"]) - value) <= tolerance + CENT, each
        weight = Decimal(each["planned_value"]) / world.managed_value if world.managed_value > 0 else ZERO
        assert abs(Decimal(each["planned_weight"]) - weight) <= TINY + CENT / abs(world.managed_value), each


def nothing_gets_lost(world: World) -> None:
    """Cash is what was there, and what sells brought, less what buys cost; shares likewise."""
    brought = sum(
        ((1 if order["side"] == "sell" else -1) * Decimal(order["amount"]) for order in world.plan["orders"]), ZERO
    )
    total = {when: sum(books.cash.values(), ZERO) for when, books in (("before", world.before), ("after", world.after))}
    assert abs(total["before"] + brought - total["after"]) < TINY
    components = world.plan["components"]
    planned = sum((Decimal(each["planned_value"]) for each in components), ZERO)
    assert abs(planned - world.managed_value) <= CENT * (len(components) + len(world.plan["orders"]) + 1)


def lots_stay_whole(world: World) -> None:
    """What is sold or crosses takes along lots that were there, as many shares as are traded (LOT-1, ORDER-2)."""
    taken: dict[str, Any] = {}
    for order in world.plan["orders"]:
        given = lots(order["lots"])
        assert sum(given.values()) == (Decimal(order["quantity"]) if order["side"] == "sell" else 0)
        for term in ("short", "long"):
            gains = [Decimal(each["gain"]) for each in order["lots"] if each["term"] == term]
            assert Decimal(order["gain"][f"{term}_term"]) == sum(gains, ZERO)
        taken[order["symbol"]] = given
    for transfer in world.plan["transfers"]:
        given = lots(transfer["lots"])
        assert sum(given.values()) == Decimal(transfer["quantity"] or 0)
        if transfer["symbol"]:
            assert given <= world.lots[transfer["from"], transfer["symbol"]], transfer
            taken[transfer["symbol"]] = taken.get(transfer["symbol"], lots([])) + given
    for symbol, given in taken.items():
        there = sum((each for (_, held), each in world.lots.items() if held == symbol), lots([]))
        assert given <= there, f"{symbol}: {given} of {there}"


def sleeves_trade_one_way(world: World) -> None:
    """A sleeve that grows only buys and one that shrinks only sells, but for what its model no longer names."""
    named = {
        f"model:{each['id']}": {line.get("symbol") for line in each["holdings"] if Decimal(line["weight"])}
        for each in world.book["models"]
    }
    leaving = {each["symbol"] for each in world.account.get("restrictions", []) if each["type"] in LEAVES}
    for each in world.plan["components"]:
        key = each["component"]
        if key not in named:
            continue
        change = {
            symbol: world.after.shares[key, symbol] - world.before.shares[key, symbol]
            for symbol in named[key] - leaving
            if symbol is not None
        }
        assert not (min(change.values(), default=ZERO) < 0 < max(change.values(), default=ZERO)), (key, change)
        paid = sum(
            (
                (1 if t["to"] == key else -1) * Decimal(t["amount"])
                for t in world.plan["transfers"]
                if t["symbol"] is None and key in (t["to"], t["from"])
            ),
            ZERO,
        )
        moved = Decimal(each["planned_value"]) - Decimal(each["current_value"])
        assert abs(moved - paid) <= world.after.tolerance(key) + CENT, (
            f"{key} changes by {moved}, and {paid} was paid (SLEEVE-1)"
        )
        idle = world.before.cash[key] > 0  # invested where it is beyond its threshold (SLEEVE-3)
        if paid == 0 and each["sleeve"] == "open" and not idle and not unmet(world):
            assert all(
                abs(world.after.shares[key, s] - q) < TINY
                for (where, s), q in world.before.shares.items()
                if where == key
            )


def minimum(world: World) -> Decimal:
    policy = world.plan["policy"]
    return max(Decimal(policy["minimum_trade_amount"]), Decimal(policy["minimum_trade_weight"]) * world.managed_value)


def unmet(world: World) -> bool:
    """True where the plan itself says that trades were skipped, buys cut for want of cash, or what restricts it."""
    return bool(world.plan["skipped"]) or any(
        "cut" in each["evidence"] or each["rule"].startswith(("RESTRICT", "WASH", "LOT-2"))
        for each in world.plan["findings"]
    )


LAWS: tuple[Callable[[World], None], ...] = (
    nothing_is_short,
    cash_is_never_taken_below_zero,
    there_is_one_order_a_security_sells_first,
    allocations_sum_to_their_order,
    orders_are_in_whole_increments,
    orders_reach_the_minimum,
    what_is_skipped_is_below_the_minimum,
    planned_values_are_what_the_books_show,
    nothing_gets_lost,
    lots_stay_whole,
    sleeves_trade_one_way,
)
