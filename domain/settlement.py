"""Settlement: every sleeve's cash and shares after crossings, orders and funding transfers.

Asked while a plan is made, and again with the fills that really came (`execution`), so that both book by one rule:
the market trades first, crossings are paid by the buyer, then sleeves pay or receive the change of their value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.lines import Destination
from domain.money import ZERO, down_to_cent, share_out, to_cent, up_to_cent
from domain.orders import Crossing, MarketOrder
from domain.snapshot import MANAGED, Account, Security


@dataclass(frozen=True, slots=True)
class Funding:
    """Cash moved between the managed sleeve and a model sleeve: towards the sleeve above 0, back below (SLEEVE-1)."""

    sleeve: str
    amount: Decimal


@dataclass(slots=True)
class Settled:
    """Cash and shares by sleeve after a plan, what funded what, and what sleeves could not pay."""

    cash: dict[str, Decimal]
    shares: dict[str, dict[str, Decimal]]
    overdrafts: Mapping[str, Decimal] = field(default_factory=dict)  # cash below zero before anything happened
    fundings: list[Funding] = field(default_factory=list)
    unpaid: Decimal = ZERO

    def move(self, sleeve: str, symbol: str, quantity: Decimal, paid: Decimal) -> None:
        """Adds shares (or takes them, below 0) for cash paid (or received, below 0)."""
        self.cash[sleeve] = self.cash.get(sleeve, ZERO) - paid
        shares = self.shares.setdefault(sleeve, {})
        shares[symbol] = shares.get(symbol, ZERO) + quantity
        if not shares[symbol]:
            del shares[symbol]


def opening_balance(account: Account) -> Settled:
    """The account's cash and shares before anything happens."""
    return Settled(
        {sleeve.key: sleeve.cash for sleeve in account.sleeves},
        {sleeve.key: {each.symbol: each.quantity for each in sleeve.holdings} for sleeve in account.sleeves},
        {sleeve.key: sleeve.cash for sleeve in account.sleeves if sleeve.cash < 0},
    )


def order_amount(quantity: Decimal, security: Security) -> Decimal:
    """What an order of that many shares brings or costs at the snapshot's price, in cents."""
    return to_cent(quantity * (security.price or ZERO))


def settle(
    account: Account,
    orders: Iterable[MarketOrder],
    crossings: Iterable[Crossing],
    destinations: Iterable[Destination],
    market: Mapping[str, Security],
) -> Settled:
    """The account after everything trades at the snapshot's prices."""
    books = opening_balance(account)
    for order in orders:
        amounts = share_out(
            order_amount(order.quantity, market[order.symbol]), [abs(each.quantity) for each in order.allocations]
        )
        for trade, amount in zip(order.allocations, amounts, strict=True):
            books.move(trade.sleeve, trade.symbol, trade.quantity, amount if trade.quantity > 0 else -amount)
    for crossing in crossings:
        books.move(crossing.seller, crossing.symbol, -crossing.quantity, -crossing.amount)
        books.move(crossing.buyer, crossing.symbol, crossing.quantity, crossing.amount)
    fund(books, destinations)
    return books


def fund(books: Settled, destinations: Iterable[Destination]) -> None:
    """Pays every sleeve's change from or to the managed sleeve (SLEEVE-1).

    A sleeve pays only what it has (ORDER-3); one that closes pays all of it.
    """
    for each in destinations:
        key = each.component.key
        if each.component.kind != "model" or (each.change == 0 and each.component.sleeve != "closing"):
            continue
        has = books.cash.get(key, ZERO)
        if each.component.goes_to_zero and each.value == 0:
            amount = -has
        elif each.change < 0:
            amount = max(each.change, -max(ZERO, down_to_cent(has)))
            books.unpaid += amount - each.change
        else:
            # A cent more where rounding a price took it below zero, or below the overdraft that it had.
            amount = max(each.change, up_to_cent(books.overdrafts.get(key, ZERO) - has))
        if amount == 0:
            continue
        books.cash[key] = has + amount
        books.cash[MANAGED] -= amount
        books.fundings.append(Funding(key, amount))
