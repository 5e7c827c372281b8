"""The plan: what a rebalance would do to one account.

What-if, workflow, daily evaluation and audit call the same `plan`. Pure: the same snapshot and policy give the same
plan, byte for byte.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from functools import partial

from domain import laws, queue
from domain.planning import checks, gain_budget, one_way
from domain.planning.case import Case
from domain.planning.orders import minimum_trade
from domain.planning.proposal import propose
from domain.planning.turn import Proposal
from domain.queue import NO_EVIDENCE
from domain.rebalance_plan import ComponentOutcome, RebalancePlan
from domain.targets import cash_needs, minimums
from domain.targets.components import Component, components, emptied, heirless
from domain.targets.restrictions import RESTRICT_1, limits, obeyed
from domain.targets.targets import TargetRefused, need_not_be_held
from domain.targets.valuation import value
from domain.targets.worthless import set_aside
from domain.tax import lots, tax_year, wash_sales
from domain.tax.lots import RelievedLot
from domain.telling import explanations, not_made
from domain.telling.asked import asked
from domain.telling.decisions import decisions
from domain.telling.landing import landed
from domain.values import outcome
from domain.values.keys import named
from domain.values.money import EXACT, ZERO, cents, money, percent, to_cent
from domain.values.policy import DEFAULT_MODE, Mode, Policy
from domain.values.purpose import FULL, Purpose
from domain.values.rules import Finding, Noted, error, info, warning
from domain.values.snapshot import CASH, MANAGED, Snapshot, model_key


def plan(
    snapshot: Snapshot,
    policy: Policy,
    mode: Mode = DEFAULT_MODE,
    overrides: frozenset[str] = frozenset(),
    purpose: Purpose = FULL,
) -> RebalancePlan:
    """Plans one account. What can't be planned is a plan with an error finding and no orders; nothing is raised.

    `overrides` names checks that a person has set aside (CHECK-1: `open_break`).
    """
    with localcontext(EXACT):
        case = examine(snapshot, policy, mode, overrides, purpose)
        if isinstance(case, RebalancePlan):
            return case
        return lawful(case, told(case, propose(case)))


def examine(
    snapshot: Snapshot, policy: Policy, mode: Mode, overrides: frozenset[str], purpose: Purpose
) -> Case | RebalancePlan:
    """What is known of the account and asked of it; or the plan that refuses it."""
    snapshot, numbers = set_aside(snapshot), snapshot.numbers(policy)
    refused = checks.check(snapshot, overrides) + one_way.check(snapshot, purpose)
    if refused:
        return _refused(snapshot, numbers, mode, purpose, refused)
    valuation = value(snapshot, numbers)
    liquidation = checks.is_liquidation(snapshot, valuation, purpose)
    refused = [] if liquidation and valuation.reserved else checks.check_value(snapshot, valuation)
    if refused:
        return _refused(snapshot, numbers, mode, purpose, refused)
    allowed = limits(snapshot, wash_sales.washed(snapshot, numbers), wash_sales.kept_back(snapshot))
    try:
        known = components(snapshot, valuation, numbers, allowed, liquidation)
    except TargetRefused as flaw:
        finding = Finding(flaw.rule.code, "error", str(flaw), {"target": snapshot.account.target_id})
        return _refused(snapshot, numbers, mode, purpose, [finding])
    smallest = to_cent(minimum_trade(valuation.managed_value, numbers))
    return Case(snapshot, valuation, known, numbers, mode, purpose, allowed, smallest, liquidation)


def lawful(case: Case, made: RebalancePlan) -> RebalancePlan:
    """The plan, looked at by what shares nothing with the planner; refused where it breaks a law (LAW-1 to LAW-8).

    A wrong plan is never shown, kept or sent: it is FAILED with the law's code and numbers, and trades nothing.
    """
    broken = laws.broken(case.snapshot, case.policy, made)
    if not broken:
        return made
    findings = [error(each.rule, f"{BROKEN}: {each.says}", **each.evidence) for each in broken]
    return _refused(case.snapshot, case.policy, case.mode, case.purpose, findings)


BROKEN = "a plan was made that breaks a law, and is refused; nothing trades. Report it with the account's snapshot"


def unknown_account(account_id: str, as_of: date, policy: Policy, mode: Mode) -> RebalancePlan:
    """The plan of an account that nobody knows: refused (CHECK-1)."""
    return RebalancePlan(account_id, as_of, mode, policy, FULL, False, "FAILED", (checks.unknown(account_id),))


def _refused(
    snapshot: Snapshot, policy: Policy, mode: Mode, purpose: Purpose, findings: list[Finding]
) -> RebalancePlan:
    return RebalancePlan(
        account_id=snapshot.account.id,
        as_of=snapshot.as_of,
        mode=mode,
        policy=policy,
        purpose=purpose,
        liquidation=purpose.kind == "full" and snapshot.account.target_id is None,
        expected_status="FAILED",
        noted=tuple(findings),
    )


def told(case: Case, proposal: Proposal) -> RebalancePlan:
    """The proposal as a plan: outcomes, orders and transfers with their reasons and lots, findings, the status."""
    snapshot, policy, known = case.snapshot, case.policy, case.known
    worth = proposal.after.worth(snapshot.prices)
    outcomes = tuple([_outcome(component, case, proposal, worth) for component in known])
    orders, transfers = explanations.explained(case, proposal, outcomes)
    skipped = not_made.skipped(case, proposal)
    sold = {order.symbol: order.lots for order in orders if order.lots}
    findings: list[Finding | Noted] = [
        *checks.liquidation(case.snapshot, case.valuation, case.liquidation),
        *cash_needs.later(snapshot, policy),
        *need_not_be_held(known),
        *_minimums(case, proposal, outcomes),
        *decisions(proposal),
        *asked(case, proposal, orders),
        *_limited(case, proposal, sold),
        *lots.basis_unknown([symbol for symbol, relieved in sold.items() if not lots.all_known(relieved)]),
        *cash_needs.unmet(proposal.after.cash, case.valuation.reserved),
        *landed(case, proposal, outcomes),
    ]
    standing = queue.standing_codes(snapshot, known, case.valuation, policy, case.allowed)
    stuck = queue.in_need(snapshot, case.valuation, case.allowed)
    reasons, why_not = queue.worth_queueing(snapshot, dict.fromkeys(standing, NO_EVIDENCE), bool(orders), stuck)
    return RebalancePlan(
        account_id=snapshot.account.id,
        as_of=snapshot.as_of,
        mode=case.mode,
        policy=policy,
        purpose=case.purpose,
        liquidation=case.liquidation,
        expected_status=outcome.of_account(findings, bool(orders) or any(each.symbol for each in transfers)),
        noted=(*findings, *why_not),
        managed_value=case.valuation.managed_value,
        queue_reasons=tuple(reasons),
        components=outcomes,
        orders=orders,
        transfers=transfers,
        skipped=skipped,
        cash_before=snapshot.account.managed.cash,
        cash_after=proposal.after.cash[MANAGED],
        taxed=partial(tax_year.of_plan, snapshot, policy, sold),
    )


def _minimums(case: Case, proposal: Proposal, outcomes: Sequence[ComponentOutcome]) -> list[Finding]:
    """What the investment minimums say: models that can't open, and open ones below theirs."""
    models, rejected, shut = case.snapshot.models, proposal.rejected, proposal.destined.shut
    found = [*rejected.values()]
    if rejected:
        found += minimums.stays_in_cash([component for component in case.known if component.key in rejected])
    if shut:
        found += [_shut(case, component) for component in case.known if component.key in shut]
    found += [_unfunded(case, key, lacks) for key, lacks in proposal.destined.unfunded.items()]
    for component, seen in zip(case.known, outcomes, strict=True):
        if component.sleeve == "open":
            below = minimums.below_minimum(component, seen.planned_value, models[component.ref])
            found += [below] if below else []
    return found


