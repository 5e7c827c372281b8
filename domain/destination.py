"""Destination: how much of each component the account holds afterwards, with the least turnover.

Asked by every plan once it is known what may open. Works on component values only; which shares make them up is
`filling`'s business. With the bands this is a linear program whose optimum these few steps reach directly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.components import Component
from domain.money import CENT, ZERO, down_to_cent, tidy, to_cent, up_to_cent
from domain.policy import Mode
from domain.rules import Rule
from domain.snapshot import Model
from domain.targets import Band

DESTINATION_1 = Rule(
    "DESTINATION-1", "Inside its destination band a component is left alone; outside, it goes to the nearest edge."
)
DESTINATION_2 = Rule("DESTINATION-2", "Cash closes the plan: it ends inside its own destination band.")
DESTINATION_3 = Rule("DESTINATION-3", "Ties are broken by the component's key: the same snapshot, the same plan.")
DESTINATION_4 = Rule("DESTINATION-4", "Turnover is the least that lands every component in its band.")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one component goes. `change` is in the account's currency: bought where above 0, sold where below."""

    component: Component
    change: Decimal
    rule: Rule

    @property
    def value(self) -> Decimal:
        """The component's value afterwards, before its shares are rounded."""
        return self.component.value + self.change


@dataclass(frozen=True, slots=True)
class Destined:
    """The destinations of all components but cash, what cash is left, and what openings had to be given up."""

    destinations: tuple[Destination, ...]
    cash: Decimal
    cash_band: Band  # amounts, the weight of rejected components included (MINIMUM-3)
    cut: Decimal  # what buys had to give up because cash would not do, 0 where nothing


def destination_band(component: Component, mode: Mode) -> Band:
    """The weights between which a rebalance in this mode must land the component."""
    if mode == "exact":
        return Band(component.weight, component.weight)
    return component.precision if mode == "best_fit" else component.threshold


@dataclass(slots=True)
class _Line:
    """One component on its way to a destination: amounts, not weights."""

    component: Component
    wanted: Decimal  # weight × managed value
    lower: Decimal
    upper: Decimal
    planned: Decimal
    rule: Rule = DESTINATION_1

    @property
    def above(self) -> Decimal:
        """How far above its weight it is planned, relative to that weight; what has no weight counts as furthest."""
        if self.wanted == 0:
            return Decimal("Infinity") if self.planned > 0 else ZERO
        return (self.planned - self.wanted) / self.wanted

    @property
    def buy(self) -> Decimal:
        return self.planned - self.component.value


def destine(
    components: Sequence[Component],
    rejected: Iterable[str],
    managed_value: Decimal,
    mode: Mode,
    not_raised: Decimal = ZERO,
) -> Destined:
    """Moves every component to the nearest edge of its destination band, then closes the plan with cash.

    `components` end with cash; `rejected` are the keys of models that may not open; `not_raised` is cash that sells
    of this plan were found not to bring (ORDER-3), which is therefore not spent.
    """
    kept_out = frozenset(rejected)
    cash_component = components[-1]
    lines = [_line(component, managed_value, mode, kept_out) for component in components[:-1]]
    cash = cash_component.value - sum((line.buy for line in lines), ZERO)
    band = destination_band(cash_component, mode)
    stays = sum((line.component.weight for line in lines if line.component.key in kept_out), ZERO)
    lower, upper = band.lower * managed_value, (band.upper + stays) * managed_value
    if cash < lower:
        cash += _sell_more(lines, lower - cash)
    elif cash > upper:
        cash -= _buy_more(lines, cash - upper)
    cut = _cut_buys(lines, lower - (cash - not_raised))
    cash += cut
    destinations = _in_cents(lines, cash, lower)
    cash = cash_component.value - sum((each.change for each in destinations), ZERO)
    return Destined(tuple(destinations), cash, Band(lower, upper), cut)


