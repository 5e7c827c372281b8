"""What somebody looks at before they approve a request: every plan that waits, by account and by security.

The figures are the kept plans' own. What is approved is the list that was shown: (rebalance, round, digest) of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
AT_ONCE = 200  # plans of one page; the rest come behind, once these are decided about


@dataclass(frozen=True, slots=True)
class Waiting:
    """One account's plan that waits: amounts in the account's currency, `turnover` a share of its managed value."""

    account_id: str
    rebalance_id: str
    round: int
    digest: str
    liquidation: bool
    expires_at: Any
    managed_value: Decimal
    sold: Decimal
    bought: Decimal
    short_term: Decimal
    long_term: Decimal
    orders: Sequence[Any]
    findings: Sequence[Any]
    expected: str

    @property
    def turnover(self) -> Decimal:
        """What is sold or bought, the larger, as a share of the managed value."""
        return max(self.sold, self.bought) / self.managed_value if self.managed_value else ZERO

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
    plan = row.plan
    amounts = {side: sum((Decimal(each["amount"]) for each in plan["orders"] if each["side"] == side), ZERO)
               for side in ("sell", "buy")}  # fmt: skip
    gains = [each["gain"] for each in plan["orders"] if each.get("gain")]
    return Waiting(
        row.account_id,
        row.id,
        row.round,
        row.plan_digest,
        bool(plan["liquidation"]),
        row.expires_at,
        Decimal(plan["managed_value"]),
        amounts["sell"],
        amounts["buy"],
        sum((Decimal(each["short_term"]) for each in gains), ZERO),
        sum((Decimal(each["long_term"]) for each in gains), ZERO),
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
