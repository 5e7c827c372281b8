"""The derivation: how one account's plan came about, step by step, with every number that went into it.

Asked by `rebalancer plan --explain`. The plan is made as always; the steps read it, its proposal and its case, and
ask the same rules again for what they passed through. Nothing is decided here. Pure.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import pairwise

from domain.plan import examine, lawful, told
from domain.planning.case import Case
from domain.planning.filling import SLEEVE_1
from domain.planning.proposal import propose
from domain.planning.settlement import Settlement, settle
from domain.planning.turn import Proposal
from domain.rebalance_plan import RebalancePlan
from domain.telling import derivation_moves as moves
from domain.telling import derivation_trades as trades
from domain.telling import derivation_values as values
from domain.telling.steps import Cell, Step, step
from domain.values.money import EXACT, ZERO, money
from domain.values.policy import DEFAULT_MODE, Mode, Policy
from domain.values.purpose import FULL, Purpose
from domain.values.snapshot import MANAGED, Snapshot


@dataclass(frozen=True, slots=True)
class Derived:
    """A plan with its derivation."""

    plan: RebalancePlan
    steps: tuple[Step, ...]


def derive(
    snapshot: Snapshot,
    policy: Policy,
    mode: Mode = DEFAULT_MODE,
    overrides: frozenset[str] = frozenset(),
    purpose: Purpose = FULL,
) -> Derived:
    """Plans one account as `plan` does, and says how that came about."""
    with localcontext(EXACT):
        case = examine(snapshot, policy, mode, overrides, purpose)
        if isinstance(case, RebalancePlan):
            return Derived(case, refused(case))
        proposal = propose(case)
        made = lawful(case, told(case, proposal))
        if not made.can_be_planned:
            return Derived(made, refused(made))
        return Derived(made, tuple(_steps(case, proposal, made)))


def refused(plan: RebalancePlan) -> tuple[Step, ...]:
    """The derivation of a plan that a check refused: what the check said, and that nothing came after it."""
    codes = dict.fromkeys(each.rule for each in plan.findings)
    messages = [each.message for each in plan.findings]
    return (step("What the checks say", codes, {}, [], [*messages, "so nothing is planned and nothing trades"]),)


def _steps(case: Case, proposal: Proposal, plan: RebalancePlan) -> list[Step]:
    return [
        values.worth(case),
        values.bands(case),
        *values.restricted(case, plan),
        *values.openings(case, proposal, plan),
        *moves.moves(case, proposal, plan),
        *trades.sleeves(case, proposal),
        *trades.orders(case, proposal, plan),
        *trades.gains(case, plan),
        *trades.not_made(plan),
        cash(case, proposal),
        moves.ends(case, proposal, plan),
    ]


def cash(case: Case, proposal: Proposal) -> Step:
    """Every sleeve's cash before and after, by what moves it; settled by the rule that the plan itself is."""
    account = case.snapshot.account
    orders, crossings = proposal.netted.orders, proposal.netted.crossings

    def settled(sells: bool, buys: bool, crosses: bool) -> Settlement:
        made = [each for each in orders if (each.is_sell and sells) or (not each.is_sell and buys)]
        return settle(account, made, crossings if crosses else (), (), False)

    stages = [settled(False, False, False), settled(True, False, False), settled(True, True, False)]
    stages += [settled(True, True, True), proposal.after]
    rows: list[tuple[Cell, ...]] = []
    totals = [ZERO] * (len(stages) + 1)
    for key in proposal.after.cash:
        held = [each.cash.get(key, ZERO) for each in stages]
        flows = [after - before for before, after in pairwise(held)]
        totals = [total + each for total, each in zip(totals, [held[0], *flows, held[-1]], strict=True)]
        rows.append((key, held[0], *(each or None for each in flows), held[-1]))
    if len(rows) > 1:
        rows.append(("together", totals[0], *(each or None for each in totals[1:-1]), totals[-1]))
    reserved = case.valuation.reserved
    notes = [_reserved(proposal.after.cash[MANAGED], reserved)] if reserved else []
    return step(
        "Cash, before and after",
        [SLEEVE_1.code],
        {
            "sleeve": "text",
            "before": "amount",
            "sells": "change",
            "buys": "change",
            "crossings": "change",
            "funding": "change",
            "after": "amount",
        },
        rows,
        notes,
    )


def _reserved(after: Decimal, reserved: Decimal) -> str:
    return (
        f"of the managed sleeve's {money(after)}, {money(reserved)} is reserved for withdrawals; "
        f"{money(after - reserved)} is cash of the target"
    )