def _line(component: Component, managed_value: Decimal, mode: Mode, kept_out: frozenset[str]) -> _Line:
    """The component at the nearest edge of its band; an opening one at exactly its weight (DESTINATION-1)."""
    band = destination_band(component, mode)
    wanted = component.weight * managed_value
    line = _Line(component, wanted, band.lower * managed_value, band.upper * managed_value, component.value)
    if component.key in kept_out:
        line.lower = line.upper = line.planned = ZERO
    elif component.sleeve == "opening":
        line.lower = line.upper = line.planned = wanted
    elif component.goes_to_zero:
        line.lower = line.upper = line.planned = ZERO
    else:
        line.planned = min(max(component.value, line.lower), line.upper)
    return line


def _sell_more(lines: list[_Line], needed: Decimal) -> Decimal:
    """Sells the component most above its weight down to its lower edge, then the next (DESTINATION-2)."""
    raised = ZERO
    for line in sorted(lines, key=lambda each: (-each.above, each.component.key)):
        if raised == needed:
            break
        room = line.planned - line.lower
        if room <= 0:  # what was bought up is at its lower edge, and so is an opening
            continue
        amount = min(room, needed - raised)
        line.planned -= amount
        line.rule = DESTINATION_2
        raised += amount
    return raised


def _buy_more(lines: list[_Line], surplus: Decimal) -> Decimal:
    """Buys the component most below its weight up to its upper edge, then the next (DESTINATION-2)."""
    spent = ZERO
    for line in sorted(lines, key=lambda each: (each.above, each.component.key)):
        if spent == surplus:
            break
        room = line.upper - line.planned
        if room <= 0:  # what was sold down is at its upper edge, and so is an opening
            continue
        amount = min(room, surplus - spent)
        line.planned += amount
        line.rule = DESTINATION_2
        spent += amount
    return spent


def _cut_buys(lines: list[_Line], short: Decimal) -> Decimal:
    """Scales buys down in proportion until cash does, those that open a sleeve last; returns what that frees."""
    freed = ZERO
    for opening in (False, True):
        buys = [line for line in lines if line.buy > 0 and (line.component.sleeve == "opening") is opening]
        total = sum((line.buy for line in buys), ZERO)
        wanted = min(short - freed, total)
        if wanted <= 0:
            continue
        for line in buys:
            line.planned = tidy(line.planned - line.buy * wanted / total)
            line.rule = DESTINATION_2
        freed += wanted
    return freed


def _in_cents(lines: list[_Line], cash: Decimal, lowest_cash: Decimal) -> list[Destination]:
    """Changes in whole cents, on the inner side of the band, without taking cash below where it must end.

    Sells round up, buys up to a lower edge round up as long as cash does, other buys down. Whatever goes to zero
    keeps its exact value: it is sold whole.
    """
    destinations = []
    for line in lines:
        change = line.buy
        if change < 0 and line.planned > 0:
            change = -min(up_to_cent(-change), line.component.value)
        elif change > 0:
            change = _bought(line)
        destinations.append(Destination(line.component, change, line.rule))
        cash += line.buy - change
    for at in sorted(range(len(lines)), key=lambda each: lines[each].component.key):
        if cash >= lowest_cash:
            break
        exact = destinations[at].change
        if exact > lines[at].buy > 0:
            destinations[at] = replace(destinations[at], change=exact - CENT)
            cash += CENT
    return destinations


def _bought(line: _Line) -> Decimal:
    if line.rule is DESTINATION_2:
        return down_to_cent(line.buy)
    return to_cent(line.buy) if line.component.sleeve == "opening" else up_to_cent(line.buy)


def openings_to_reject(destined: Destined, models: Mapping[str, Model]) -> tuple[Component, Decimal] | None:
    """The opening that cash no longer carries to its minimum, the one furthest short first, with its value.

    One at a time: rejecting one may leave enough for another (DESTINATION-2, MINIMUM-1).
    """
    worst: tuple[Decimal, str, Component, Decimal] | None = None
    for each in destined.destinations:
        component = each.component
        if component.sleeve != "opening" or each.rule is not DESTINATION_2:
            continue
        minimum = models[component.ref].investment_minimum
        if each.value > 0 and (minimum == 0 or each.value >= minimum):
            continue
        share = each.value / minimum if minimum else ZERO
        candidate = (share, component.key, component, each.value)
        if worst is None or candidate[:2] < worst[:2]:
            worst = candidate
    return None if worst is None else (worst[2], worst[3])
