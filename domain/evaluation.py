"""Evaluation: does this account need a rebalance today?

Asked by the daily evaluation for every account with rebalancing on, and by `diagnose`. Of most accounts of a large book
the values alone show that they are inside their bands: `terms` says which values those are, for all accounts of one
target together; `evaluate` decides every account of which that is in doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Literal

from domain import queue
from domain.plan import plan
from domain.planning import checks
from domain.queue import Evidence
from domain.targets.components import components
from domain.targets.restrictions import limits
from domain.targets.targets import Band, TargetRefused, flatten
from domain.targets.valuation import value
from domain.targets.worthless import set_aside
from domain.values.money import EXACT, ONE, ZERO
from domain.values.policy import Policy
from domain.values.purpose import FULL
from domain.values.rules import Finding
from domain.values.snapshot import CASH, Snapshot

Kind = Literal["queued", "inside", "within", "unable_to_check"]

# Why an account can't be checked, besides ACCOUNT_FROZEN, ACCOUNT_CLOSED and the codes of rules that forbid its plan.
PRICE = "PRICE_MISSING_OR_STALE"
NO_VALUE = "NO_VALUE"
TARGET_REFUSED = "TARGET_REFUSED"
OPEN_BREAK = "OPEN_BREAK"
FAULT = "FAULT"  # the account's data made the rules fail; the note has the error


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluation says of one account.

    `queued` with its reasons; `inside` its bands; `within` what can be traded, though outside (QUEUE-4); or
    `unable_to_check`, with a finding that says why, and in `why` the kind of trouble for counting (QUEUE-3).
    """

    kind: Kind
    reasons: Mapping[str, Evidence] = field(default_factory=dict)
    finding: Finding | None = None
    why: str | None = None


def evaluate(snapshot: Snapshot, policy: Policy) -> Verdict:
    """The verdict on one account. Plans it only where its reasons need an order to count (QUEUE-4)."""
    with localcontext(EXACT):
        snapshot = set_aside(snapshot)
        refused = checks.readable(snapshot)
        if refused:
            status = snapshot.account.status
            return _unable(refused[0], PRICE if status == "open" else f"ACCOUNT_{status.upper()}")
        numbers = snapshot.numbers(policy)
        valuation = value(snapshot, numbers)
        gone = checks.is_liquidation(snapshot, valuation, FULL) and valuation.reserved > 0
        if valuation.managed_value <= 0 and not gone:
            worthless = checks.check_value(snapshot, valuation)
            empty = not snapshot.account.holds_securities and valuation.managed_value == 0
            return Verdict("inside") if empty else _unable(worthless[0], NO_VALUE)
        try:
            allowed = limits(snapshot, {})
            known = components(snapshot, valuation, numbers, allowed)
            reasons = queue.standing_reasons(snapshot, valuation, known, numbers, allowed)
        except TargetRefused as flaw:
            return _unable(Finding(flaw.rule.code, "error", str(flaw)), TARGET_REFUSED)
    if not reasons:
        return Verdict("inside")
    has_order = True
    if queue.NEEDS_AN_ORDER.issuperset(reasons):
        proposed = plan(snapshot, policy)
        if not proposed.can_be_planned:
            error = next(each for each in proposed.findings if each.severity == "error")
            return _unable(error, OPEN_BREAK if snapshot.open_breaks else error.rule)
        has_order = bool(proposed.orders)
    in_need = queue.in_need(snapshot, valuation, allowed)
    kept, why_not = queue.worth_queueing(snapshot, reasons, has_order, in_need)
    if kept:
        return Verdict("queued", reasons=kept)
    return Verdict("within", reasons=reasons, finding=why_not[0])


def _unable(finding: Finding, why: str) -> Verdict:
    return Verdict("unable_to_check", finding=finding, why=why)


def terms(empty: Snapshot, policy: Policy) -> Mapping[str, Band] | None:
    """The bands, by component key, that keep an open account inside; of what is in none, it must hold nothing.

    `empty` is the snapshot of an account that holds nothing: what comes back binds every account with its target and
    its numbers that was last rebalanced to the target's present version, has no restriction and no withdrawal, holds
    only what has a fresh price, and is worth something. None where such an account may still not be inside.
    """
    with localcontext(EXACT):
        if checks.readable(empty):
            return None
        if empty.target is None:
            return {CASH: Band(ZERO, ONE)}  # without a target, whoever holds cash alone has no reason (NO_TARGET)
        try:
            named = flatten(empty.target, empty.targets, empty.numbers(policy))
        except TargetRefused:
            return None
        return {each.key: each.threshold for each in named}
