"""What holds of the lots when every order of a plan fills as planned: none appears, none is lost (LOT-1, ORDER-2)."""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from domain.executing import booking, execution
from domain.executing.booking import Fill, Relief
from domain.tax import lots
from domain.values.money import to_cent
from domain.values.snapshot import Account
from tests.domain.ledger import Lots, World
from tests.domain.ledger import lots as listed
from tests.domain.planning import snapshot_of

Json = dict[str, Any]


def booked(world: World) -> Account:
    """The book's account after its plan, all orders filled whole at their prices, as the software books them."""
    snapshot, numbers = snapshot_of(world.book)
    executable = execution.read(world.plan)
    fills = {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price)) for leg in executable.legs}
    relief = Relief(snapshot.as_of, lots.method_of(snapshot.account), snapshot.numbers(numbers))
    return booking.book(snapshot.account, executable, fills, relief).account


def lots_of(account: Account) -> dict[tuple[str, str], Lots]:
    """Quantities by date acquired and cost, of each sleeve and security."""
    found: dict[tuple[str, str], Lots] = {}
    for sleeve in account.sleeves:
        for holding in sleeve.holdings:
            assert holding.quantity == sum(lot.quantity for lot in holding.lots)
            found[sleeve.key, holding.symbol] = listed(
                [
                    {
                        "acquired": lot.acquired and str(lot.acquired),
                        "cost_per_share": None if lot.cost_per_share is None else str(lot.cost_per_share),
                        "quantity": lot.quantity,
                    }
                    for lot in holding.lots
                ]
            )
    return found


def by_security(held: dict[tuple[str, str], Lots]) -> dict[str, Lots]:
    """The lots of all sleeves together; a lot that was split is one again."""
    found: dict[str, Lots] = defaultdict(Counter)
    for (_, symbol), here in held.items():
        found[symbol] += here
    return {symbol: +here for symbol, here in found.items() if +here}


def lots_after_are_lots_before_less_sold_plus_bought(world: World) -> None:
    """Of every security, to the share, whatever crossed between sleeves."""
    expected = defaultdict(Counter, by_security(dict(world.lots)))
    for order in world.plan["orders"]:
        if order["side"] == "sell":
            expected[order["symbol"]] -= listed(order["lots"])
        else:
            paid = (
                to_cent(Decimal(order["quantity"]) * Decimal(order["price"])) / Decimal(order["quantity"])
            ).quantize(Decimal("1e-8"))
            bought = {"acquired": world.book["as_of"], "cost_per_share": str(paid), "quantity": order["quantity"]}
            expected[order["symbol"]] += listed([bought])
    assert by_security(lots_of(booked(world))) == {symbol: +here for symbol, here in expected.items() if +here}


def sleeves_hold_what_the_plan_showed(world: World) -> None:
    """Each sleeve's shares, and among its lots those that crossed into it."""
    after = lots_of(booked(world))
    shares = {place: sum(here.values()) for place, here in after.items()}
    assert shares == {place: quantity for place, quantity in world.after.shares.items() if quantity}
    for each in world.plan["transfers"]:
        if each["symbol"]:
            assert listed(each["lots"]) <= after[each["to"], each["symbol"]], each


LOT_LAWS = (lots_after_are_lots_before_less_sold_plus_bought, sleeves_hold_what_the_plan_showed)
