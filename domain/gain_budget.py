"""Gain budget: how much net gain a plan may realise.

Asked by the checks. Cutting sells back to a budget is not built yet: an account with one is refused, by code. A
liquidation ignores its budget (LOT-2) and is planned.
"""

from domain.rules import Finding, Rule, error, warning
from domain.snapshot import Snapshot

LOT_2 = Rule(
    "LOT-2", "A gain budget caps the net gain that a plan may realise; a liquidation ignores it with a warning."
)


def unmet(snapshot: Snapshot) -> list[Finding]:
    """An error where the account has a gain budget that its plan would have to obey."""
    account = snapshot.account
    if account.gain_budget is None or account.target_id is None:
        return []
    return [
        error(
            LOT_2,
            f"account {account.id} has a gain budget of {account.gain_budget}, which this release can't obey: "
            "rebalance it by hand, or remove the budget",
            gain_budget=account.gain_budget,
        )
    ]


def ignored(snapshot: Snapshot) -> list[Finding]:
    """A warning where a liquidation sells past a gain budget."""
    account = snapshot.account
    if account.gain_budget is None or account.target_id is not None or not account.holds_securities:
        return []
    return [
        warning(
            LOT_2,
            f"account {account.id} has a gain budget of {account.gain_budget}, which its liquidation ignores",
            gain_budget=account.gain_budget,
        )
    ]
