"""LAW-3: orders that a venue takes and that are worth making."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from domain.laws.booked_plan import BookedPlan
from domain.laws.broken import Broken
from domain.rebalance_plan import Order
from domain.values.money import CENT, ZERO, money, plain, to_cent
from domain.values.policy import Policy
from domain.values.rules import Rule

LAW_3 = Rule("LAW-3", "One order a security, in whole increments, and none too small that is not exempt.")


def check(books: BookedPlan, policy: Policy) -> Iterator[Broken]:
    """Orders in parts of an increment, twice for a security, below a cent, or below the minimum trade.

    Of a sale, only what takes all that a sleeve holds may have an odd fraction. Exempt from the minimum is what
    completes the sale of a sleeve's whole holding, and what a sleeve that opens buys (ORDER-3).
    """
    orders, securities = books.plan.orders, books.snapshot.securities
    smallest = max(policy.minimum_trade_amount, policy.minimum_trade_weight * (books.plan.managed_value or ZERO))
    too_small, least = max(smallest, CENT), to_cent(smallest)  # amounts are told, and compared, in cents
    if len({order.symbol for order in orders}) < len(orders):
        twice = sorted(symbol for symbol, times in Counter(each.symbol for each in orders).items() if times > 1)
        yield Broken(LAW_3, f"{', '.join(twice)} has more than one order", {"symbols": twice})
    for order in orders:
        quantity, amount = order.quantity, order.amount
        increment = securities[order.symbol].quantity_increment
        if quantity % increment and not _takes_odd_fractions(order, increment, books):
            yield _broken(order, f"is not in increments of {plain(increment)}", increment)
        if amount < too_small:
            if amount < CENT:
                yield _broken(order, "comes to less than a cent", CENT)
            elif amount < least and not _exempt(order, books):
                yield _broken(order, f"for {money(amount)} is below the minimum trade of {money(smallest)}", smallest)


def _broken(order: Order, how: str, limit: Decimal) -> Broken:
    evidence = {"symbol": order.symbol, "quantity": order.quantity, "amount": order.amount, "limit": limit}
    return Broken(LAW_3, f"the {order.side} of {plain(order.quantity)} {order.symbol} {how}", evidence)


def _takes_odd_fractions(order: Order, increment: Decimal, books: BookedPlan) -> bool:
    """True for a sale where a sleeve gives up all that it holds, odd fraction included; what crosses may hand it on."""
    held = ((sleeve, here[order.symbol].quantity) for sleeve, here in books.held.items() if order.symbol in here)
    return order.side == "sell" and any(
        quantity % increment and not books.after(sleeve, order.symbol) for sleeve, quantity in held
    )


def _completes(order: Order, books: BookedPlan) -> bool:
    return order.side == "sell" and any(not books.after(part.sleeve, order.symbol) for part in order.allocations)


def _exempt(order: Order, books: BookedPlan) -> bool:
    if order.side == "sell":
        return _completes(order, books)
    return any(part.sleeve not in books.before for part in order.allocations)
