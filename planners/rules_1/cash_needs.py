"""Cash needs: what pending withdrawals reserve, and rebalances that trade one way only.

CASH-1 is decided here and used by the valuation. Rebalances that trade one way only are `one_way`.
"""

from decimal import Decimal

from planners.rules_1.money import ZERO
from planners.rules_1.rules import Rule
from planners.rules_1.snapshot import Snapshot

CASH_1 = Rule("CASH-1", "A pending withdrawal reserves its cash: it is out of managed value, and the plan raises it.")


def reserved(snapshot: Snapshot) -> Decimal:
    """The cash that pending withdrawals reserve; a withdrawal is pending until the books no longer name it."""
    return sum((withdrawal.amount for withdrawal in snapshot.account.withdrawals), ZERO)
