"""Lines: the components of a plan on their way to a destination, in amounts.

The moves of which destinations are made: to the nearest edge, sell more, buy more, cut buys, whole cents. Used by
`destination` (full rebalances) and `one_way` (cash raised or invested).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from planners.rules_1.components import Component
from planners.rules_1.money import CENT, ZERO, down_to_cent, tidy, to_cent, up_to_cent
from planners.rules_1.policy import Mode
from planners.rules_1.record import record
from planners.rules_1.rules import Rule
from planners.rules_1.targets import Band

DESTINATION_1 = Rule(
    "DESTINATION-1", "Inside its destination band a component is left alone; outside, it goes to the nearest edge."
)
DESTINATION_2 = Rule("DESTINATION-2", "Cash closes the plan: it ends inside its own destination band.")


@record
class Destination:
    """Where one component goes. `change` is in the account's currency: bought where above 0, sold where below."""

    component: Component
    change: Decimal
    rule: Rule
    blocked: Decimal = ZERO  # of the change that its band asks for, what a restriction does not let happen

    @property
    def value(self) -> Decimal:
        """The component's value afterwards, before its shares are rounded."""
        return self.component.value + self.change


def destination_band(component: Component, mode: Mode) -> Band:
    """The weights between which a rebalance in this mode must land the component."""
    if mode == "exact":
        return Band(component.weight, component.weight)
    return component.precision if mode == "best_fit" else component.threshold


@dataclass(slots=True)
class Line:
    """One component on its way: what it is worth by its weight, its destination band, where it is planned."""

    component: Component
    wanted: Decimal  # weight × managed value
    lower: Decimal
    upper: Decimal
    planned: Decimal
    rule: Rule = DESTINATION_1
    blocked: Decimal = ZERO
    unblocked: tuple[Decimal, Decimal] | None = None  # lower and upper as they were where a restriction narrowed them

    @property
    def above(self) -> Decimal:
        """How far above its weight it is planned, relative to that weight; what has no weight counts as furthest."""
        if self.wanted == 0:
            return Decimal("Infinity") if self.planned > 0 else ZERO
        return (self.planned - self.wanted) / self.wanted

    @property
    def buy(self) -> Decimal:
        """What is bought, below 0 what is sold."""
        return self.planned - self.component.value

    def blocked_or_free(self) -> "Line":
        """The line as what may not be bought or sold lets it move (RESTRICT-1, RESTRICT-3, WASH-1)."""
        no_buy, no_sell, worth = self.component.no_buy, self.component.no_sell, self.component.value
        self.unblocked = self.lower, self.upper
        if (no_sell and self.planned < worth) or (no_buy and self.planned > worth):
            self.blocked, self.planned = self.planned - worth, worth
        if no_sell:
            self.lower = max(self.lower, self.planned)
        if no_buy:
            self.upper = min(self.upper, self.planned)
        return self

    def note_blocked(self, sold: Decimal = ZERO, bought: Decimal = ZERO) -> None:
        """Notes what closing the plan would have sold or bought here, if it might (RESTRICT-3, WASH-1)."""
        if self.unblocked is None or self.blocked:
            return
        lower, upper = self.unblocked
        self.blocked = min(bought, max(ZERO, upper - self.planned)) - min(sold, max(ZERO, self.planned - lower))


def line(component: Component, managed_value: Decimal, mode: Mode, kept_out: frozenset[str]) -> Line:
    """The component at the nearest edge of its band; an opening one at exactly its weight (DESTINATION-1)."""
    band = destination_band(component, mode)
    wanted = component.weight * managed_value
    made = Line(component, wanted, band.lower * managed_value, band.upper * managed_value, component.value)
    if component.key in kept_out:
        made.lower = made.upper = made.planned = ZERO
    elif component.sleeve == "opening":
        made.lower = made.upper = made.planned = wanted
    elif component.goes_to_zero:
        made.lower = made.upper = made.planned = ZERO
    else:
        made.planned = min(max(component.value, made.lower), made.upper)
    if made.lower < component.stays:
        made.lower = component.stays
        made.upper = max(made.upper, made.lower)
        if made.planned < made.lower:
            made.blocked, made.planned = made.planned - made.lower, made.lower
    return made.blocked_or_free() if component.no_buy or component.no_sell else made


def sell_more(lines: Iterable[Line], needed: Decimal, rule: Rule = DESTINATION_2) -> Decimal:
    """Sells the component most above its weight down to its lower edge, then the next; returns what that raises."""
    raised = ZERO
    for each in sorted(lines, key=lambda each: (-each.above, each.component.key)):
        if raised == needed:
            break
        room = each.planned - each.lower
        if room <= 0:  # what was bought up is at its lower edge, and so is an opening
            each.note_blocked(sold=needed - raised)
            continue
        amount = min(room, needed - raised)
        each.planned -= amount
        each.rule = rule
        raised += amount
    return raised


def buy_more(lines: Iterable[Line], surplus: Decimal, rule: Rule = DESTINATION_2) -> Decimal:
    """Buys the component most below its weight up to its upper edge, then the next; returns what that spends."""
    spent = ZERO
    for each in sorted(lines, key=lambda each: (each.above, each.component.key)):
        if spent == surplus:
            break
        room = each.upper - each.planned
        if room <= 0:  # what was sold down is at its upper edge, and so is an opening
            each.note_blocked(bought=surplus - spent)
            continue
        amount = min(room, surplus - spent)
        each.planned += amount
        each.rule = rule
        spent += amount
    return spent


def cut_buys(lines: Iterable[Line], short: Decimal) -> Decimal:
    """Scales buys down in proportion until cash does, those that open a sleeve last; returns what that frees."""
    freed = ZERO
    for opening in (False, True):
        buys = [each for each in lines if each.buy > 0 and (each.component.sleeve == "opening") is opening]
        total = sum((each.buy for each in buys), ZERO)
        wanted = min(short - freed, total)
        if wanted <= 0:
            continue
        for each in buys:
            each.planned = tidy(each.planned - each.buy * wanted / total)
            each.rule = DESTINATION_2
        freed += wanted
    return freed


def in_cents(lines: list[Line], cash: Decimal, lowest_cash: Decimal) -> list[Destination]:
    """Changes in whole cents, on the inner side of the band, without taking cash below where it must end.

    Sells round up, buys up to a lower edge round up as long as cash does, other buys down. Whatever goes to zero
    keeps its exact value: it is sold whole.
    """
    destinations = []
    for each in lines:
        change = each.buy
        if change < 0 and each.planned > 0:
            change = -min(up_to_cent(-change), each.component.value)
        elif change > 0:
            change = _bought(each)
        destinations.append(Destination(each.component, change, each.rule, each.blocked))
        cash += each.buy - change
    if cash >= lowest_cash:
        return destinations
    for at in sorted(range(len(lines)), key=lambda each: lines[each].component.key):
        if cash >= lowest_cash:
            break
        exact = destinations[at].change
        if exact > lines[at].buy > 0:
            destinations[at] = replace(destinations[at], change=exact - CENT)
            cash += CENT
    return destinations


def _bought(each: Line) -> Decimal:
    if each.rule is not DESTINATION_1:
        return down_to_cent(each.buy)
    return to_cent(each.buy) if each.component.sleeve == "opening" else up_to_cent(each.buy)
