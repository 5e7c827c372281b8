"""Evaluation: does this account need a rebalance today?

Asked by the daily evaluation for every account with rebalancing on, and by `diagnose`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Literal

from domain import checks, queue
from domain.components import components
from domain.money import EXACT
from domain.plan import plan
from domain.policy import Policy
from domain.queue import Evidence
from domain.restrictions import limits
from domain.rules import Finding
from domain.snapshot import Snapshot
from domain.targets import TargetRefused
from domain.valuation import value

Kind = Literal["queued", "inside", "within", "unable_to_check"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluation says of one account.

    `queued` with its reasons; `inside` its bands; `within` what can be traded, though outside (QUEUE-4); or
    `unable_to_check`, with a finding that says why (QUEUE-3).
    """

    kind: Kind
    reasons: Mapping[str, Evidence] = field(default_factory=dict)
    finding: Finding | None = None


def evaluate(snapshot: Snapshot, policy: Policy) -> Verdict:
    """The verdict on one account. Plans it only where its reasons need an order to count (QUEUE-4)."""
    with localcontext(EXACT):
        refused = checks.readable(snapshot)
        if refused:
            return Verdict("unable_to_check", finding=refused[0])
        numbers = snapshot.numbers(policy)
        valuation = value(snapshot)
        if valuation.managed_value <= 0:
            worthless = checks.check_value(snapshot, valuation)
            empty = not snapshot.account.holds_securities and valuation.managed_value == 0
            return Verdict("inside") if empty else Verdict("unable_to_check", finding=worthless[0])
        try:
            allowed = limits(snapshot, {})
            known = components(snapshot, valuation, numbers, allowed)
            reasons = queue.standing_reasons(snapshot, valuation, known, allowed)
        except TargetRefused as flaw:
            return Verdict("unable_to_check", finding=Finding(flaw.rule.code, "error", str(flaw)))
    if not reasons:
        return Verdict("inside")
    has_order = True
    if queue.NEEDS_AN_ORDER.issuperset(reasons):
        proposed = plan(snapshot, policy)
        if not proposed.can_be_planned:
            return Verdict(
                "unable_to_check", finding=next(each for each in proposed.findings if each.severity == "error")
            )
        has_order = bool(proposed.orders)
    kept, why_not = queue.worth_queueing(snapshot, reasons, has_order)
    if kept:
        return Verdict("queued", reasons=kept)
    return Verdict("within", reasons=reasons, finding=why_not[0])
