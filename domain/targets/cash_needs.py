"""Cash needs: what pending withdrawals reserve, and what is said where a plan does not meet them.

Asked by the valuation (what is out of managed value?), by every plan once its cash is known, and by the queue.
Rebalances that trade one way only are `one_way`.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from domain.values.keys import MANAGED
from domain.values.money import CENT, ZERO, cents, money
from domain.values.policy import Policy
from domain.values.rules import Finding, Rule, error, info
from domain.values.snapshot import Account, Snapshot, Withdrawal

CASH_1 = Rule("CASH-1", "A withdrawal reserves its cash from some days before it is due, and the plan raises it.")
CASH_3 = Rule(
    "CASH-3", "A cash need that a plan can't meet is an error with the amount missing; the account stays queued."
)


def is_near(withdrawal: Withdrawal, snapshot: Snapshot, policy: Policy) -> bool:
    """True from `withdrawal_horizon_days` before it is due; pending until the books no longer name it (CASH-1)."""
    return withdrawal.due <= snapshot.as_of + timedelta(days=policy.withdrawal_horizon_days)


def reserved(snapshot: Snapshot, policy: Policy) -> Decimal:
    """The cash that near withdrawals reserve."""
    near = [each.amount for each in snapshot.account.withdrawals if is_near(each, snapshot, policy)]
    return sum(near, ZERO)


def later(snapshot: Snapshot, policy: Policy) -> list[Finding]:
    """Says which withdrawals are not reserved yet, and from when they are (CASH-1)."""
    horizon = timedelta(days=policy.withdrawal_horizon_days)
    return [
        info(
            CASH_1,
            f"the withdrawal of {money(each.amount)} due {each.due} is not reserved yet: "
            f"it is from {each.due - horizon}",
            amount=cents(each.amount),
            due=each.due,
            reserved_from=each.due - horizon,
        )
        for each in snapshot.account.withdrawals
        if not is_near(each, snapshot, policy)
    ]


def unmet(cash: Mapping[str, Decimal], reserved: Decimal) -> list[Finding]:
    """The errors where the cash that a plan leaves, by sleeve, does not cover what is needed (CASH-3)."""
    found = []
    missing = reserved - cash[MANAGED]
    if reserved > 0 and missing >= CENT:
        found.append(
            error(
                CASH_3,
                f"{money(missing)} of the {money(reserved)} that withdrawals need is missing after this plan: find "
                "what keeps it from being sold (restrictions, the gain budget, the minimum trade), or change the "
                "withdrawal",
                missing=cents(missing),
                needed=cents(reserved),
            )
        )
    for key, amount in sorted(cash.items()):
        if amount <= -CENT and (key != MANAGED or not reserved):
            found.append(
                error(
                    CASH_3,
                    f"the {key} sleeve stays overdrawn by {money(-amount)}: nothing that can be sold covers it",
                    component=key,
                    missing=cents(-amount),
                )
            )
    return found


def overdrawn(account: Account) -> Decimal:
    """By how much the account's cash, all sleeves together, is below zero; 0 where it is not."""
    return max(ZERO, -sum([sleeve.cash for sleeve in account.sleeves], ZERO))
