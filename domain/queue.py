"""The queue: which accounts need a rebalance, and why.

Asked by the daily evaluation for every account, by a plan for its own, and where a target or the toggle changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from domain.targets.cash_needs import overdrawn
from domain.targets.components import Breach, Component
from domain.targets.idle_cash import SLEEVE_3, IdleCash, idle_cash
from domain.targets.restrictions import NO_LIMITS, Limits
from domain.targets.valuation import Valuation
from domain.values.money import cents, weight_text
from domain.values.policy import Policy
from domain.values.rules import Finding, Rule, as_evidence, info
from domain.values.snapshot import Snapshot

QUEUE_1 = Rule("QUEUE-1", "Assigning, replacing or removing a target queues the account in the same transaction.")
QUEUE_2 = Rule("QUEUE-2", "With rebalancing off an account is neither evaluated nor queued, except by a person.")
QUEUE_3 = Rule("QUEUE-3", "Every account with rebalancing on is valued daily; what can't be checked is reported.")
QUEUE_4 = Rule("QUEUE-4", "An account flagged only for cash or tolerance is queued only if its plan has an order.")
QUEUE_5 = Rule(
    "QUEUE-5", "An entry leaves the queue when its rebalance ends Complete; otherwise it stays, with the issue."
)
QUEUE_6 = Rule("QUEUE-6", "Being assigned or queued trades nothing: trades need a submission and an approval.")
TARGET_6 = Rule("TARGET-6", "Editing an enterprise target is a new version, which queues every account it serves.")

ReasonCode = Literal[
    "NO_TARGET",
    "FIRST_REBALANCE",
    "TARGET_CHANGED",
    "LOW_CASH",
    "HIGH_CASH",
    "OUTSIDE_TOLERANCE",
    "TOGGLED_ON",
    "MANUAL",
]
REASONS: tuple[ReasonCode, ...] = get_args(ReasonCode)  # the first of this order is an entry's primary reason
CASH_BREACHES: Mapping[Breach, ReasonCode] = {"below": "LOW_CASH", "above": "HIGH_CASH"}
NEEDS_AN_ORDER = frozenset({"LOW_CASH", "HIGH_CASH", "OUTSIDE_TOLERANCE"})

Evidence = Mapping[str, object]
NO_EVIDENCE: Evidence = {}  # of a plan's reasons: it is kept where an account is queued


def in_order(codes: Iterable[str]) -> list[str]:
    """Reason codes, the primary one first."""
    return sorted(codes, key=REASONS.index)


def standing_reasons(
    snapshot: Snapshot,
    valuation: Valuation,
    components: Sequence[Component],
    policy: Policy,
    allowed: Limits = NO_LIMITS,
) -> dict[str, Evidence]:
    """The reasons that the account's state gives by itself, each with its evidence, the primary one first.

    Knows nothing of the toggle, nor of whether anything can be traded: that is for `worth_queueing`.
    """
    reasons: dict[str, Evidence] = target_reasons(snapshot)
    for code in standing_codes(snapshot, components, valuation, policy, allowed):
        if code in CASH_BREACHES.values():
            reasons[code] = {**_against_band(components[-1], valuation), **_needs(snapshot, valuation)}
        elif code == "OUTSIDE_TOLERANCE":
            reasons[code] = {each.key: _against_band(each, valuation) for each in components[:-1] if each.breach} | {
                f"{sleeve} {symbol}": {
                    "value": cents(valuation.holding_values[sleeve][symbol]),
                    "rule": allowed.rule_of(symbol).code,
                }
                for sleeve, symbol in _held_against_wish(snapshot, allowed)
            }
            for sleeve, idle in _idle(snapshot, components, allowed, policy).items():
                reasons[code] = {**reasons[code], f"{sleeve} cash": _idle_evidence(idle)}
    return reasons


def standing_codes(
    snapshot: Snapshot,
    components: Sequence[Component],
    valuation: Valuation,
    policy: Policy,
    allowed: Limits = NO_LIMITS,
) -> list[str]:
    """The codes of `standing_reasons`, without the evidence."""
    codes = [*target_reasons(snapshot)]
    if snapshot.target is None:
        return codes
    if overdrawn(snapshot.account) or valuation.cash < 0:
        codes.append("LOW_CASH")
    elif components[-1].breach:
        codes.append(CASH_BREACHES[components[-1].breach])
    if (
        any(each.breach for each in components[:-1])
        or _held_against_wish(snapshot, allowed)
        or _idle(snapshot, components, allowed, policy)
    ):
        codes.append("OUTSIDE_TOLERANCE")
    return codes


def _idle(snapshot: Snapshot, components: Sequence[Component], allowed: Limits, policy: Policy) -> dict[str, IdleCash]:
    """The idle cash of open model sleeves, by sleeve (SLEEVE-3)."""
    sleeves = {sleeve.key: sleeve for sleeve in snapshot.account.model_sleeves if sleeve.cash > 0}
    if not sleeves:
        return {}
    found = {}
    for each in components:
        if each.key in sleeves and not each.goes_to_zero:
            idle = idle_cash(sleeves[each.key], each.value, snapshot.models[each.ref], allowed, policy)
            if idle:
                found[each.key] = idle
    return found


def in_need(snapshot: Snapshot, valuation: Valuation, allowed: Limits = NO_LIMITS) -> bool:
    """True where a cash need is unmet, an overdraft stands, or something excluded is held: the account stays in the
    queue even where nothing can be traded (QUEUE-4).
    """
    account = snapshot.account
    if valuation.cash < 0 or any(sleeve.cash < 0 for sleeve in account.model_sleeves):
        return True
    if not allowed.takes_out:
        return False
    leaving = allowed.leaving
    return any(not leaving.isdisjoint(here) for here in valuation.holdings.values())


def _needs(snapshot: Snapshot, valuation: Valuation) -> Evidence:
    """What of the account's cash is below zero, and what withdrawals lack."""
    short = overdrawn(snapshot.account)
    found: dict[str, object] = {}
    if short:
        found["overdrawn"] = cents(short)
    if valuation.reserved and valuation.cash < 0:
        found |= {"reserved": cents(valuation.reserved), "missing": cents(-valuation.cash)}
    return found


