"""Destination: how much of each component the account holds afterwards, with the least turnover.

Asked by every plan once it is known what may open. Works on component values only; which shares make up a sleeve's is
`filling`'s business. Where steps are small this is a linear program, whose optimum these few moves reach directly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.planning.lines import (
    DESTINATION_1,
    DESTINATION_2,
    DESTINATION_5,
    UNBOUNDED,
    Destination,
    Line,
    destination_band,
)
from domain.planning.moves import (
    LOWER_BOUND,
    LOWER_EDGE,
    UPPER_BOUND,
    UPPER_EDGE,
    buy_more,
    by_excess,
    by_lack,
    cut_buys,
    force,
    forget_small,
    give_back_buys,
    give_back_sales,
    sell_more,
)
from domain.targets.components import Component
from domain.targets.targets import Band
from domain.values.money import CENT, HALF_A_CENT, ZERO
from domain.values.policy import Mode
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import Model

DESTINATION_3 = Rule("DESTINATION-3", "Ties are broken by the component's key: the same snapshot, the same plan.")
DESTINATION_4 = Rule("DESTINATION-4", "No more is traded than brings every component into its destination band.")
ROUNDED = 2 * CENT  # so far from its band cash may be left by the cents of the plan before: nothing is traded for that


@record
class Destined:
    """The destinations of all components but cash, and where cash ends; amounts in the account's currency."""

    destinations: tuple[Destination, ...]
    cash: Decimal
    cash_band: Band  # amounts, the weight of rejected components included (MINIMUM-3)
    small: Mapping[str, Decimal]  # by symbol: moves that their bands ask for, too small for an order (ORDER-3)
    lines: tuple[Line, ...] = ()
    shut: frozenset[str] = frozenset()  # openings of which nothing may be bought: their weight is cash's (RESTRICT-1)
    unfunded: Mapping[str, Decimal] = field(default_factory=dict)  # what open sleeves lack and may not buy (RESTRICT-1)
    stays: frozenset[str] = frozenset()  # what stays outside its band, as others can't be traded for it (DESTINATION-5)

    @property
    def cut(self) -> Decimal:
        """What buys had to give up because cash would not do, 0 where nothing (DESTINATION-2)."""
        return -sum([_cut_of(each) for each in self.lines if len(each.parts) > 1], ZERO)


def _cut_of(line: Line) -> Decimal:
    """By how much cash, below 0, cut what a component's band asked to buy."""
    return min(ZERO, line.moved_by(DESTINATION_2)) if line.moved_by(DESTINATION_1) > ZERO else ZERO


def cash_band(
    component: Component, lines: Sequence[Line], kept_out: frozenset[str], managed_value: Decimal, mode: Mode
) -> Band:
    """Between which amounts cash must end: the weight of what can't open stays in it (MINIMUM-3)."""
    band = destination_band(component, mode)
    stays = sum((each.component.weight for each in lines if each.component.key in kept_out), ZERO)
    return Band(band.lower * managed_value, (band.upper + stays) * managed_value)


def destine(lines: Sequence[Line], cash: Decimal, band: Band, crossing: Callable[[], frozenset[str]]) -> Destined:
    """Moves every component into its destination band, then closes the plan with cash (DESTINATION-1, 2, 5).

    `cash` is what there is before, `band` where it must end, in amounts. `crossing` are symbols that sleeves may trade.
    """
    for each in lines:
        force(each)
    small = forget_small(lines, crossing)
    cash, stays = landed(lines, cash - sum((each.buy for each in lines), ZERO), band)
    destinations = tuple([destination(each) for each in lines])
    return Destined(destinations, cash, band, small, tuple(lines), stays=stays)


def landed(lines: Sequence[Line], cash: Decimal, band: Band) -> tuple[Decimal, frozenset[str]]:
    """Closes with cash what bands moved; returns where cash ends and the keys of what stays outside its band for it."""
    if cash <= band.lower - ROUNDED:
        cash = sell_more(lines, cash, band, LOWER_EDGE, DESTINATION_2)
        if cash < band.lower:
            cash = cut_buys(lines, cash, band, DESTINATION_2)
        cash = give_back_sales(lines, cash, band.lower)
    cash, stays = _leave_what_steps_forbid(lines, cash, band)
    cash = close(lines, cash, band, first=True)
    return give_back_buys(lines, cash, band.upper), stays


