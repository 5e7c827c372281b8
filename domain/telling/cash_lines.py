"""Where a plan leaves the cash of each sleeve: before, what is sold and bought, what moves inside the account, after.

Asked by every page that shows a plan: what a sleeve ends with can be added up where it is shown. Read from the public
form of the plan, so that those of earlier rules are told too.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.targets.cash_needs import reserved
from domain.values.keys import MANAGED
from domain.values.money import ZERO, share_out
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.snapshot import Snapshot


@record
class Cash:
    """What each sleeve has before the plan, and what withdrawals reserve of the managed sleeve's (CASH-1)."""

    before: Mapping[str, Decimal]
    reserved: Decimal


@record
class CashLine:
    """One sleeve. `moved` came from the account's other sleeves, or went to them below 0: crossings and funding."""

    sleeve: str
    before: Decimal
    sold: Decimal
    bought: Decimal
    moved: Decimal

    @property
    def after(self) -> Decimal:
        """What the sleeve ends with at the plan's prices."""
        return self.before + self.sold - self.bought + self.moved


def cash_of(snapshot: Snapshot, policy: Policy) -> Cash:
    """The cash that a plan of the snapshot starts from; `policy` is the day's."""
    before = {each.key: each.cash for each in snapshot.account.sleeves}
    return Cash(before, reserved(snapshot, snapshot.numbers(policy)))


def cash_lines(plan: Mapping[str, Any], before: Mapping[str, Decimal]) -> list[CashLine]:
    """A line for each sleeve that has cash or gets some, the managed one first; a plan in its public form."""
    sold: dict[str, Decimal] = {}
    bought: dict[str, Decimal] = {}
    moved: dict[str, Decimal] = {}
    for order in plan["orders"]:
        parts, into = order["allocations"], sold if order["side"] == "sell" else bought
        shares = share_out(Decimal(order["amount"]), [Decimal(each["quantity"]) for each in parts])
        for part, share in zip(parts, shares, strict=True):
            into[part["sleeve"]] = into.get(part["sleeve"], ZERO) + share
    for each in plan["transfers"]:
        amount = Decimal(each["amount"])
        gives, takes = (each["from"], each["to"]) if each["symbol"] is None else (each["to"], each["from"])
        moved[gives] = moved.get(gives, ZERO) - amount  # who gets shares pays for them
        moved[takes] = moved.get(takes, ZERO) + amount
    keys = dict.fromkeys([MANAGED, *before, *sold, *bought, *moved])
    made = [CashLine(key, *(of.get(key, ZERO) for of in (before, sold, bought, moved))) for key in keys]
    return [each for each in made if each.sleeve == MANAGED or any((each.before, each.sold, each.bought, each.moved))]
