"""LAW-5: within the gain budget, counting what is recognised (LOT-2): a loss that a wash sale disallows makes no room.

The disallowed losses are worked out here once more, by WASH-2. Where more than one reading of who washed what is
possible (other sales of the household on the same day), the one that leaves more room is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from domain.laws.booked_plan import Basis, BookedPlan
from domain.laws.broken import Broken
from domain.laws.said import Said
from domain.rebalance_plan import Order
from domain.values.money import CENT, HALF_A_CENT, ZERO, money
from domain.values.policy import Policy
from domain.values.rules import Rule
from domain.values.snapshot import Lot, RecentSale, Snapshot

LAW_5 = Rule("LAW-5", "The net gain that a plan recognises is at most the budget; a liquidation says that it isn't.")


def check(books: BookedPlan, policy: Policy, said: Said) -> Iterator[Broken]:
    """A recognised net gain beyond the budget, to within the half cents that its parts were rounded by."""
    budget = books.snapshot.account.gain_budget
    if budget is None:
        return
    net, parts = recognised(books, policy)
    if net <= budget + CENT * parts / 2:
        return
    evidence = {"recognised": net, "budget": budget}
    if not books.plan.liquidation:
        yield Broken(LAW_5, f"a net gain of {money(net)} is recognised, and the budget is {money(budget)}", evidence)
    elif "LOT-2" not in said.rules():
        yield Broken(
            LAW_5, f"the liquidation recognises {money(net)} of a budget of {money(budget)} and does not warn", evidence
        )


def recognised(books: BookedPlan, policy: Policy) -> tuple[Decimal, int]:
    """The net gain of all sells, and in how many parts it was rounded. What cost nobody knows is all gain."""
    net, parts = ZERO, 0
    taxed = books.snapshot.account.tax_status == "taxable"
    for order in books.plan.orders:
        loses = False
        for each in order.lots:
            gain = (order.price - _cost(each.lot)) * each.lot.quantity
            net += gain
            parts += 1
            loses = loses or gain < ZERO
        if loses and taxed:
            net += disallowed(books.snapshot, order, policy.wash_sale_days)
            parts += len(order.lots)
    return net, parts


def _cost(lot: Lot) -> Decimal:
    return ZERO if lot.cost_per_share is None or lot.acquired is None else lot.cost_per_share


@dataclass(slots=True)
class _Acquired:
    """Shares that came in, and were still there before the sale: `basis` of a lot that the account holds itself, `gone`
    where the sale is of these.

    Those of one day come in the order of their accounts, and of what they cost; first what goes.
    """

    day: date
    shares: Decimal
    order: tuple[str, Decimal]
    basis: Basis | None = None
    gone: bool = False

    def was_sold_by(self, sale: RecentSale) -> bool:
        """True where the sale was of the same purchase: shares of one replace no others of it."""
        account, cost = self.order
        if (account, self.day) != (sale.account_id, sale.acquired):
            return False
        return not cost or sale.cost_per_share is None or cost == sale.cost_per_share

    def replace(self, shares: Decimal) -> Decimal:
        """Replaces so many shares as far as it goes, once; returns how many it can't."""
        taken = min(shares, self.shares)
        self.shares -= taken
        return shares - taken


def disallowed(snapshot: Snapshot, sale: Order, days: int) -> Decimal:
    """Of what a sale loses, what shares bought within the window replace, each of them once (WASH-2).

    Earlier sales of the household had the first pick, of what is sold now too. What is left of a lot replaces others,
    never the lot itself.
    """
    window = timedelta(days=days)
    acquired = _acquired(snapshot, sale, window)
    replacing = [each for each in acquired if each.day >= snapshot.trade_date - window and not each.gone]
    if not replacing:
        return ZERO
    earlier = [*snapshot.account.recent_sales, *snapshot.household_sales]
    for other in sorted(earlier, key=lambda each: each.date):
        left = other.quantity
        if other.symbol == sale.symbol and other.gain < ZERO and other.date <= snapshot.trade_date:
            still_there = acquired if other.date < snapshot.trade_date else [each for each in acquired if not each.gone]
            for each in still_there:
                if abs(each.day - other.date) <= window and not each.was_sold_by(other):
                    left = each.replace(left)
    total = ZERO
    # The books keep cents: a loss of less than half of one is none.
    lossy = [each.lot for each in sale.lots if (_cost(each.lot) - sale.price) * each.lot.quantity > HALF_A_CENT]
    for lot in sorted(lossy, key=lambda lot: (lot.acquired or date.min, lot.cost_per_share or ZERO)):
        left = lot.quantity
        for each in replacing:
            if each.basis != (lot.acquired, lot.cost_per_share):
                left = each.replace(left)
        total += (lot.quantity - left) * (_cost(lot) - sale.price)
    return total


def _acquired(snapshot: Snapshot, sale: Order, window: timedelta) -> list[_Acquired]:
    """What the household bought lately and held before the sale, in the order of acquisition: twice the window back, as
    sales at its edge look back from there.
    """
    account, first = snapshot.account, snapshot.trade_date - 2 * window
    found = [
        _Acquired(buy.date, buy.quantity, (buy.account_id, buy.cost_per_share or ZERO))
        for buy in snapshot.household_buys
        if buy.symbol == sale.symbol and buy.date >= first
    ]
    sold: dict[Basis, Decimal] = {}
    for each in sale.lots:
        basis = each.lot.acquired, each.lot.cost_per_share
        sold[basis] = sold.get(basis, ZERO) + each.lot.quantity
    for holdings in (*(sleeve.holdings for sleeve in account.sleeves), account.protected):
        for lot in (lot for holding in holdings if holding.symbol == sale.symbol for lot in holding.lots):
            if lot.acquired is None or lot.acquired < first:
                continue
            basis = lot.acquired, lot.cost_per_share
            gone = min(lot.quantity, sold.get(basis, ZERO))
            sold[basis] = sold.get(basis, ZERO) - gone
            order = account.id, lot.cost_per_share or ZERO
            if gone:
                found.append(_Acquired(lot.acquired, gone, order, basis, gone=True))
            if lot.quantity > gone:
                found.append(_Acquired(lot.acquired, lot.quantity - gone, order, basis))
    return sorted(found, key=lambda each: (each.day, each.order, not each.gone))
