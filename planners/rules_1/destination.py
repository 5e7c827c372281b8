"""Destination: how much of each component the account holds afterwards, with the least turnover.

Asked by every plan once it is known what may open. Works on component values only; which shares make them up is
`filling`'s business. With the bands this is a linear program whose optimum these few steps reach directly.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from planners.rules_1.components import Component
from planners.rules_1.lines import (
    DESTINATION_2,
    Destination,
    buy_more,
    cut_buys,
    destination_band,
    in_cents,
    line,
    sell_more,
)
from planners.rules_1.money import ZERO
from planners.rules_1.policy import Mode
from planners.rules_1.record import record
from planners.rules_1.rules import Rule
from planners.rules_1.snapshot import Model
from planners.rules_1.targets import Band

DESTINATION_3 = Rule("DESTINATION-3", "Ties are broken by the component's key: the same snapshot, the same plan.")
DESTINATION_4 = Rule("DESTINATION-4", "Turnover is the least that lands every component in its band.")


@record
class Destined:
    """The destinations of all components but cash, what cash is left, and what openings had to be given up."""

    destinations: tuple[Destination, ...]
    cash: Decimal
    cash_band: Band  # amounts, the weight of rejected components included (MINIMUM-3)
    cut: Decimal  # what buys had to give up because cash would not do, 0 where nothing


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
    lines = [line(component, managed_value, mode, kept_out) for component in components[:-1]]
    cash = cash_component.value - sum((each.buy for each in lines), ZERO)
    band = destination_band(cash_component, mode)
    stays = sum((each.component.weight for each in lines if each.component.key in kept_out), ZERO)
    lower, upper = band.lower * managed_value, (band.upper + stays) * managed_value
    if cash < lower:
        cash += sell_more(lines, lower - cash)
    elif cash > upper:
        cash -= buy_more(lines, cash - upper)
    cut = cut_buys(lines, lower - (cash - not_raised))
    cash += cut
    destinations = in_cents(lines, cash, lower)
    cash = cash_component.value - sum((each.change for each in destinations), ZERO)
    return Destined(tuple(destinations), cash, Band(lower, upper), cut)


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