def _shut(case: Case, component: Component) -> Finding:
    """Says of a model that does not open that nothing of it may be bought, and where its weight stays (RESTRICT-1)."""
    model = case.snapshot.models[component.ref]
    weights = case.aim(component.ref).weights
    reasons = dict.fromkeys(f"{symbol}: {case.allowed.no_buy[symbol].why}" for symbol in sorted(weights))
    return warning(
        RESTRICT_1,
        f"{model.name} does not open: nothing of it may be bought ({'; '.join(reasons)}). Its weight of "
        f"{percent(component.weight)} stays in the account's cash",
        component=component.key,
        stays_in=CASH,
        weight=component.weight,
        symbols=sorted(weights),
    )


def _unfunded(case: Case, key: str, lacks: Decimal) -> Finding:
    """Says of an open sleeve that nothing of its model may be bought, and where what it lacks stays (RESTRICT-1)."""
    return warning(
        RESTRICT_1,
        f"{case.snapshot.models[named(key).ref].name} is not funded: nothing of it may be bought. "
        f"The {money(lacks)} that it lacks stay in the account's cash",
        component=key,
        stays_in=CASH,
        lacks=cents(lacks),
    )


def _emptied(case: Case, model_id: str) -> Finding:
    """Says of a model of which everything is excluded where its weight stays (RESTRICT-1)."""
    model = case.snapshot.models[model_id]
    symbols = sorted(each.symbol for each in model.holdings if each.weight)
    return info(
        RESTRICT_1,
        f"all that {model.name} holds is excluded ({', '.join(symbols)}): its weight stays in the account's cash",
        component=model_key(model_id),
        stays_in=CASH,
        symbols=symbols,
    )


