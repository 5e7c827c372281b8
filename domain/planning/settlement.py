"""Settlement: every sleeve's cash and shares after crossings, orders and funding transfers.

Asked while a plan is made: the market trades first, crossings are paid by the buyer, then sleeves pay or receive the
change of their value. What really fills is booked by `booking`, in the same order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.planning.lines import Destination
from domain.planning.orders import Crossing, MarketOrder
from domain.values.money import ONE, ZERO, down_to_cent, share_out, to_cent, up_to_cent
from domain.values.record import record
from domain.values.snapshot import MANAGED, Account


@record
class Funding:
    """Cash moved between the managed sleeve and a model sleeve: towards the sleeve above 0, back below (SLEEVE-1)."""

    sleeve: str
    amount: Decimal


@dataclass(slots=True)
class Settlement:
    """Cash by sleeve after a plan, the shares that moved, and what funded what, by sleeve."""

    cash: dict[str, Decimal]
    moved: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # by sleeve and symbol; above 0 came in
    funded: dict[str, Decimal] = field(default_factory=dict)
    _worth: dict[str, Decimal] | None = None  # of what moved, worked out already

    def worth(self, prices: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
        """By how much the shares that moved change what is held: of a model sleeve by its key, of the managed one by
        symbol. Asked once everything has moved.
        """
        if self._worth is None:
            self._worth = {}
            for (sleeve, symbol), quantity in self.moved.items():
                key = sleeve if sleeve != MANAGED else symbol
                self._worth[key] = self._worth.get(key, ZERO) + quantity * prices[symbol]
        return self._worth

    @property
    def fundings(self) -> list[Funding]:
        """The cash that moves between sleeves."""
        return [Funding(sleeve, amount) for sleeve, amount in self.funded.items() if amount]

    def move(self, sleeve: str, symbol: str, quantity: Decimal, paid: Decimal) -> None:
        """Adds shares (or takes them, below 0) for cash paid (or received, below 0)."""
        cash, moved, place = self.cash, self.moved, (sleeve, symbol)
        cash[sleeve] = cash[sleeve] - paid if sleeve in cash else -paid
        moved[place] = moved[place] + quantity if place in moved else quantity

    def fund(self, sleeve: str, amount: Decimal) -> None:
        """Moves cash from the managed sleeve to another, below 0 back."""
        if amount:
            self.cash[sleeve] = self.cash.get(sleeve, ZERO) + amount
            self.cash[MANAGED] -= amount
            self.funded[sleeve] = self.funded.get(sleeve, ZERO) + amount


def settle(
    account: Account,
    orders: Iterable[MarketOrder],
    crossings: Iterable[Crossing],
    destinations: Iterable[Destination],
    closes: bool,
) -> Settlement:
    """The account after everything trades at the snapshot's prices. `closes`: closing sleeves pay all they have."""
    books = Settlement({sleeve.key: sleeve.cash for sleeve in account.sleeves})
    cash, moved = books.cash, books.moved
    for order in orders:
        amount = -order.amount if order.is_sell else order.amount
        parts = order.allocations
        if len(parts) == 1:  # the first that moves of its position, as nearly always
            part = parts[0]
            sleeve = part.sleeve
            cash[sleeve] = cash.get(sleeve, ZERO) - amount
            moved[sleeve, part.symbol] = part.quantity
            continue
        shares = share_out(amount, [abs(each.quantity) for each in parts])
        for trade, paid in zip(parts, shares, strict=True):
            books.move(trade.sleeve, order.symbol, trade.quantity, paid)
    for crossing in crossings:
        books.move(crossing.seller, crossing.symbol, -crossing.quantity, -crossing.amount)
        books.move(crossing.buyer, crossing.symbol, crossing.quantity, crossing.amount)
    overdrafts = {sleeve.key: sleeve.cash for sleeve in account.sleeves if sleeve.cash < ZERO}
    _fund(books, destinations, overdrafts, closes)
    return books


def _fund(books: Settlement, destinations: Iterable[Destination], overdrafts: dict[str, Decimal], closes: bool) -> None:
    """Pays every sleeve's change from or to the managed sleeve (SLEEVE-1).

    A sleeve pays only what it has (ORDER-3); one that closes pays all of it.
    """
    for each in destinations:
        component = each.component
        key, asked = component.key, each.funding
        closing = closes and component.goes_to_zero
        if component.kind != "model" or not (asked or closing):
            continue
        has = books.cash.get(key, ZERO)
        if closing and (has > 0 or not each.value):
            amount = -has
        elif asked < 0:
            amount = -min(up_to_cent(-asked), max(ZERO, down_to_cent(has)))
        else:
            amount, lacks = to_cent(asked), overdrafts.get(key, ZERO) - has
            if lacks > amount:  # some cents more: rounding prices took it below zero, or below its overdraft
                amount = min(up_to_cent(lacks), amount + ONE)
        books.fund(key, amount)
