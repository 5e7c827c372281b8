"""Netting: what a year's gains and losses cost together, as on a tax return.

Asked for the account group's year to date, without a plan and with it: what the plan adds is the difference, never
rate × lot. (26 U.S.C. 1211, 1212, 1222; Schedule D of Form 1040)
"""

from decimal import Decimal

from domain.tax.lots import Gain
from domain.values.money import ZERO, to_cent
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Rule

TAX_1 = Rule(
    "TAX-1",
    "Gains are netted as on a tax return; a net loss offsets ordinary income up to a limit, and the rest is carried.",
)


@record
class Assessment:
    """What a year's totals cost at the policy's rates: the tax (below 0: what is saved), and the losses carried.

    `carried` is below 0, or 0, on each side; both are in the account's currency.
    """

    tax: Decimal
    carried: Gain


@record
class Difference:
    """What a plan makes of the group's year: its tax without the plan's sales, and with them (TAX-1)."""

    without: Assessment
    with_plan: Assessment

    @property
    def tax(self) -> Decimal:
        """What the plan adds to the tax; below 0, what it saves."""
        return self.with_plan.tax - self.without.tax


def assess(total: Gain, policy: Policy) -> Assessment:
    """The tax on a year's short- and long-term totals, netted (TAX-1). `total` may be below 0 on either side.

    Gains on both sides: each at its rate. Opposite signs: what remains, at the rate of the side that remains. A net
    loss offsets ordinary income up to `ordinary_offset`, at the short-term rate, short-term losses first.
    """
    short, long = _across(total)
    if short >= ZERO and long >= ZERO:
        return Assessment(to_cent(short * policy.tax_rate_short + long * policy.tax_rate_long), Gain())
    of_short = min(-short, policy.ordinary_offset)
    of_long = min(-long, policy.ordinary_offset - of_short)
    return Assessment(to_cent(-(of_short + of_long) * policy.tax_rate_short), Gain(short + of_short, long + of_long))


def difference(year: Gain, plan: Gain, policy: Policy) -> Difference:
    """The tax on a year to date, without and with what a plan recognises (TAX-1)."""
    return Difference(assess(year, policy), assess(year + plan, policy))


def _across(total: Gain) -> tuple[Decimal, Decimal]:
    """The totals after one side's loss has met the other's gain: both at least 0, or both at most 0."""
    short, long = total.short_term, total.long_term
    if short < ZERO < long or long < ZERO < short:
        net = short + long
        if (net > ZERO) is (short > ZERO):
            return net, ZERO
        return ZERO, net
    return short, long
