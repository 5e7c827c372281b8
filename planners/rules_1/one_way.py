"""One way: rebalances that only raise cash, or only invest it.

Asked where a person wants cash out of an account, or has put cash in, and nothing else traded. Works on component
values, as `destination` does for full rebalances.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from planners.rules_1.components import Component
from planners.rules_1.destination import Destined
from planners.rules_1.lines import Line, buy_more, destination_band, in_cents, line, sell_more
from planners.rules_1.money import ZERO, money, tidy
from planners.rules_1.policy import Mode
from planners.rules_1.purpose import Purpose
from planners.rules_1.rules import Finding, Rule, error, info, warning
from planners.rules_1.snapshot import Snapshot
from planners.rules_1.targets import Band

CASH_2 = Rule("CASH-2", "`raise_cash` and `invest_cash` trade one way only.")


def check(snapshot: Snapshot, purpose: Purpose) -> list[Finding]:
    """An error where the account can't be rebalanced one way: there is nothing to invest in without a target."""
    if purpose.kind != "invest_cash" or snapshot.account.target_id is not None:
        return []
    account = snapshot.account.id
    return [error(CASH_2, f"account {account} has no target to invest cash in: assign one", account_id=account)]


def destine(
    components: Sequence[Component],
    rejected: Iterable[str],
    managed_value: Decimal,
    mode: Mode,
    purpose: Purpose,
    not_there: Decimal = ZERO,
) -> Destined:
    """Sells, most overweight first, or buys, most underweight first; nothing trades the other way.

    Without an amount cash is brought to its weight. Raising cash sells down to the lower destination edges first, and
    beyond them in proportion if it must; it opens and completes nothing. Investing buys up to the upper edges, opens
    a sleeve only where the cash for its whole weight is there, and never takes cash below its lower edge.
    `not_there` is cash that covers an overdrawn sleeve and is not invested.
    """
    cash = components[-1]
    band = destination_band(cash, mode)
    lower = band.lower * managed_value
    kept_out = frozenset(rejected)
    lines = [_still(component, managed_value, mode, kept_out) for component in components[:-1]]
    goal = cash.weight * managed_value
    if purpose.kind == "raise_cash":
        _raise(lines, max(ZERO, goal - cash.value) if purpose.amount is None else purpose.amount)
        lowest = ZERO
    else:
        asked = cash.value - goal if purpose.amount is None else purpose.amount
        spent = max(ZERO, min(asked, cash.value - lower) - not_there)
        _invest(lines, spent)
        lowest = lower = cash.value - spent
    left = cash.value - sum((each.buy for each in lines), ZERO)
    destinations = in_cents(lines, left, min(left, lowest))
    ends = cash.value - sum((each.change for each in destinations), ZERO)
    return Destined(tuple(destinations), ends, Band(lower, band.upper * managed_value), ZERO)


def _still(component: Component, managed_value: Decimal, mode: Mode, kept_out: frozenset[str]) -> Line:
    """The component where it is, with the room that its band, and what may not be traded, leave it."""
    made = line(component, managed_value, mode, kept_out)
    made.planned, made.blocked, made.rule = component.value, ZERO, CASH_2
    if component.no_sell:
        made.lower = component.value
    if component.no_buy:
        made.upper = component.value
    return made


def _raise(lines: Sequence[Line], needed: Decimal) -> None:
    missing = needed - sell_more(lines, needed, CASH_2)
    sellable = [each for each in lines if each.planned > each.component.stays and not each.component.no_sell]
    total = sum((each.planned - each.component.stays for each in sellable), ZERO)
    if missing <= 0 or total <= 0:
        return
    left = max(ZERO, total - missing)
    for each in sellable:
        stays = each.component.stays
        each.planned = stays + tidy((each.planned - stays) * left / total)


def _invest(lines: Sequence[Line], amount: Decimal) -> None:
    for each in sorted(lines, key=lambda each: (each.above, each.component.key)):
        if each.component.sleeve == "opening" and each.wanted <= amount and each.upper > 0:
            each.planned = each.wanted
            amount -= each.wanted
    buy_more([each for each in lines if each.component.sleeve != "opening"], amount, CASH_2)


def told(destined: Destined, moved: Decimal, purpose: Purpose, rejected: Iterable[str]) -> list[Finding]:
    """What was asked and what the plan does; `moved` is what its orders really raise or spend."""
    raises = purpose.kind == "raise_cash"
    verb, done = ("raise", "raises") if raises else ("invest", "invests")
    asked = "as much as brings cash to its weight" if purpose.amount is None else money(purpose.amount)
    short = raises and purpose.amount is not None and moved < purpose.amount
    said = f"asked to {verb} {asked}, the plan {done} {'only ' if short else ''}{money(moved)}"
    evidence = {"asked": purpose.amount, "moved": moved}
    found = [warning(CASH_2, said, **evidence) if short else info(CASH_2, said, **evidence)]
    kept_out = frozenset(rejected)
    waiting = [
        each.component.key
        for each in destined.destinations
        if each.component.sleeve == "opening" and not each.change and each.component.key not in kept_out
    ]
    if waiting and not raises:
        text = f"{', '.join(waiting)} not opened: the cash to invest does not reach the whole weight"
        found.append(info(CASH_2, text, components=waiting))
    return found
