"""The tax year: what a plan's sales make of the account group's year to date (TAX-1).

Asked when a plan is shown or kept. The year to date is what our own books noted of the group's sales since 1 January,
lot by lot; losses that wash sales disallow are taken back on both sides (WASH-2).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext

from domain.tax import household_trades, netting, wash_sales
from domain.tax.lots import Gain, RelievedLot, term
from domain.tax.wash_matching import LotSale
from domain.values.money import EXACT, ZERO
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.snapshot import Snapshot


@record
class PlanTax:
    """What a plan of a taxable account recognises, and the difference that it makes to its group's tax of the year.

    `plan`: its gains by holding period, disallowed losses taken back, lots of unknown cost left out. `disallowed`: its
    losses that don't count, at least 0. `year`: what the group recognised since 1 January without it.
    """

    plan: Gain
    disallowed: Decimal
    year: Gain
    difference: netting.Difference


def of_plan(snapshot: Snapshot, policy: Policy, sold: Mapping[str, Sequence[RelievedLot]]) -> PlanTax | None:
    """The tax of a plan that sells these lots, by symbol; None for an account whose gains nobody taxes (TAX-1)."""
    if snapshot.account.tax_status != "taxable":
        return None
    with localcontext(EXACT):
        found = wash_sales.recognised(snapshot, policy, sold)
        plan = Gain()
        for symbol, relieved in sold.items():
            for at, each in enumerate(relieved):
                if each.gain is None or each.term is None:
                    continue
                washed = found.washed[symbol][at].disallowed if symbol in found.washed else ZERO
                plan += _on_side(each.term == "long", each.gain + washed)
        year = to_date(snapshot, policy)
        return PlanTax(plan, found.disallowed, year, netting.difference(year, plan, policy))


def to_date(snapshot: Snapshot, policy: Policy) -> Gain:
    """What the account's group recognised since 1 January of the snapshot's year, from the sales that are noted."""
    first = snapshot.trade_date.replace(month=1, day=1)
    total = Gain()
    for settled in household_trades.noted(snapshot, policy):
        if first <= settled.sale.day <= snapshot.trade_date and settled.recognised is not None:
            total += _on_side(_is_long(settled.sale), settled.recognised)
    return total


def _is_long(sale: LotSale) -> bool:
    """A sale of which nobody noted since when it was held counts as short-term."""
    return sale.acquired is not None and term(sale.acquired, sale.day) == "long"


def _on_side(is_long: bool, amount: Decimal) -> Gain:
    return Gain(ZERO, amount) if is_long else Gain(amount, ZERO)