def close(lines: Sequence[Line], cash: Decimal, band: Band, first: bool = False) -> Decimal:
    """Brings cash into its band, or nearer to it: inside the destination bands of components as long as that does
    (DESTINATION-2), then inside their thresholds (DESTINATION-5). What opens is funded beyond its weight only where no
    other component's destination band takes the cash. Returns the cash there is then.

    At `first`, while sells may follow, no buy takes cash below its band; what was above bands is sold already.
    """
    lowest = band.lower if first else ZERO
    if cash > band.upper + ROUNDED:
        held, opening = [each for each in lines if not each.opens], [each for each in lines if each.opens]
        for some in (held, opening):
            if cash > band.upper:
                cash = buy_more(some, cash, band, UPPER_EDGE, DESTINATION_2, lowest)
        if cash > band.upper:
            cash = buy_more(lines, cash, band, UPPER_BOUND, DESTINATION_5, lowest)
    elif cash < band.lower - ROUNDED:
        if not first:
            cash = sell_more(lines, cash, band, LOWER_EDGE, DESTINATION_2)
        cash = sell_more(lines, cash, band, LOWER_BOUND, DESTINATION_5)
    return cash


def _leave_what_steps_forbid(lines: Sequence[Line], cash: Decimal, band: Band) -> tuple[Decimal, frozenset[str]]:
    """Sells nothing for a share that is too dear to buy, and buys nothing for one too large to sell (DESTINATION-5).

    What one component lacks as its next step is too large is what the others have too much of, and the other way
    round. As long as that leaves them inside their thresholds, and cash in its band, they stay. Returns the cash there
    is then, and the keys of what stays.
    """
    stays: set[str] = set()
    off = [each for each in lines if each.reach.step is not None and not each.lower <= each.planned <= each.upper]
    for below in (True, False) if off else ():
        coarse = sum([_off(each) for each in off if too_coarse(each, below)], ZERO)
        if coarse <= 0:
            continue
        for each in by_excess(lines) if below else by_lack(lines):
            moved = each.buy if len(each.parts) == 1 and each.parts[0][0] is DESTINATION_1 else ZERO
            inside = each.low <= each.value <= each.high and each.value
            if coarse <= 0:
                break
            if not moved or (moved < 0) is not below or not inside or not each.upper:
                continue
            room = cash - band.lower if below else band.upper - cash
            back = each.whole(max(ZERO, min(abs(moved), coarse, room)), ROUND_FLOOR)
            back = back if below else -back
            if back and each.ordered(back):
                each.move(back, DESTINATION_1)
                cash -= back
                coarse -= abs(back)
                stays.add(each.component.key)
    return cash, frozenset(stays)


def _off(line: Line) -> Decimal:
    return max(line.lower - line.planned, line.planned - line.upper)


def too_coarse(line: Line, below: bool) -> bool:
    """True where a component stays below its band, or above it, as one step more, or the least that is an order of it,
    would leave it as far from its band, or take it across to outside its threshold.
    """
    reach = line.reach
    if (
        reach.step is None
        or line.blocked
        or (reach.most is not UNBOUNDED if below else reach.least)
        or any(rule is DESTINATION_2 for rule, _ in line.parts)
    ):
        return False
    off = line.lower - line.planned if below else line.planned - line.upper
    if off <= 0:
        return False
    least = reach.step if line.buy else max(reach.step, line.whole(reach.smallest, ROUND_CEILING))
    if below:
        end = line.planned + least
        return end > line.high or end - line.upper >= off
    end = line.planned - least
    return end < line.low or line.lower - end >= off


def destination(line: Line) -> Destination:
    """Where a line ends, as a value."""
    made_whole = line.value - line.component.value
    return Destination(line.component, line.planned - line.value, tuple(line.parts), line.blocked, made_whole)


def openings_to_reject(destined: Destined, models: Mapping[str, Model]) -> tuple[Component, Decimal] | None:
    """The opening that cash no longer carries to its minimum, the one furthest short first, with its value.

    One at a time: rejecting one may leave enough for another (DESTINATION-2, MINIMUM-1).
    """
    worst: tuple[Decimal, str, Component, Decimal] | None = None
    for line in destined.lines:
        component = line.component
        if not line.opens or line.planned >= line.wanted - HALF_A_CENT:  # it is funded to the nearest cent
            continue
        minimum = models[component.ref].investment_minimum
        if line.planned > 0 and line.planned >= minimum:
            continue
        share = line.planned / minimum if minimum else ZERO
        if worst is None or (share, component.key) < worst[:2]:
            worst = (share, component.key, component, line.planned)
    return None if worst is None else (worst[2], worst[3])
