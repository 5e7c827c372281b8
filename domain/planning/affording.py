"""Affording: buys sized on the cash that is there.

One rule for amounts that are still planned (`lines`), for the orders of a plan, and for those that are left when real
fills brought less, or cost more, than planned (`execution`): what is short is cut in proportion, in whole steps, at
most one step too much; what opens a sleeve is cut last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.values.keys import MANAGED
from domain.values.money import ZERO
from domain.values.record import record
from domain.values.rules import Rule

ORDER_4 = Rule("ORDER-4", "Sells go first; buys are sized again on the cash that the fills really brought.")


@record
class Bought:
    """What one sleeve buys of one security on the market: shares, and the price that they are counted at."""

    sleeve: str
    symbol: str
    quantity: Decimal
    price: Decimal
    increment: Decimal
    opens: bool = False

    @property
    def place(self) -> str:
        """What names it among the others."""
        return f"{self.sleeve} {self.symbol}"

    @property
    def cost(self) -> Decimal:
        """What it costs at its price."""
        return self.quantity * self.price


def afforded(
    buys: Sequence[Bought],
    own: Mapping[str, Decimal],
    short: Decimal,
    funded: Mapping[str, Decimal],
    together: Decimal = ZERO,
) -> tuple[Bought, ...]:
    """What of the buys has to go for the cash there is to do (ORDER-4), each with the shares that go.

    `short` is what the managed sleeve lacks; below 0 what it can spare. `own` is what model sleeves lack by themselves:
    it makes that good with what it can spare; then they do; what they can't save it lacks as well. That goes at the
    expense of everything that it pays for, its own buys and what it gives to others (`funded`, by sleeve), those that
    open last; then of buys that sleeves pay for themselves, whose cash comes back instead. `together` is what the
    account's cash, all sleeves in one, would be below zero and below what it was: at everybody's expense. Amounts in
    the account's currency.
    """
    gone: dict[str, Decimal] = {}
    missing = short
    for sleeve in sorted(own):
        lacks = own[sleeve]
        covered = min(lacks, max(ZERO, -missing))
        missing, lacks = missing + covered, lacks - covered
        here = [each for each in buys if each.sleeve == sleeve]
        freed = _cut(here, {each.place: each.cost for each in here}, lacks, gone)
        missing += lacks - freed if lacks > freed else -min(freed - lacks, max(ZERO, missing))  # more comes back
    for opens in (False, True):
        here = [each for each in buys if each.opens is opens]
        missing -= _cut(here, _paid_by_managed(here, gone, funded), missing, gone)
    _cut(buys, _left(buys, gone), missing, gone)
    still = together - sum((gone.get(each.place, ZERO) * each.price for each in buys), ZERO)
    _cut(buys, _left(buys, gone), still, gone)
    return tuple([replace(each, quantity=gone[each.place]) for each in buys if gone.get(each.place)])


def _left(buys: Sequence[Bought], gone: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What each buy still costs, without those of which nothing is left."""
    left = {each.place: each.cost - gone.get(each.place, ZERO) * each.price for each in buys}
    return {place: amount for place, amount in left.items() if amount > 0}


def _paid_by_managed(
    buys: Sequence[Bought], gone: Mapping[str, Decimal], funded: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """What the managed sleeve's cash pays of each buy that is left, in whole steps: its own, and what it gives."""
    cost: dict[str, Decimal] = {}
    left = _left(buys, gone)
    for each in buys:
        cost[each.sleeve] = cost.get(each.sleeve, ZERO) + left.get(each.place, ZERO)
    found = {}
    for each in buys:
        amount = left.get(each.place, ZERO)
        received = max(ZERO, funded.get(each.sleeve, ZERO))
        if each.sleeve != MANAGED and received < cost[each.sleeve]:
            step = each.price * each.increment
            amount = (amount * received / cost[each.sleeve] / step).to_integral_value(ROUND_FLOOR) * step
        if amount > 0:
            found[each.place] = amount
    return found


def _cut(buys: Sequence[Bought], amounts: Mapping[str, Decimal], short: Decimal, gone: dict[str, Decimal]) -> Decimal:
    """Cuts buys by what is short, in proportion to their amounts; returns what that frees."""
    if short <= 0 or not amounts:
        return ZERO
    cut = in_proportion(amounts, {each.place: each.price * each.increment for each in buys}, short)
    freed = ZERO
    for each in buys:
        amount = cut.get(each.place, ZERO)
        if amount:
            steps = amount / (each.price * each.increment)
            gone[each.place] = gone.get(each.place, ZERO) + steps * each.increment
            freed += amount
    return freed


def in_proportion(amounts: Mapping[str, Decimal], steps: Mapping[str, Decimal], short: Decimal) -> dict[str, Decimal]:
    """How much of each amount goes so that `short` is freed, in proportion, in whole steps and at most one too many.

    Everything goes where it is not enough. Of what rounding down leaves, a step goes where half of one or more is
    lacking to the exact proportion, the most first, where that frees no more than the finest steps would; the rest goes
    in these: a share of 500.00 is not given up for 3.00. Ties by key.
    """
    total = sum(amounts.values(), ZERO)
    if short >= total:
        return dict(amounts)
    cut: dict[str, Decimal] = {}
    lacking: list[tuple[Decimal, str]] = []
    freed = ZERO
    for key in sorted(amounts):
        exact = amounts[key] * short / total
        cut[key] = (exact / steps[key]).to_integral_value(ROUND_FLOOR) * steps[key]
        freed += cut[key]
        lacking.append((cut[key] - exact, key))
    finest = min(steps.values())
    for lacks, key in sorted(lacking):
        more, left = min(steps[key], amounts[key] - cut[key]), short - freed
        if left > 0 and -lacks >= more / 2 and more <= (left / finest).to_integral_value(ROUND_CEILING) * finest:
            cut[key] += more
            freed += more
    for key in sorted(amounts, key=lambda each: (steps[each], each)):
        if freed >= short:
            break
        more = ((short - freed) / steps[key]).to_integral_value(ROUND_CEILING) * steps[key]
        more = min(more, amounts[key] - cut[key])
        cut[key] += more
        freed += more
    return cut