def _limited(case: Case, proposal: Proposal, sold: Mapping[str, Sequence[RelievedLot]]) -> list[Finding | Noted]:
    """What restrictions, the gain budget and wash sales say; `sold` are the lots that the plan sells, by symbol."""
    findings: list[Finding | Noted] = []
    if case.allowed.takes_out:
        named, held = checks.named_symbols(case.snapshot), case.valuation.holdings.values()
        concerned = {
            symbol
            for symbol in (*case.allowed.excluded, *case.allowed.substitutes)
            if symbol in named or any(symbol in each for each in held)
        }
        findings += obeyed(case.allowed, concerned, named, partial(heirless, case.snapshot, case.allowed))
        findings += [_emptied(case, model_id) for model_id in emptied(case.snapshot, case.allowed)]
    cut = sorted({trades[0].symbol for rule, trades in proposal.left_out() if rule is gain_budget.LOT_2})
    if cut:
        gain = wash_sales.recognised(case.snapshot, case.policy, sold).net
        findings += gain_budget.kept_to(case.snapshot.account.gain_budget or ZERO, cut, gain)
    return [*findings, *wash_sales.disallowed(case.snapshot, sold, case.policy)]


def _outcome(component: Component, case: Case, proposal: Proposal, worth: Mapping[str, Decimal]) -> ComponentOutcome:
    """Where a component was and where the plan leaves it, at the snapshot's prices.

    `worth` is by how much the plan changes what is held, by model sleeve and by symbol of the managed one.
    """
    after, valuation = proposal.after, case.valuation
    if component.kind == "cash":
        planned = after.cash[MANAGED] - valuation.reserved
    elif component.kind == "model":
        before = valuation.sleeve_cash.get(component.key, ZERO)
        paid = after.cash.get(component.key, ZERO) - before
        planned = component.value + paid + worth.get(component.key, ZERO)
    else:
        planned = component.value
        if component.ref in worth:
            planned += worth[component.ref]
    return ComponentOutcome(
        component=component.key,
        weight=component.weight,
        threshold=component.threshold,
        precision=component.precision,
        current_value=component.value,
        breach=component.breach,
        sleeve=component.sleeve,
        outcome="rejected"
        if component.key in proposal.rejected or component.key in proposal.destined.shut
        else "accepted",
        planned_value=planned,
        share=valuation.share,
        investment_minimum=(
            case.snapshot.models[component.ref].investment_minimum if component.sleeve == "opening" else None
        ),
    )
