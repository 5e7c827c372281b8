"""The plan's public form: one JSON object, decimals as strings, keys that scripts rely on and that stay as they are.

Amounts have two decimals, weights are fractions of one. The same plan gives the same bytes.
"""

import json
from decimal import Decimal

from domain.rebalance_plan import ComponentOutcome, Order, RebalancePlan, SkippedTrade, Transfer
from domain.tax.lots import Gain, RelievedLot
from domain.tax.tax_year import PlanTax
from domain.values.money import cents, plain, weight_text
from domain.values.rules import Finding
from domain.values.snapshot import Lot

Json = dict[str, object]


def as_json(plan: RebalancePlan) -> Json:
    """The plan as the operator's contract has it. One that can't be planned gives its status and findings alone."""
    findings = [finding(each) for each in plan.findings]
    if not plan.can_be_planned:
        return {"account_id": plan.account_id, "expected_status": plan.expected_status, "findings": findings}
    return {
        "account_id": plan.account_id,
        "as_of": str(plan.as_of),
        "mode": plan.mode,
        "kind": plan.purpose.kind,
        "amount": None if plan.purpose.amount is None else cents(plan.purpose.amount),
        "liquidation": plan.liquidation,
        "managed_value": cents(plan.managed_value or Decimal(0)),
        "expected_status": plan.expected_status,
        "queue_reasons": list(plan.queue_reasons),
        "components": [component(each) for each in plan.components],
        "orders": [order(each) for each in plan.orders],
        "transfers": [transfer(each) for each in plan.transfers],
        "skipped": [skipped(each) for each in plan.skipped],
        "cash": {"before": cents(plan.cash_before), "after": cents(plan.cash_after)},
        "gain": gain(plan.gain),
        "tax": None if plan.tax is None else tax(plan.tax),
        "findings": findings,
        "policy": plan.policy.as_json(),
    }


def dumps(plan: RebalancePlan) -> str:
    """The plan as one line of JSON."""
    return json.dumps(as_json(plan), ensure_ascii=False)


def component(each: ComponentOutcome) -> Json:
    """A component with its bands, its value before and after, and what became of it; its minimum where it opens."""
    told: Json = {
        "component": each.component,
        "weight": weight_text(each.weight),
        "lower": weight_text(each.threshold.lower),
        "upper": weight_text(each.threshold.upper),
        "precision_lower": weight_text(each.precision.lower),
        "precision_upper": weight_text(each.precision.upper),
        "current_value": cents(each.current_value),
        "current_weight": weight_text(each.current_weight),
        "breach": each.breach,
        "sleeve": each.sleeve,
        "outcome": each.outcome,
        "planned_value": cents(each.planned_value),
        "planned_weight": weight_text(each.planned_weight),
    }
    if each.investment_minimum is not None:
        told["investment_minimum"] = cents(each.investment_minimum)
    return told


def order(each: Order) -> Json:
    """An order with its allocations, the lots it gives up and why it exists."""
    return {
        "side": each.side,
        "symbol": each.symbol,
        "quantity": plain(each.quantity),
        "price": price_text(each.price),
        "amount": cents(each.amount),
        "allocations": [{"sleeve": part.sleeve, "quantity": plain(part.quantity)} for part in each.allocations],
        "lots": [relieved(part) for part in each.lots],
        "gain": gain(each.gain),
        "rule": each.rule,
        "reason": each.reason,
    }


def relieved(each: RelievedLot) -> Json:
    """Shares of a lot given up, with the gain where the basis is known."""
    return lot(each.lot) | {"gain": None if each.gain is None else cents(each.gain), "term": each.term}


def lot(each: Lot) -> Json:
    """A lot: nulls where the basis is unknown."""
    return {
        "acquired": None if each.acquired is None else str(each.acquired),
        "quantity": plain(each.quantity),
        "cost_per_share": None if each.cost_per_share is None else price_text(each.cost_per_share),
    }


def transfer(each: Transfer) -> Json:
    """Cash (no symbol) or shares that move inside the account."""
    return {
        "from": each.source,
        "to": each.destination,
        "symbol": each.symbol,
        "quantity": None if each.quantity is None else plain(each.quantity),
        "price": None if each.price is None else price_text(each.price),
        "amount": cents(each.amount),
        "lots": [lot(part) for part in each.lots],
        "rule": each.rule,
        "reason": each.reason,
    }


def skipped(each: SkippedTrade) -> Json:
    """A trade not made."""
    return {
        "side": each.side,
        "symbol": each.symbol,
        "quantity": plain(each.quantity),
        "amount": cents(each.amount),
        "rule": each.rule,
        "reason": each.reason,
    }


def finding(each: Finding) -> Json:
    """A finding: rule code, severity, sentence, numbers."""
    return {
        "rule": each.rule,
        "severity": each.severity,
        "message": each.message,
        "evidence": dict(each.evidence),
    }


def gain(each: Gain) -> Json:
    """Net gain by holding period."""
    return {"short_term": cents(each.short_term), "long_term": cents(each.long_term)}


def tax(each: PlanTax) -> Json:
    """What the plan recognises, and the group's tax of the year without it and with it; losses carried are above 0."""
    without, with_plan = each.difference.without, each.difference.with_plan
    carried = with_plan.carried
    return {
        "short": cents(each.plan.short_term),
        "long": cents(each.plan.long_term),
        "disallowed": cents(each.disallowed),
        "year_to_date": gain(each.year),
        "without": cents(without.tax),
        "with": cents(with_plan.tax),
        "difference": cents(each.difference.tax),
        "carried": {"short": cents(-carried.short_term), "long": cents(-carried.long_term)},
    }


def price_text(price: Decimal) -> str:
    """A price with at least two decimals, and all that it has."""
    text = plain(price)
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
