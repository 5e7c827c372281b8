"""Moves: of which destinations are made: into the band, sell more, buy more, cut buys, give back.

Used by `destination` (full rebalances), `nearer` and `one_way` (cash raised or invested). A step is never made that
leaves a component as far from its band as before, or that takes it across the band to outside its threshold
(DESTINATION-5).
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from operator import attrgetter

from domain.planning.affording import in_proportion
from domain.planning.lines import DESTINATION_1, Line
from domain.targets.targets import Band
from domain.values.money import CENT, ZERO
from domain.values.rules import Rule

Edge = Callable[[Line], Decimal]
LOWER_EDGE: Edge = attrgetter("lower")
UPPER_EDGE: Edge = attrgetter("upper")
LOWER_BOUND: Edge = attrgetter("low")
UPPER_BOUND: Edge = attrgetter("high")


def no_edge(_: Line) -> Decimal:
    """Down to nothing."""
    return ZERO


def force(line: Line) -> None:
    """Moves a component into its destination band, or as near to it as whole steps and restrictions let it.

    What opens, and a security of which nothing is held yet, goes to its weight (DESTINATION-1).
    """
    value, lower, upper, reach = line.planned, line.lower, line.upper, line.reach
    if reach.step is None and lower - reach.cents < value < upper + reach.cents and not line.opens and upper:
        return
    if line.opens or (line.component.kind == "security" and not value and line.wanted):
        goal = _bought(line, line.wanted, line.wanted)
    elif value > upper:
        goal = _sold(line, lower, upper)
    elif value < lower:
        goal = _bought(line, lower, upper)
    else:
        return
    planned = min(max(goal, reach.least), reach.most)
    component = line.component
    if planned != goal and (component.no_buy if goal > value else component.no_sell or component.stays):
        line.blocked = goal - planned
    if planned != value:
        line.move(planned - value, DESTINATION_1)


def _bought(line: Line, lower: Decimal, upper: Decimal) -> Decimal:
    """Where buying up to a lower edge ends: a step beyond it where that is inside the band, or nearer to it."""
    ends = line.planned + line.whole(lower - line.planned, ROUND_FLOOR)
    lacks = lower - ends
    if lacks <= 0:
        return ends
    beyond = ends + (line.reach.step or CENT)
    if beyond <= upper or (beyond - upper < lacks and beyond <= line.high):
        return beyond
    return ends


def _sold(line: Line, lower: Decimal, upper: Decimal) -> Decimal:
    """Where selling down to an upper edge ends: a step beyond it where that is inside the band, or nearer to it."""
    if upper == 0:
        return ZERO
    ends = line.planned - line.whole(line.planned - upper, ROUND_FLOOR)
    over = ends - upper
    if over <= 0:
        return ends
    beyond = max(ZERO, ends - (line.reach.step or CENT))
    if beyond >= lower or (lower - beyond < over and beyond >= line.low):
        return beyond
    return ends


def forget_small(lines: Iterable[Line], crossing: Callable[[], frozenset[str]]) -> dict[str, Decimal]:
    """Takes back the moves too small for an order, by symbol: closing the plan may make them in fewer (SLEEVE-5).

    `crossing` are symbols that a sleeve might trade as well: what is too small of those is known once they cross.
    """
    small: dict[str, Decimal] = {}
    for each in lines:
        if each.reach.step is None or not each.buy or each.ordered(ZERO) or each.component.ref in crossing():
            continue
        small[each.component.ref] = each.buy
        each.move(-each.buy, DESTINATION_1)
    return small


def by_excess(lines: Iterable[Line]) -> list[Line]:
    """The most above its weight first, relative to that weight; ties by key (DESTINATION-3)."""
    return sorted(lines, key=lambda each: (-each.above, each.component.key))


def by_lack(lines: Iterable[Line]) -> list[Line]:
    """The most below its weight first, relative to that weight; ties by key (DESTINATION-3)."""
    return sorted(lines, key=lambda each: (each.above, each.component.key))


def sell_more(lines: Iterable[Line], cash: Decimal, band: Band, edge: Edge, rule: Rule) -> Decimal:
    """Sells the component most above its weight down to an edge, then the next, until cash reaches its band.

    `band` is in amounts. Returns the cash there is then. The last step may take cash above its band where that leaves
    it nearer; always where cash would stay below zero.
    """
    for each in by_excess(lines):
        if cash >= band.lower:
            break
        if each.opens:
            continue
        needs = band.lower - cash
        room = each.salable(edge(each))
        if not room:
            each.note_blocked(-needs)
            continue
        amount = min(each.whole(needs, ROUND_CEILING), room)
        if not each.ordered(-amount):
            amount = _large_enough(each, room, each.buy)
            if cash + amount > band.upper and cash >= 0:
                continue
        over = cash + amount - band.upper
        if over > 0 and amount >= needs:
            less = amount - (each.reach.step or CENT)
            if over >= band.lower - (cash + less) and cash + less >= 0 and each.ordered(-less):
                amount = less
        if amount > 0:
            each.move(-amount, rule)
            cash += amount
    return cash


def buy_more(
    lines: Iterable[Line], cash: Decimal, band: Band, edge: Edge, rule: Rule, lowest: Decimal = ZERO
) -> Decimal:
    """Buys the component most below its weight up to an edge, then the next, until cash is down to its band.

    `band` is in amounts. Returns the cash there is then: below the band only where that is nearer to it, and never
    below `lowest`.
    """
    for each in by_lack(lines):
        if cash <= band.upper:
            break
        surplus = cash - band.upper
        room = each.buyable(edge(each))
        if not room:
            each.note_blocked(surplus)
            continue
        amount = min(each.whole(surplus, ROUND_CEILING), room)
        if not each.ordered(amount):
            amount = _large_enough(each, room, -each.buy)
            if cash - amount < band.lower:
                continue
        under = band.lower - (cash - amount)
        if under > 0:
            less = amount - (each.reach.step or CENT)
            if each.ordered(less) and (under >= cash - less - band.upper or cash - amount < lowest):
                amount = less
            if not each.ordered(amount) or cash - amount < min(lowest, band.lower):
                continue
        if amount > 0:
            each.move(amount, rule)
            cash -= amount
    return cash


def _large_enough(each: Line, room: Decimal, undone: Decimal) -> Decimal:
    """The smallest amount that makes an order of what was too small for one; 0 where there is no room for it. Of an
    order the other way (`undone`, above 0) as much as leaves it large enough.
    """
    smallest = each.reach.smallest
    if undone > smallest:
        return min(room, each.whole(undone - smallest, ROUND_FLOOR))
    amount = each.whole(smallest, ROUND_CEILING)
    return amount if amount <= room and not undone else ZERO


def cut_buys(lines: Sequence[Line], cash: Decimal, band: Band, rule: Rule) -> Decimal:
    """Scales buys down in proportion until cash does, those that open a sleeve last; returns the cash there is then.

    The steps that only rounding up brought go first, those that are lacked least. Whole steps are cut, at most one more
    than is needed, and none that takes cash further above its band than it is below; a buy that is left too small for
    an order goes.
    """
    for each in sorted(lines, key=_lacking_without_last_step):
        step = each.reach.step
        if cash >= band.lower or step is None or not _rounded_up(each):
            continue
        if each.ordered(-step) and _nearer_with(step, cash, band):
            each.move(-step, DESTINATION_1)
            cash += step
    for opening in (False, True):
        buys = [each for each in lines if each.buy > 0 and each.opens is opening]
        short = band.lower - cash
        if short <= 0 or not buys:
            continue
        amounts = {each.component.key: each.buy for each in buys}
        steps = {each.component.key: each.reach.step or CENT for each in buys}
        if not _nearer_with(min(steps.values()), cash, band):
            continue
        cut = in_proportion(amounts, steps, short)
        for each in buys:
            less = cut[each.component.key]
            if less and not each.ordered(-less):
                less = each.buy
            if less:
                each.move(-less, rule)
                cash += less
    return cash


def _nearer_with(step: Decimal, cash: Decimal, band: Band) -> bool:
    """True where a step more brings cash, which is below its band, nearer to it; always where it is below zero."""
    return cash < 0 or cash + step - band.upper < band.lower - cash


def _goal(each: Line) -> Decimal:
    """Where buying a component was to take it: to its weight where nothing was held, else to its lower edge."""
    return each.wanted if not each.value else each.lower


def _rounded_up(each: Line) -> bool:
    """True for a buy whose last step goes beyond what was asked (ORDER-1)."""
    return each.buy > 0 and each.planned > _goal(each) > each.planned - (each.reach.step or CENT)


def _lacking_without_last_step(each: Line) -> tuple[Decimal, str]:
    """What a component would lack without its last step, the least first; ties the last by key first."""
    return _goal(each) - each.planned + (each.reach.step or CENT), each.component.key


def give_back_sales(lines: Iterable[Line], cash: Decimal, lowest: Decimal) -> Decimal:
    """Takes back what was sold for cash that is not needed after all (DESTINATION-5); returns the cash there is then.

    What bands alone ask to sell stays sold (DESTINATION-1); what was sold last for cash comes back first.
    """
    for each in reversed(by_excess(_moved_for_cash(lines))):
        for rule, moved in list(each.parts):
            spare = min(cash - lowest, -moved, each.value - each.planned)
            if rule is not DESTINATION_1 and spare > 0:
                cash -= _given_back(each, each.whole(spare, ROUND_FLOOR), rule)
    return cash


def give_back_buys(lines: Iterable[Line], cash: Decimal, highest: Decimal) -> Decimal:
    """Takes back what was bought with cash that is not there after all; returns the cash there is then."""
    for each in reversed(by_lack(_moved_for_cash(lines))):
        for rule, moved in list(each.parts):
            room = min(highest - cash, moved, each.planned - each.value)
            if rule is not DESTINATION_1 and room > 0:
                cash -= _given_back(each, -each.whole(room, ROUND_FLOOR), rule)
    return cash


def _moved_for_cash(lines: Iterable[Line]) -> list[Line]:
    """What more than its own band moved."""
    return [each for each in lines if each.parts and (len(each.parts) > 1 or each.parts[0][0] is not DESTINATION_1)]


def _given_back(each: Line, amount: Decimal, rule: Rule) -> Decimal:
    """Moves a line back, by a rule, as far as that leaves an order large enough; returns what it costs."""
    if amount and not each.ordered(amount):
        most = each.whole(max(ZERO, abs(each.buy) - each.reach.smallest), ROUND_FLOOR)
        amount = min(amount, most) if amount > 0 else -min(-amount, most)
    if not amount or not each.ordered(amount):
        return ZERO
    each.move(amount, rule)
    return amount
