"""What somebody looks at before they approve a request: every plan that waits, by account and by security.

The figures are the kept plans' own. What is approved is the list that was shown: (rebalance, round, digest) of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from reading.work.figures import Figures, of_plan

ZERO = Decimal(0)
AT_ONCE = 200  # plans of one page; the rest come behind, once these are decided about


@dataclass(frozen=True, slots=True)
class Waiting:
    """One account's plan that waits."""

    account_id: str
    rebalance_id: str
    round: int
    digest: str
    liquidation: bool
    expires_at: Any
    figures: Figures
    orders: Sequence[Any]
    findings: Sequence[Any]
    expected: str

    @property
    def shown(self) -> str:
        """By which an approval names it."""
        return named(self.rebalance_id, self.round, self.digest)


@dataclass(slots=True)
class Traded:
    """One security over all accounts."""

    symbol: str
    sold: Decimal = ZERO
    bought: Decimal = ZERO
    sold_amount: Decimal = ZERO
    bought_amount: Decimal = ZERO
    accounts: set[str] = field(default_factory=set)


def named(rebalance_id: str | None, round_number: int | None, digest: str | None) -> str:
    """A plan as a form carries it: enough of its digest to name it (DECIDE-1)."""
    return f"{rebalance_id}@{round_number}@{(digest or '')[:16]}"


def waiting(row: Any) -> Waiting:
    """A rebalance's row with its kept plan."""
    plan, figures = row.plan, of_plan(row.plan)
    assert figures is not None, f"{row.id} waits with a plan"
    return Waiting(
        row.account_id,
        row.id,
        row.round,
        row.plan_digest,
        bool(plan["liquidation"]),
        row.expires_at,
        figures,
        plan["orders"],
        plan["findings"],
        plan["expected_status"],
    )


def by_security(plans: Iterable[Waiting]) -> list[Traded]:
    """The same trades by security, the largest amounts first."""
    found: dict[str, Traded] = {}
    for plan in plans:
        for each in plan.orders:
            traded = found.setdefault(each["symbol"], Traded(each["symbol"]))
            quantity, amount = Decimal(each["quantity"]), Decimal(each["amount"])
            traded.accounts.add(plan.account_id)
            if each["side"] == "sell":
                traded.sold += quantity
                traded.sold_amount += amount
            else:
                traded.bought += quantity
                traded.bought_amount += amount
    return sorted(found.values(), key=lambda each: (-(each.sold_amount + each.bought_amount), each.symbol))
