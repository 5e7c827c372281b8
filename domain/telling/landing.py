"""Landing: which components, and whether cash, end outside their destination band, and why.

Asked by `plan` once everything is decided: what is said here was decided there, nothing is decided here.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial

from domain.planning.case import Case
from domain.planning.destination import too_coarse
from domain.planning.ends import DESTINATION_6
from domain.planning.gain_budget import LOT_2
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, Line
from domain.planning.nearer import band_and_cash
from domain.planning.orders import ORDER_2, ORDER_3
from domain.planning.turn import Proposal
from domain.rebalance_plan import ComponentOutcome
from domain.values.money import CENT, ZERO, cents, money
from domain.values.rules import Finding, Noted, Rule, info
from domain.values.snapshot import CASH, MANAGED

LEFT_OUT = {
    LOT_2.code: "the gain budget keeps it from being sold",
    ORDER_3.code: "what it would trade is below the minimum trade",
}

CASH_LEFT_OUT = {
    LOT_2.code: "the gain budget keeps what would bring it nearer from being sold",
    ORDER_3.code: "what would bring it nearer is below the minimum trade",
}


def landed(case: Case, proposal: Proposal, outcomes: Sequence[ComponentOutcome]) -> Iterator[Noted]:
    """A finding for each component, and for cash, that ends outside its destination band (LAW-6, LAW-7).

    Of full rebalances only: the others land nothing. Rejected components have said so already (MINIMUM-1).
    """
    if case.purpose.kind != "full" or case.liquidation:
        return
    if proposal.stays is not None:
        yield Noted(DESTINATION_6.code, "info", partial(_stays, proposal))
    for line, outcome in zip(proposal.destined.lines, outcomes, strict=False):
        if outcome.outcome == "rejected":
            continue  # which says so itself
        lower = _lower(line)
        off = max(lower - outcome.planned_value, outcome.planned_value - line.upper)
        if off >= CENT:
            rule, why = DESTINATION_6, "no plan of whole steps leaves the account better than it is"
            if proposal.stays is None:
                rule, why = _reason(case, proposal, line, outcome.planned_value < lower)
            yield Noted(rule.code, "info", partial(_off, line, outcome, off, rule, why))
    cash, band = proposal.after.cash[MANAGED] - case.valuation.reserved, proposal.destined.cash_band
    off = max(band.lower - cash, cash - band.upper)
    if off >= CENT:
        rule, why = _cash_reason(case, proposal, off, cash < band.lower)
        yield Noted(rule.code, "info", partial(_cash_off, proposal, cash, off, rule, why))


def _reason(case: Case, proposal: Proposal, line: Line, below: bool) -> tuple[Rule, str]:
    """Which rule keeps a component outside its band, and how it is said."""
    component, key = line.component, line.component.key
    block = component.no_buy if below else component.no_sell
    if line.blocked and block:
        return block.rule, f"it may not be {'bought' if below else 'sold'}: {block.why}"
    places = {(MANAGED, component.ref)} if component.kind != "model" else set()
    for rule, trades in proposal.left_out():
        if any((trade.place in places or trade.sleeve == key) and (trade.quantity > 0) is below for trade in trades):
            return rule, LEFT_OUT[rule.code]
    if component.ref in proposal.destined.small and component.kind != "model":
        return ORDER_3, LEFT_OUT[ORDER_3.code]
    if any(each.sleeve == key or (each.sleeve, each.symbol) in places for each in proposal.unaffordable):
        return DESTINATION_2, "the cash that the sells bring does not reach further"
    if below and line.opens and proposal.after.funded.get(key, ZERO) < line.planned - CENT:
        return DESTINATION_2, "the cash that the sells bring does not reach further"
    return _moved_reason(case, proposal, line, below)


def _moved_reason(case: Case, proposal: Proposal, line: Line, below: bool) -> tuple[Rule, str]:
    """The same of what nothing kept from being traded: how it was moved, or what its steps forbid."""
    component, key = line.component, line.component.key
    parts = dict(line.parts)
    if (
        line.reach.step is None
        and not parts
        and line.lower - line.reach.cents < line.planned < line.upper + line.reach.cents
    ):
        return ORDER_3, "orders are in whole cents, and none is made for a few of them"
    if key in proposal.destined.stays:
        others = [each.component.key for each in proposal.destined.lines if too_coarse(each, not below)]
        return DESTINATION_5, f"it stays, as {', '.join(others)} can't be traded for it in steps as large as theirs"
    if DESTINATION_5 in parts:
        band, cash = band_and_cash(case, proposal)
        if parts[DESTINATION_5] > 0 and cash < band.lower - CENT:
            return ORDER_2, "it takes what others have too much of, which crosses"
        return DESTINATION_5, "whole steps of it take cash nearer to its destination band"
    if too_coarse(line, below):
        step = money(line.reach.step or CENT)
        return (
            DESTINATION_5,
            f"one step of it, {step}, is too large: it would end as far from its destination band, or further",
        )
    if below and parts.get(DESTINATION_2, ZERO) < 0:
        if parts.get(DESTINATION_1, ZERO) > 0:
            return DESTINATION_2, "there is not enough cash for more of it"
        return DESTINATION_2, "it is sold further, as cash would end below its destination band"
    if component.stays:
        return DESTINATION_1, "what it holds may not be sold"
    return DESTINATION_5, "no step that can be traded brings it nearer without taking cash further from its own"


def _lower(line: Line) -> Decimal:
    """From where a component is inside its destination band: what opens is funded at its weight (DESTINATION-1)."""
    return line.wanted if line.opens else line.lower


def _off(line: Line, outcome: ComponentOutcome, off: Decimal, rule: Rule, why: str) -> Finding:
    lower = _lower(line)
    below = outcome.planned_value < lower
    return info(
        rule,
        f"{outcome.component} ends {money(off)} {'below' if below else 'above'} its destination band: {why}",
        component=outcome.component,
        off=cents(off),
        side="below" if below else "above",
        lower=cents(lower),
        upper=cents(line.upper),
        planned=cents(outcome.planned_value),
    )


def _cash_reason(case: Case, proposal: Proposal, off: Decimal, below: bool) -> tuple[Rule, str]:
    """Which rule keeps cash outside its band, and how it is said."""
    for rule, trades in proposal.left_out():
        if (trades[0].quantity < 0) is below:
            return rule, CASH_LEFT_OUT[rule.code]
    for line in proposal.destined.lines:
        step, component = line.reach.step, line.component
        if step is None or step >= 2 * off or (component.no_sell if below else component.no_buy):
            continue
        then = line.planned - step if below else line.planned + step
        if not line.buy and step < case.smallest and line.low <= then <= line.high:
            return ORDER_3, CASH_LEFT_OUT[ORDER_3.code]
    return DESTINATION_5, "no step that can be traded brings it nearer"


def _cash_off(proposal: Proposal, cash: Decimal, off: Decimal, rule: Rule, why: str) -> Finding:
    band = proposal.destined.cash_band
    below = cash < band.lower
    return info(
        rule,
        f"cash ends {money(off)} {'below' if below else 'above'} its destination band of {money(band.lower)} "
        f"to {money(band.upper)}: {why}",
        component=CASH,
        off=cents(off),
        side="below" if below else "above",
        lower=cents(band.lower),
        upper=cents(band.upper),
        planned=cents(cash),
    )


def _stays(proposal: Proposal) -> Finding:
    now = proposal.stays
    assert now is not None
    return info(
        DESTINATION_6,
        "nothing trades: no plan of whole steps leaves the account better than it is. Of its value "
        f"{money(now.outside)} is outside thresholds and {money(now.off)} outside destination bands, and cash is "
        f"{money(now.cash_off)} from its own",
        component=CASH,
        unmet=cents(now.unmet),
        cash_off=cents(now.cash_off),
        outside_thresholds=cents(now.outside),
        outside_destinations=cents(now.off),
    )