def _idle_evidence(idle: IdleCash) -> Evidence:
    return {
        "value": cents(idle.cash),
        "target_weight": weight_text(idle.weight),
        "upper": weight_text(idle.upper),
        "breach": "above",
        "rule": SLEEVE_3.code,
    }


def _held_against_wish(snapshot: Snapshot, allowed: Limits) -> list[tuple[str, str]]:
    """What model sleeves hold although a restriction takes it out, by sleeve and symbol; the managed sleeve's are
    components of their own.
    """
    leaving = allowed.leaving - allowed.no_sell.keys() if allowed.takes_out else ()
    return [
        (sleeve.key, holding.symbol)
        for sleeve in (snapshot.account.model_sleeves if leaving else ())
        for holding in sleeve.holdings
        if holding.symbol in leaving
    ]


def target_reasons(snapshot: Snapshot) -> dict[str, Evidence]:
    """The reasons that come from the assignment alone, which need no prices."""
    account, target = snapshot.account, snapshot.target
    if target is None:
        return {"NO_TARGET": {"symbols": _held(snapshot)}} if account.holds_securities else {}
    reasons: dict[str, Evidence] = {}
    if account.first_rebalanced is None:
        reasons["FIRST_REBALANCE"] = {"target": target.id, "version": target.version}
    last = snapshot.rebalanced_to
    if last is not None and (last.target_id, last.version) != (target.id, target.version):
        reasons["TARGET_CHANGED"] = as_evidence(
            {
                "target": target.id,
                "version": target.version,
                "rebalanced_to": last.target_id,
                "rebalanced_to_version": last.version,
            }
        )
    return reasons


def worth_queueing(
    snapshot: Snapshot, reasons: Mapping[str, Evidence], has_order: bool, in_need: bool = False
) -> tuple[dict[str, Evidence], list[Finding]]:
    """The reasons that put the account in the queue, after the toggle (QUEUE-2) and QUEUE-4, and why others don't."""
    account = snapshot.account.id
    if not reasons:
        return {}, []
    if not snapshot.account.rebalancing:
        return {}, [
            info(
                QUEUE_2,
                f"account {account} would be queued for {', '.join(reasons)}, but its rebalancing is off",
                reasons=list(reasons),
            )
        ]
    if not has_order and not in_need and NEEDS_AN_ORDER.issuperset(reasons):
        return {}, [
            info(
                QUEUE_4,
                f"account {account} shows {', '.join(reasons)}, but its plan has no order: it is within what "
                "can be traded and is not queued",
                reasons=list(reasons),
            )
        ]
    return dict(reasons), []


def _held(snapshot: Snapshot) -> list[str]:
    return sorted({holding.symbol for sleeve in snapshot.account.sleeves for holding in sleeve.holdings})


def _against_band(component: Component, valuation: Valuation) -> Evidence:
    managed_value = valuation.managed_value
    return {
        "value": cents(component.value),
        "weight": weight_text(component.value / managed_value if managed_value else component.value),
        "target_weight": weight_text(component.weight),
        "lower": weight_text(component.threshold.lower),
        "upper": weight_text(component.threshold.upper),
        "breach": component.breach,
    }
