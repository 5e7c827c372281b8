"""Idle cash: what a model sleeve holds above its model's cash weight, for longer than rounding explains.

Asked by every plan (it is invested though the sleeve's value stays) and by the queue (it is evidence of drift).
"""

from decimal import Decimal

from domain.targets.restrictions import Limits, aim
from domain.values.money import ONE, ZERO
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import Model, Sleeve

SLEEVE_3 = Rule(
    "SLEEVE-3", "A sleeve whose value stays is not traded, but idle cash is invested and an overdraft made whole."
)


@record
class IdleCash:
    """A sleeve's cash against its model's: amounts in the account's currency, weights as shares of the sleeve."""

    cash: Decimal
    wanted: Decimal
    most: Decimal  # the upper bound of its threshold
    weight: Decimal
    upper: Decimal


def width(cash_weight: Decimal, policy: Policy) -> Decimal:
    """The half-width of a sleeve's cash threshold, as a share of the sleeve (TARGET-4, taken of the sleeve)."""
    return max(policy.threshold_relative * cash_weight, policy.cash_threshold_floor)


def idle_cash(sleeve: Sleeve, value: Decimal, model: Model, allowed: Limits, policy: Policy) -> IdleCash | None:
    """The idle cash of a sleeve worth `value`, or None where its cash is within its threshold (SLEEVE-3).

    None, too, where nothing may be bought with it.
    """
    if sleeve.cash <= 0 or value <= 0 or sleeve.cash <= policy.cash_threshold_floor * value:
        return None  # as nearly always: no threshold is narrower
    asked = aim(model, allowed)
    if not asked.weights or asked.weights.keys() <= allowed.no_buy.keys():
        return None
    upper = min(ONE, asked.cash_weight + width(asked.cash_weight, policy))
    most = upper * value
    if sleeve.cash <= max(ZERO, most):
        return None
    return IdleCash(sleeve.cash, asked.cash_weight * value, most, asked.cash_weight, upper)
