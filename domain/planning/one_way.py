"""One way: rebalances that only raise cash, or only invest it.

Asked where a person wants cash out of an account, or has put cash in, and nothing else traded. Works on component
values, as `destination` does for full rebalances.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from domain.planning.affording import in_proportion
from domain.planning.destination import Destined, destination
from domain.planning.lines import UNBOUNDED, Line
from domain.planning.moves import LOWER_EDGE, UPPER_EDGE, buy_more, by_excess, give_back_sales, sell_more
from domain.targets.targets import Band
from domain.values.money import CENT, ZERO
from domain.values.purpose import Purpose
from domain.values.rules import Finding, Rule, error
from domain.values.snapshot import Snapshot

CASH_2 = Rule("CASH-2", "`raise_cash` and `invest_cash` trade one way only; cash that is there already counts first.")


def check(snapshot: Snapshot, purpose: Purpose) -> list[Finding]:
    """An error where the account can't be rebalanced one way: there is nothing to invest in without a target."""
    if purpose.kind != "invest_cash" or snapshot.account.target_id is not None:
        return []
    account = snapshot.account.id
    return [error(CASH_2, f"account {account} has no target to invest cash in: assign one", account_id=account)]


def goal(cash: Decimal, wanted: Decimal, lower: Decimal, purpose: Purpose, cents: Decimal) -> Decimal:
    """Where the account's cash must end at least, in its currency: `cash` is what there is, `wanted` its weight's.

    An amount to raise is free above the lower destination bound then; without one, cash is brought to its weight. What
    is there but for `cents`, which rounding the amounts of orders takes, is there.
    """
    if purpose.kind == "raise_cash":
        needed = wanted if purpose.amount is None else lower + purpose.amount
        rounded = ZERO < needed - cash < cents and (purpose.amount is None or purpose.amount > cents)
        return cash if rounded else needed
    asked = cash - wanted if purpose.amount is None else purpose.amount
    return cash - max(ZERO, min(asked, cash - lower))


def raised(lines: Sequence[Line], cash: Decimal, goal: Decimal, idle: Mapping[str, Decimal]) -> Destined:
    """Takes idle cash of sleeves (`idle`, by component) as far as their thresholds let it; then sells, most overweight
    first, until cash is at its goal: within the destination bands as long as that does, then in proportion. Opens and
    completes nothing, and sells the fewest steps that do.
    """
    for each in by_excess(lines):
        spare = min(idle.get(each.component.key, ZERO), goal - cash, each.salable(each.low))
        given = each.whole(max(ZERO, spare), "ROUND_FLOOR")
        if given:
            each.move(-given, CASH_2)
            cash += given
    needed = Band(goal, UNBOUNDED)
    cash = sell_more(lines, cash, needed, LOWER_EDGE, CASH_2)
    if cash < goal:
        cash = _raised_in_proportion(lines, cash, goal)
    cash = give_back_sales(lines, cash, goal)
    return _destined(lines, cash, Band(goal, UNBOUNDED))


def _raised_in_proportion(lines: Sequence[Line], cash: Decimal, goal: Decimal) -> Decimal:
    salable = {each.component.key: amount for each in lines if (amount := each.salable(ZERO))}
    steps = {each.component.key: each.reach.step or CENT for each in lines}
    sold = in_proportion(salable, steps, goal - cash)
    for each in lines:
        if amount := sold.get(each.component.key, ZERO):
            each.move(-amount, CASH_2)
            cash += amount
    return cash


def invested(lines: Sequence[Line], cash: Decimal, goal: Decimal) -> Destined:
    """Buys, most underweight first, with the cash above its goal: up to the upper destination edges.
    Opens a sleeve only where the cash for its whole weight is there.
    """
    for each in sorted(lines, key=lambda each: (each.above, each.component.key)):
        cost = each.whole(each.wanted, "ROUND_FLOOR")
        if each.opens and ZERO < cost <= cash - goal:
            each.move(cost, CASH_2)
            cash -= cost
    held = [each for each in lines if not each.opens]
    cash = buy_more(held, cash, Band(goal, goal), UPPER_EDGE, CASH_2, lowest=goal)
    return _destined(lines, cash, Band(goal, max(goal, cash)))


def _destined(lines: Sequence[Line], cash: Decimal, band: Band) -> Destined:
    return Destined(tuple([destination(each) for each in lines]), cash, band, {}, tuple(lines))
