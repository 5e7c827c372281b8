"""Wash sales, share for share: which losses are disallowed, by which shares, and what becomes of them (WASH-2).

Asked over all sales of a tax household, those made and those of plans, with all that it acquired around them. Pure
arithmetic over sales and acquisitions; `wash_sales` knows where they come from.
(26 U.S.C. 1091, 1223(3); Reg. 1.1091-1; Rev. Rul. 2008-5, 56-602)
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from domain.values.money import ZERO, to_cent
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import TaxStatus

WASH_2 = Rule(
    "WASH-2", "A loss is disallowed share for share as far as the household replaced what it sold within the window."
)


@record
class LotSale:
    """Shares of one lot that a taxable account sold on a day, or would. `gain` is None where the basis is unknown.

    Cost a share and day of purchase are None where the books don't know them. `planned` sales come after those made.
    """

    account_id: str
    symbol: str
    day: date
    quantity: Decimal
    gain: Decimal | None
    cost_per_share: Decimal | None = None
    acquired: date | None = None
    planned: bool = False


@record
class Acquisition:
    """Shares of one purchase: bought, reinvested, or come in by transfer with that day of purchase.

    `until` is the day on which they were sold again, None while they are held: shares that are gone when others are
    sold replace nothing. `day` is the day of purchase.
    """

    account_id: str
    tax_status: TaxStatus
    symbol: str
    day: date
    quantity: Decimal
    cost_per_share: Decimal | None = None
    until: date | None = None


@record
class Replacement:
    """Shares sold at a loss that an acquisition replaces, and the part of the loss, above 0, that this disallows."""

    by: Acquisition
    shares: Decimal
    loss: Decimal
    holding_from: date | None

    @property
    def is_lost(self) -> bool:
        """True where the loss is lost for good: the replacement is in an account whose gains nobody taxes."""
        return self.by.tax_status != "taxable"

    @property
    def cost_per_share(self) -> Decimal | None:
        """What a replacing share costs with the loss deferred to it; None where it is lost, or its cost is unknown."""
        if self.is_lost or self.by.cost_per_share is None:
            return None
        return self.by.cost_per_share + self.loss / self.shares


@record
class MatchedSale:
    """What became of one sale: the replacements of its shares, in order of acquisition. Empty where none is washed."""

    sale: LotSale
    replaced: tuple[Replacement, ...] = ()

    @property
    def disallowed(self) -> Decimal:
        """The part of the loss that does not count, at least 0: deferred and lost."""
        return sum((each.loss for each in self.replaced), ZERO)

    @property
    def deferred(self) -> Decimal:
        """The part of the loss that is added to the cost of other lots, at least 0."""
        return sum((each.loss for each in self.replaced if not each.is_lost), ZERO)

    @property
    def lost(self) -> Decimal:
        """The part of the loss that is lost for good, at least 0."""
        return sum((each.loss for each in self.replaced if each.is_lost), ZERO)

    @property
    def allowed(self) -> Decimal:
        """The part of the loss that counts, at least 0; 0 for a gain."""
        return max(ZERO, -(self.sale.gain or ZERO)) - self.disallowed

    @property
    def recognised(self) -> Decimal | None:
        """The gain that counts, a disallowed loss taken back; None where the basis is unknown."""
        return None if self.sale.gain is None else self.sale.gain + self.disallowed


def matched(sales: Sequence[LotSale], acquisitions: Iterable[Acquisition], days: int) -> tuple[MatchedSale, ...]:
    """What became of each sale, in the order given: losses matched with what was acquired within `days` (WASH-2).

    The window is the day of the sale and `days` before and after. The sales come by one another in order of their day,
    on one day those made before those planned, and in order of purchase (Reg. 1.1091-1(b)); each takes the acquired
    shares in order of acquisition, and each acquired share is taken once. Shares of a purchase never replace others of
    the same.
    """
    left: dict[str, list[tuple[Acquisition, Decimal]]] = {}
    for each in sorted(acquisitions, key=_in_order_of_acquisition):
        left.setdefault(each.symbol, []).append((each, each.quantity))
    found: dict[int, MatchedSale] = {}
    for at in sorted(range(len(sales)), key=lambda at: _in_order_of_sale(sales[at])):
        sale = sales[at]
        if sale.gain is not None and sale.gain < ZERO and sale.symbol in left:
            found[at] = MatchedSale(sale, tuple(_replaced(sale, sale.gain, left[sale.symbol], days)))
    return tuple([found.get(at) or MatchedSale(sale) for at, sale in enumerate(sales)])


def _replaced(
    sale: LotSale, gain: Decimal, left: list[tuple[Acquisition, Decimal]], days: int
) -> Iterable[Replacement]:
    """The sale's replacements; what they use is taken from `left`. Cents are rounded on the running total."""
    open_, run, before = sale.quantity, ZERO, ZERO
    for at, (acquired, shares) in enumerate(left):
        if not shares or not replaces(acquired, sale, days):
            continue
        taken = min(open_, shares)
        left[at] = acquired, shares - taken
        open_ -= taken
        run += taken
        upto = to_cent(-gain * run / sale.quantity)
        yield Replacement(acquired, taken, upto - before, _holding_from(sale, acquired))
        before = upto
        if not open_:
            return


def replaces(acquired: Acquisition, sale: LotSale, days: int) -> bool:
    """True where an acquisition replaces what was sold: within the window, still there, and not the same purchase."""
    if abs((acquired.day - sale.day).days) > days:
        return False
    if acquired.until is not None and acquired.until <= sale.day:
        return False
    return not _same_purchase(acquired, sale)


def _same_purchase(acquired: Acquisition, sale: LotSale) -> bool:
    if acquired.account_id != sale.account_id or acquired.day != sale.acquired:
        return False
    costs = acquired.cost_per_share, sale.cost_per_share
    return None in costs or costs[0] == costs[1]


def _holding_from(sale: LotSale, acquired: Acquisition) -> date | None:
    """Since when the replacing share counts as held: the sold share's days are added (26 U.S.C. 1223(3))."""
    return None if sale.acquired is None else acquired.day - (sale.day - sale.acquired)


def _in_order_of_acquisition(each: Acquisition) -> tuple[object, ...]:
    cost = ZERO if each.cost_per_share is None else each.cost_per_share
    return each.day, each.account_id, cost, each.until or date.max


def _in_order_of_sale(each: LotSale) -> tuple[object, ...]:
    cost = ZERO if each.cost_per_share is None else each.cost_per_share
    return each.day, each.planned, each.acquired or date.min, cost, each.account_id
