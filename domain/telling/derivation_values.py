"""The first steps of a derivation: what the account is worth, its bands, what restrictions and minimums say.

Reads what the rules decided, and asks their functions again for what went into it; decides nothing.
"""

from collections.abc import Iterator
from decimal import Decimal

from domain.planning.case import Case
from domain.planning.checks import named_symbols
from domain.planning.lines import destination_band
from domain.planning.turn import Proposal
from domain.queue import QUEUE_3
from domain.rebalance_plan import RebalancePlan
from domain.targets import minimums, targets
from domain.targets.cash_needs import CASH_1
from domain.targets.components import Component, components
from domain.targets.restrictions import NO_LIMITS, RESTRICT_1, RESTRICT_2, aim
from domain.targets.targets import TargetRefused
from domain.targets.valuation import held_symbols
from domain.telling.steps import Cell, Step, step
from domain.values.money import ZERO, money, plain, tidy
from domain.values.snapshot import CASH

MINIMUM_RULES = (minimums.MINIMUM_1.code, minimums.MINIMUM_2.code, minimums.MINIMUM_3.code)


def worth(case: Case) -> Step:
    """Every holding and all cash at the snapshot's prices, and the managed value they come to."""
    snapshot, valuation = case.snapshot, case.valuation
    rows: list[tuple[Cell, ...]] = []
    for sleeve in snapshot.account.sleeves:
        rows += [
            (
                sleeve.key,
                each.symbol,
                each.quantity,
                snapshot.price(each.symbol),
                valuation.holding_values[sleeve.key][each.symbol],
            )
            for each in sleeve.holdings
        ]
        rows.append((sleeve.key, CASH, None, None, sleeve.cash))
    summed = " + ".join(f"{key} {money(value)}" for key, value in valuation.sleeve_values.items())
    reserved = money(valuation.reserved)
    less = f" − {reserved} that pending withdrawals reserve ({CASH_1.code})" if valuation.reserved else ""
    terms = f"{summed}{less} = " if less or len(valuation.sleeve_values) > 1 else ""
    notes = [f"managed value = {terms}{money(valuation.managed_value)}"]
    if snapshot.account.protected:
        listed = ", ".join(f"{plain(each.quantity)} {each.symbol}" for each in snapshot.account.protected)
        notes.append(f"protected, so neither counted nor traded: {listed}")
    return step(
        "What the account is worth",
        [CASH_1.code] if valuation.reserved else [],
        {"sleeve": "text", "holding": "text", "quantity": "quantity", "price": "price", "value": "amount"},
        rows,
        notes,
    )


def bands(case: Case) -> Step:
    """Every component's weight, its trigger and its destination band, and where it is now."""
    total = case.valuation.managed_value
    rows = []
    for each in case.known:
        lands = destination_band(each, case.mode)
        weights = (each.weight, each.threshold.lower, each.threshold.upper, lands.lower, lands.upper)
        state = f"{each.breach} its threshold" if each.breach else "inside"
        rows.append((each.key, *weights, each.value / total if total else ZERO, state))  # a withdrawal may take it all
    reached = {"exact": "the weight itself", "best_fit": "its destination band", "min_transaction": "its threshold"}
    return step(
        "What the target asks, and where the account is",
        [targets.TARGET_3.code, targets.TARGET_4.code, QUEUE_3.code],
        {
            "component": "text",
            "weight": "weight",
            "threshold from": "weight",
            "threshold to": "weight",
            "destination from": "weight",
            "destination to": "weight",
            "now": "weight",
            "it is": "text",
        },
        rows,
        [f"a {case.mode} rebalance brings a component that it moves to {reached[case.mode]}"],
    )


def restricted(case: Case, plan: RebalancePlan) -> Iterator[Step]:
    """What restrictions change of the target and its models, and what may not be bought or sold; nothing without."""
    allowed, snapshot = case.allowed, case.snapshot
    if allowed == NO_LIMITS:
        return
    concerned = named_symbols(snapshot) | held_symbols(snapshot.account.sleeves)
    concerned |= {by for symbol, by in allowed.substitutes.items() if symbol in concerned}
    told = [each for each in plan.findings if each.rule in {RESTRICT_1.code, RESTRICT_2.code}]
    notes, codes = [each.message for each in told], {each.rule for each in told}
    for verb, blocks in (("bought", allowed.no_buy), ("sold", allowed.no_sell)):
        for symbol, block in sorted(blocks.items()):
            if symbol in concerned and block.rule is not RESTRICT_1:
                notes.append(f"{symbol} may not be {verb}: {block.why} ({block.rule.code})")
                codes.add(block.rule.code)
    rows = [*_changed_components(case), *_changed_models(case)]
    if rows or notes:
        yield step(
            "What restrictions and wash sales change",
            sorted(codes),
            {"in": "text", "holding": "text", "asked": "weight", "becomes": "weight"},
            rows,
            notes,
        )


def _changed_components(case: Case) -> Iterator[tuple[Cell, ...]]:
    try:
        free = components(case.snapshot, case.valuation, case.policy)
    except TargetRefused:  # what is replaced may be what made the target sound
        return
    asked = {each.key: each.weight for each in free}
    becomes = {each.key: each.weight for each in case.known}
    for key in dict.fromkeys([*asked, *becomes]):
        before, after = asked.get(key, ZERO), becomes.get(key, ZERO)
        if before != after:
            yield "target", key, before, after


def _changed_models(case: Case) -> Iterator[tuple[Cell, ...]]:
    for each in case.known:
        if each.kind != "model" or each.goes_to_zero:
            continue
        model = case.snapshot.models[each.ref]
        asked, becomes = aim(model, NO_LIMITS), aim(model, case.allowed)
        for symbol in dict.fromkeys([*asked.weights, *becomes.weights]):
            before, after = tidy(asked.shares.get(symbol, ZERO)), tidy(becomes.shares.get(symbol, ZERO))
            if before != after:
                yield each.key, symbol, before, after
        if asked.cash_weight != becomes.cash_weight:
            yield each.key, CASH, asked.cash_weight, becomes.cash_weight


def openings(case: Case, proposal: Proposal, plan: RebalancePlan) -> Iterator[Step]:
    """What may open, and which open sleeves are below their minimum; nothing where no minimum has a say."""
    notes = [each.message for each in plan.findings if each.rule in MINIMUM_RULES]
    asked = [each for each in case.known if each.sleeve == "opening"]
    if case.purpose.kind in {"raise_cash", "signal"}:  # these open nothing, so that no minimum is asked
        asked = []
    if not asked and not notes:
        return
    yield step(
        "What may open",
        MINIMUM_RULES,
        {"component": "text", "weight": "weight", "its share": "amount", "minimum": "amount", "it": "text"},
        [_opening(each, case, proposal) for each in asked],
        notes,
    )


def _opening(component: Component, case: Case, proposal: Proposal) -> tuple[Cell, ...]:
    model = case.snapshot.models[component.ref]
    share: Decimal = component.weight * case.valuation.managed_value
    may = "may open" if component.key not in proposal.rejected else "can't open"
    return component.key, component.weight, share, model.investment_minimum, may
