"""Ends: where an account stands, so that two ends of a plan can be told apart, the better one first.

Asked by every full rebalance before anybody sees it: a plan that is not better than doing nothing has no order.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.planning.case import Case
from domain.planning.destination import ROUNDED, Destined
from domain.planning.settlement import Settlement
from domain.targets.components import Component
from domain.targets.idle_cash import idle_cash
from domain.values.money import CENT, ZERO, down_to_cent
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import MANAGED, Sleeve

DESTINATION_6 = Rule(
    "DESTINATION-6",
    "Better is: fewer needs unmet, cash nearer to its band, components less outside thresholds, then less outside "
    "destination bands, then less turnover. A plan that is not better than nothing has no order.",
)


@record
class Ends:
    """What is amiss where an account ends, in amounts, whole cents: 0 where nothing is."""

    unmet: Decimal  # withdrawals and overdrafts not covered, and what should be gone and is still held
    cash_off: Decimal  # how far cash is from its destination band
    outside: Decimal  # how far components are outside their thresholds together, idle cash of sleeves included
    off: Decimal  # how far they are outside their destination bands together

    turnover: Decimal = ZERO

    @property
    def amiss(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """What is amiss, the worst first."""
        return self.unmet, self.cash_off, self.outside, self.off

    @property
    def rank(self) -> tuple[Decimal, ...]:
        """The better end has the lower one (DESTINATION-6)."""
        return (*self.amiss, self.turnover)


def better(then: Ends, now: Ends, turn: Decimal, worth: Decimal) -> bool:
    """True where a plan ends better than nothing does (DESTINATION-6).

    `turn` is the largest step of a plan that sells one thing to buy another, else some cents: what brings cash nearer
    by less only turns one rounding into another, and would be turned again. `worth` is the least order each way that
    it trades (ORDER-3): what brings components inside their thresholds nearer by less isn't worth its orders.
    """
    if then.unmet != now.unmet:
        return then.unmet < now.unmet
    if then.cash_off != now.cash_off and abs(now.cash_off - then.cash_off) >= turn:
        return then.cash_off < now.cash_off
    if then.outside < now.outside - ROUNDED:
        return True
    if then.outside > now.outside and then.cash_off >= now.cash_off:
        return False
    return now.outside + now.off - then.outside - then.off >= turn + worth


def values(case: Case, destined: Destined, after: Settlement | None) -> list[Decimal]:
    """What each component but cash, of those that are lines, is worth where the account ends, or stands now."""
    if after is None:
        return [line.component.value for line in destined.lines]
    worth, before = after.worth(case.snapshot.prices), case.valuation.sleeve_cash
    found = []
    for line in destined.lines:
        component = line.component
        key, value = component.key, component.value
        if component.kind == "model":
            flow = after.cash.get(key, ZERO) - before.get(key, ZERO)
            found.append(value + flow + worth.get(key, ZERO))
        else:
            found.append(value + worth.get(component.ref, ZERO))
    return found


def ends(case: Case, destined: Destined, after: Settlement | None, turnover: Decimal = ZERO) -> Ends:
    """Where the account ends after a plan that trades so much, or stands now where there is none."""
    valuation = case.valuation
    cash_by_sleeve = valuation.sleeve_cash if after is None else after.cash
    moved = {} if after is None else after.moved
    unmet = max(ZERO, valuation.reserved - cash_by_sleeve[MANAGED])
    unmet -= sum((min(ZERO, cash) for key, cash in cash_by_sleeve.items() if key != MANAGED), ZERO)
    outside = off = ZERO
    for line, value in zip(destined.lines, values(case, destined, after), strict=True):
        component = line.component
        if component.kind == "model" and value > 0:
            outside += idle(case, component, cash_by_sleeve.get(component.key, ZERO), value)
        if not line.upper:
            unmet += max(ZERO, value - line.reach.least if component.stays or component.no_sell else value)
            continue
        outside += max(ZERO, line.low - value, value - line.high)
        off += max(ZERO, line.lower - value, value - line.upper)
    unmet += excluded_left(case, moved)
    cash, band = cash_by_sleeve[MANAGED] - valuation.reserved, destined.cash_band
    rounded = CENT * len(moved)  # what rounding each position's amount to cents may have done to it
    cash_off = max(ZERO, band.lower - cash - rounded, cash - band.upper - rounded)
    amiss = [down_to_cent(each + CENT / 2) for each in (unmet, cash_off, outside, off)]
    return Ends(amiss[0], amiss[1], amiss[2], amiss[3], turnover)


def idle(case: Case, component: Component, cash: Decimal, value: Decimal) -> Decimal:
    """The cash of a component's sleeve, worth `value`, beyond its threshold (SLEEVE-3); 0 where it has none."""
    if cash <= 0 or component.kind != "model" or component.ref not in case.snapshot.models:
        return ZERO
    model = case.snapshot.models[component.ref]
    found = idle_cash(Sleeve(component.key, cash, ()), value, model, case.allowed, case.policy)
    return found.cash - found.most if found else ZERO


def excluded_left(case: Case, moved: Mapping[tuple[str, str], Decimal]) -> Decimal:
    """What model sleeves still hold of what restrictions take out, in amounts."""
    total, allowed = ZERO, case.allowed
    for symbol in {*allowed.excluded, *allowed.substitutes}:
        if not allowed.leaves(symbol) or symbol in allowed.no_sell:
            continue
        for key, holdings in case.valuation.holdings.items():
            if key != MANAGED and symbol in holdings:
                left = holdings[symbol].quantity + moved.get((key, symbol), ZERO)
                total += case.snapshot.securities[symbol].worth(left)
    return total
