"""Settlement: every sleeve's cash and shares after crossings, orders and funding transfers.

Asked while a plan is made, and again with the fills that really came (`execution`), so that both book by one rule:
the market trades first, crossings are paid by the buyer, then sleeves pay or receive the change of their value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from planners.rules_1.lines import Destination
from planners.rules_1.money import ONE, ZERO, down_to_cent, share_out, up_to_cent
from planners.rules_1.orders import Crossing, MarketOrder
from planners.rules_1.record import record
from planners.rules_1.snapshot import MANAGED, Account


@record
class Funding:
    """Cash moved between the managed sleeve and a model sleeve: towards the sleeve above 0, back below (SLEEVE-1)."""

    sleeve: str
    amount: Decimal


@dataclass(slots=True)
class Settled:
    """Cash by sleeve after a plan, the shares that moved, what funded what, and what sleeves could not pay."""

    cash: dict[str, Decimal]
    moved: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # by sleeve and symbol; above 0 came in
    fundings: list[Funding] = field(default_factory=list)
    unpaid: Decimal = ZERO

    def move(self, sleeve: str, symbol: str, quantity: Decimal, paid: Decimal) -> None:
        """Adds shares (or takes them, below 0) for cash paid (or received, below 0)."""
        cash, moved, place = self.cash, self.moved, (sleeve, symbol)
        cash[sleeve] = cash[sleeve] - paid if sleeve in cash else -paid
        moved[place] = moved[place] + quantity if place in moved else quantity


def settle(
    account: Account,
    orders: Iterable[MarketOrder],
    crossings: Iterable[Crossing],
    destinations: Iterable[Destination],
) -> Settled:
    """The account after everything trades at the snapshot's prices."""
    books = Settled({sleeve.key: sleeve.cash for sleeve in account.sleeves})
    for order in orders:
        amount = -order.amount if order.is_sell else order.amount
        parts = order.allocations
        if len(parts) == 1:
            books.move(parts[0].sleeve, order.symbol, parts[0].quantity, amount)
            continue
        shares = share_out(amount, [abs(each.quantity) for each in parts])
        for trade, paid in zip(parts, shares, strict=True):
            books.move(trade.sleeve, order.symbol, trade.quantity, paid)
    for crossing in crossings:
        books.move(crossing.seller, crossing.symbol, -crossing.quantity, -crossing.amount)
        books.move(crossing.buyer, crossing.symbol, crossing.quantity, crossing.amount)
    fund(books, destinations, {sleeve.key: sleeve.cash for sleeve in account.sleeves if sleeve.cash < 0})
    return books


def fund(books: Settled, destinations: Iterable[Destination], overdrafts: Mapping[str, Decimal]) -> None:
    """Pays every sleeve's change from or to the managed sleeve (SLEEVE-1).

    A sleeve pays only what it has (ORDER-3); one that closes pays all of it. `overdrafts` is cash that was below zero
    before anything happened.
    """
    for each in destinations:
        key = each.component.key
        if each.component.kind != "model" or (each.change == 0 and each.component.sleeve != "closing"):
            continue
        has = books.cash.get(key, ZERO)
        if each.component.goes_to_zero and each.value == 0:
            amount = -has
        elif each.change < 0:
            amount = -min(up_to_cent(-each.change), max(ZERO, down_to_cent(has)))
            books.unpaid += max(ZERO, amount - each.change)
        else:
            # Some cents more where rounding prices took it below zero, or below the overdraft that it had.
            lacks = up_to_cent(overdrafts.get(key, ZERO) - has)
            amount = max(each.change, min(lacks, each.change + ONE))
        if amount == 0:
            continue
        books.cash[key] = has + amount
        books.cash[MANAGED] -= amount
        books.fundings.append(Funding(key, amount))
