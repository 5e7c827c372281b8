"""Orders: what crosses inside the account, what goes to the market, and what is too small to.

Asked once the sleeves' trades are known. At most one order a security leaves the account, with its allocation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from decimal import Decimal

from domain.planning.filling import Cause
from domain.values.money import CENT, HALF_A_CENT, ZERO, to_cent
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import Security

ORDER_2 = Rule(
    "ORDER-2", "What one sleeve sells and another buys of a security moves between them; only the net is ordered."
)
ORDER_3 = Rule(
    "ORDER-3", "An order below the minimum trade is skipped and reported; what it would have raised is not spent."
)
ORDER_5 = Rule("ORDER-5", "Every order says why it exists: the component, the rule, the weight before and after.")


@record
class Trade:
    """What one sleeve buys (quantity above 0) or sells of one security, and for which component.

    `opens`: it buys into a sleeve that opens. `completes`: it sells all that the sleeve holds of the security.
    `causes`: what makes it trade, each with a number in proportion to its part (ORDER-5).
    """

    sleeve: str
    symbol: str
    quantity: Decimal
    component: str
    opens: bool = False
    completes: bool = False
    causes: Mapping[Cause, Decimal] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """The sleeve and the symbol: what one trade is of."""
        return self.sleeve, self.symbol

    def part(self, quantity: Decimal) -> "Trade":
        """The same trade of so many shares."""
        return Trade(self.sleeve, self.symbol, quantity, self.component, self.opens, self.completes, self.causes)


@record
class Crossing:
    """Shares moved from one sleeve to another, for which the buyer pays the seller the amount."""

    seller: str
    buyer: str
    symbol: str
    quantity: Decimal
    amount: Decimal


@record
class MarketOrder:
    """The net of one security: shares and cents, always above 0, and the trades that it is for, all on one side."""

    symbol: str
    is_sell: bool
    quantity: Decimal
    amount: Decimal
    allocations: tuple[Trade, ...]


def market_order(security: Security, allocations: Sequence[Trade]) -> MarketOrder:
    """The order for trades on one side, of which there is one at least, at the snapshot's price."""
    total = allocations[0].quantity
    if len(allocations) > 1:
        total = sum([trade.quantity for trade in allocations], ZERO)
    sells = total < ZERO
    quantity = -total if sells else total
    return MarketOrder(security.symbol, sells, quantity, to_cent(quantity * security.priced), tuple(allocations))


@record
class Netted:
    """All trades of an account after crossing."""

    orders: tuple[MarketOrder, ...]
    crossings: tuple[Crossing, ...]
    skipped: tuple[MarketOrder, ...]
    cut: tuple[MarketOrder, ...] = ()  # sells that a gain budget does not let happen (LOT-2)


def minimum_trade(managed_value: Decimal, policy: Policy) -> Decimal:
    """The smallest amount that an order may have (ORDER-3)."""
    return max(policy.minimum_trade_amount, policy.minimum_trade_weight * managed_value)


def net(trades: Iterable[Trade], market: Mapping[str, Security], smallest: Decimal) -> Netted:
    """Crosses the trades of each security and orders the rest; sells first, then by symbol (ORDER-2, ORDER-3).

    What is worth less than a cent, or less than the smallest order and not exempt, is skipped.
    """
    by_symbol: dict[str, list[Trade]] = {}
    for trade in trades:
        if trade.symbol in by_symbol:
            by_symbol[trade.symbol].append(trade)
        else:
            by_symbol[trade.symbol] = [trade]
    sells, buys, skipped = list[MarketOrder](), list[MarketOrder](), list[MarketOrder]()
    crossings, small = list[Crossing](), max(smallest, CENT)
    for symbol in sorted(by_symbol):
        here, security = by_symbol[symbol], market[symbol]
        if len(here) > 1:
            crossed, here = _cross(sorted(here, key=_sleeve), security)
            crossings += crossed
            if here and crossed and not any(trade.completes for trade in here):
                here = _whole(here, security)  # what did not cross was rounded already
            if not here:
                continue
            if len(here) > 1:
                here, worthless = _without_dust(here, security)
                skipped += worthless
        order = market_order(security, here)
        if order.amount < small and (order.amount < CENT or not any(each.completes or each.opens for each in here)):
            skipped.append(order)
        else:
            (sells if order.is_sell else buys).append(order)
    return Netted((*sells, *buys), tuple(crossings), tuple(skipped))


def _without_dust(trades: list[Trade], security: Security) -> tuple[list[Trade], list[MarketOrder]]:
    """The trades without those for which not a cent is paid, unless they complete a sale; and those (ORDER-3)."""
    dust = [each for each in trades if not each.completes and abs(each.quantity) * security.priced < HALF_A_CENT]
    if not dust or len(dust) == len(trades):
        return trades, []
    return [each for each in trades if each not in dust], [market_order(security, dust)]


def _sleeve(trade: Trade) -> str:
    return trade.sleeve


def _cross(trades: list[Trade], security: Security) -> tuple[list[Crossing], list[Trade]]:
    """Moves between sellers and buyers, in the order of their sleeves, and what is left of each trade."""
    sells = [trade for trade in trades if trade.quantity < ZERO]
    buys = [trade for trade in trades if trade.quantity > ZERO]
    crossings: list[Crossing] = []
    while sells and buys:
        sell, buy = sells[0], buys[0]
        quantity = min(-sell.quantity, buy.quantity)
        amount = to_cent(quantity * security.priced)
        crossings.append(Crossing(sell.sleeve, buy.sleeve, security.symbol, quantity, amount))
        for side, trade, left in ((sells, sell, sell.quantity + quantity), (buys, buy, buy.quantity - quantity)):
            if left:
                side[0] = trade.part(left)
            else:
                del side[0]
    return crossings, sells or buys


def _whole(trades: list[Trade], security: Security) -> list[Trade]:
    """What is left after a crossing of odd fractions, rounded down to the increment at the last sleeves' expense."""
    total = trades[0].quantity if len(trades) == 1 else sum((trade.quantity for trade in trades), ZERO)
    excess = abs(total) % security.quantity_increment
    if not excess:
        return trades
    kept = list(trades)
    while excess > 0:
        last = kept.pop()
        size = abs(last.quantity)
        if size > excess:
            left = size - excess
            kept.append(last.part(left if last.quantity > ZERO else -left))
        excess = max(ZERO, excess - size)
    return kept
