"""Restrictions: what a client does not want held, bought or sold.

Asked by the checks. Planning under a restriction is not built yet: an account with one in force is refused, by code,
rather than planned as if it had none.
"""

from domain.rules import Finding, Rule, error
from domain.snapshot import Snapshot

RESTRICT_1 = Rule("RESTRICT-1", "`exclude`: sold if held, never bought; its weight goes to the others or to cash.")
RESTRICT_2 = Rule("RESTRICT-2", "`substitute` A by B: B is held wherever A would be.")
RESTRICT_3 = Rule("RESTRICT-3", "`no_buy`, `no_sell`, `no_trade`: as named; what is not raised is not spent.")

RULE_OF = {
    "exclude": RESTRICT_1,
    "substitute": RESTRICT_2,
    "no_buy": RESTRICT_3,
    "no_sell": RESTRICT_3,
    "no_trade": RESTRICT_3,
}


def unmet(snapshot: Snapshot) -> list[Finding]:
    """An error for every restriction in force on the snapshot's day, which this release can't obey."""
    return [
        error(
            RULE_OF[restriction.type],
            f"account {snapshot.account.id} has the restriction {restriction.type} {restriction.symbol} in force, "
            "which this release can't obey: rebalance it by hand",
            symbol=restriction.symbol,
            type=restriction.type,
        )
        for restriction in snapshot.account.restrictions
        if restriction.in_force(snapshot.as_of)
    ]
