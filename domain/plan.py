"""The plan: what a rebalance would do to one account.

What-if, workflow, daily evaluation and audit call the same `plan`. Pure: the same snapshot and policy give the same
plan, byte for byte.
"""

from collections.abc import Sequence
from datetime import date
from decimal import localcontext

from domain import checks, explanations, lots, minimums, outcome, queue, wash_sales
from domain.components import Component, components
from domain.money import EXACT, ZERO
from domain.policy import DEFAULT_MODE, Mode, Policy
from domain.proposal import Proposal, propose
from domain.rebalance_plan import ComponentOutcome, RebalancePlan
from domain.rules import Finding
from domain.snapshot import CASH, MANAGED, Snapshot
from domain.targets import TargetRefused, need_not_be_held
from domain.valuation import Valuation, value


def plan(
    snapshot: Snapshot, policy: Policy, mode: Mode = DEFAULT_MODE, overrides: frozenset[str] = frozenset()
) -> RebalancePlan:
    """Plans one account. What can't be planned is a plan with an error finding and no orders; nothing is raised.

    `overrides` names checks that a person has set aside (CHECK-1: `open_break`).
    """
    with localcontext(EXACT):
        numbers = snapshot.numbers(policy)
        refused = checks.check(snapshot, overrides)
        if refused:
            return _refused(snapshot, numbers, mode, refused)
        valuation = value(snapshot)
        refused = checks.check_value(snapshot, valuation)
        if refused:
            return _refused(snapshot, numbers, mode, refused)
        try:
            known = components(snapshot, valuation, numbers)
        except TargetRefused as flaw:
            finding = Finding(flaw.rule.code, "error", str(flaw), {"target": snapshot.account.target_id})
            return _refused(snapshot, numbers, mode, [finding])
        proposal = propose(snapshot, valuation, known, numbers, mode)
        return _told(snapshot, valuation, known, proposal, numbers, mode)


def unknown_account(account_id: str, as_of: date, policy: Policy, mode: Mode) -> RebalancePlan:
    """The plan of an account that nobody knows: refused (CHECK-1)."""
    return RebalancePlan(account_id, as_of, mode, policy, False, "FAILED", (checks.unknown(account_id),))


def _refused(snapshot: Snapshot, policy: Policy, mode: Mode, findings: list[Finding]) -> RebalancePlan:
    return RebalancePlan(
        account_id=snapshot.account.id,
        as_of=snapshot.as_of,
        mode=mode,
        policy=policy,
        liquidation=snapshot.account.target_id is None,
        expected_status="FAILED",
        findings=tuple(findings),
    )


def _told(
    snapshot: Snapshot, valuation: Valuation, known: Sequence[Component], proposal: Proposal, policy: Policy, mode: Mode
) -> RebalancePlan:
    """The proposal as a plan: outcomes, orders and transfers with their reasons and lots, findings, the status."""
    outcomes = tuple(_outcome(component, snapshot, valuation, proposal) for component in known)
    orders, transfers, unknown_basis = explanations.explained(snapshot, valuation, proposal, outcomes, policy)
    skipped = explanations.skipped(snapshot, proposal, policy, valuation)
    buys = [order.symbol for order in orders if order.side == "buy"]
    planned = {each.component: each.planned_value for each in outcomes}
    findings = [
        *checks.liquidation(snapshot),
        *need_not_be_held(known),
        *proposal.rejected.values(),
        *minimums.stays_in_cash([component for component in known if component.key in proposal.rejected]),
        *(
            finding
            for component in known
            if component.kind == "model" and component.sleeve == "open"
            if (finding := minimums.below_minimum(component, planned[component.key], snapshot.models[component.ref]))
        ),
        *explanations.decisions(proposal),
        *lots.basis_unknown(unknown_basis),
        *wash_sales.unmet(snapshot, buys, policy),
    ]
    if any(finding.rule == wash_sales.WASH_1.code for finding in findings):
        return _refused(snapshot, policy, mode, findings)
    standing = queue.standing_reasons(snapshot, valuation, known)
    reasons, why_not = queue.worth_queueing(snapshot, standing, bool(orders))
    return RebalancePlan(
        account_id=snapshot.account.id,
        as_of=snapshot.as_of,
        mode=mode,
        policy=policy,
        liquidation=snapshot.account.target_id is None,
        expected_status=outcome.of_account(findings, bool(orders) or any(each.symbol for each in transfers)),
        findings=(*findings, *why_not),
        managed_value=valuation.managed_value,
        queue_reasons=reasons,
        components=outcomes,
        orders=orders,
        transfers=transfers,
        skipped=skipped,
        cash_before=snapshot.account.managed.cash,
        cash_after=proposal.after.cash[MANAGED],
    )


def _outcome(component: Component, snapshot: Snapshot, valuation: Valuation, proposal: Proposal) -> ComponentOutcome:
    """Where a component was and where the plan leaves it, at the snapshot's prices."""
    after = proposal.after
    if component.key == CASH:
        planned = after.cash[MANAGED] - valuation.reserved
    elif component.kind == "model":
        shares = after.shares.get(component.key, {})
        planned = after.cash.get(component.key, ZERO) + sum(
            (quantity * snapshot.price(symbol) for symbol, quantity in shares.items()), ZERO
        )
    else:
        planned = after.shares[MANAGED].get(component.ref, ZERO) * snapshot.price(component.ref)
    return ComponentOutcome(
        component=component.key,
        weight=component.weight,
        threshold=component.threshold,
        precision=component.precision,
        current_value=component.value,
        current_weight=component.value / valuation.managed_value,
        breach=component.breach,
        sleeve=component.sleeve,
        outcome="rejected" if component.key in proposal.rejected else "accepted",
        planned_value=planned,
        planned_weight=planned / valuation.managed_value,
    )
