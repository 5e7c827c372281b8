"""Asked: what a rebalance for cash, or for a signal, says of what was asked and what it does.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Sequence
from decimal import Decimal

from domain.planning import signals
from domain.planning.case import Case
from domain.planning.lines import destination_band
from domain.planning.one_way import CASH_2
from domain.planning.trades import strays
from domain.planning.turn import Proposal
from domain.rebalance_plan import Order
from domain.targets.cash_needs import CASH_3
from domain.values.money import CENT, ZERO, cents, money
from domain.values.purpose import Purpose
from domain.values.rules import Finding, error, info
from domain.values.snapshot import MANAGED, model_key


def asked(case: Case, proposal: Proposal, orders: Sequence[Order]) -> list[Finding]:
    """What a rebalance that a person or a signal asked for says of itself; nothing of a full one."""
    purpose = case.purpose
    if purpose.kind == "full":
        return []
    if purpose.kind == "signal" and purpose.model_id is not None:
        key = model_key(purpose.model_id)
        found = next((each for each in case.snapshot.account.model_sleeves if each.key == key), None)
        near = strays(case, found) if found else None
        return signals.told(case.snapshot, purpose, near, case.policy)
    moved = sum((order.amount for order in orders), ZERO)
    return _raises(case, proposal, moved) if purpose.kind == "raise_cash" else _invests(case, proposal, moved)


def _amount_asked(purpose: Purpose) -> str:
    return "as much as brings cash to its weight" if purpose.amount is None else money(purpose.amount)


def _invests(case: Case, proposal: Proposal, moved: Decimal) -> list[Finding]:
    """What was to be invested and what is, and what does not open for it (CASH-2)."""
    purpose = case.purpose
    spent = max(ZERO, case.valuation.sleeve_cash[MANAGED] - proposal.after.cash[MANAGED])
    said = f"asked to invest {_amount_asked(purpose)}, the plan invests {money(spent)}"
    if spent - moved >= CENT:
        said += f", of which {money(spent - moved)} stays in sleeves as cash"
    found = [info(CASH_2, said, asked=purpose.amount, moved=spent, orders=moved)]
    waiting = [
        each.component.key
        for each in proposal.destined.destinations
        if each.component.sleeve == "opening" and not each.change and each.component.key not in proposal.rejected
    ]
    if waiting:
        text = f"{', '.join(waiting)} not opened: the cash to invest does not reach the whole weight"
        found.append(info(CASH_2, text, components=waiting))
    return found


def _raises(case: Case, proposal: Proposal, moved: Decimal) -> list[Finding]:
    """What was to be raised, what was there, and what is raised; an error with what is missing (CASH-2, CASH-3)."""
    purpose, total = case.purpose, case.valuation.managed_value
    cash = case.valuation.cash
    ends = proposal.after.cash[MANAGED] - case.valuation.reserved
    floor = destination_band(case.known[-1], case.mode).lower * total
    needed = case.known[-1].weight * total if purpose.amount is None else floor + purpose.amount
    free = max(ZERO, min(cash - floor, purpose.amount)) if purpose.amount is not None else None
    raised = ends - cash
    from_sleeves = max(ZERO, raised - moved)
    missing = needed - ends
    said = f"asked to raise {_amount_asked(purpose)}"
    if free is not None:
        said += f": {money(free)} was there above the {money(floor)} that cash keeps"
    said += f", the plan raises {money(raised)}" if raised > 0 else ", nothing is raised"
    said += f", {money(from_sleeves)} of it from cash of sleeves" if from_sleeves >= CENT else ""
    evidence = {
        "asked": purpose.amount,
        "orders": moved,
        "there": free,
        "from_sleeves": from_sleeves,
        "floor": floor,
    } | ({"moved": raised} if raised > 0 else {})
    if missing < CENT:
        return [info(CASH_2, said, **evidence)]
    return [error(CASH_3, f"{said}, and {money(missing)} is missing", missing=cents(missing), **evidence)]
