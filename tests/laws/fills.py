"""Random fills: sells come short, cheap, late or not at all, and the buys are sized again on what there is (ORDER-4).

What a sell brings less, the buys cost less, and at most one step more; no sleeve and no account ends below zero for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from domain.executing import booking, execution
from domain.executing.booking import ExecutablePlan, Fill, Relief
from domain.rebalance_plan import RebalancePlan
from domain.tax import lots
from domain.telling import plan_json
from domain.values.money import to_cent
from domain.values.policy import Policy
from domain.values.snapshot import MANAGED, Account, Snapshot, increments_of

ZERO, CENT = Decimal(0), Decimal("0.01")
SHARES = ("0", "0.3", "0.9", "0.98", "1", "1", "1")
TRIES = 2
PRICES = ("0.9", "0.97", "0.999", "1", "1", "1.002", "1.02")


@dataclass(frozen=True)
class Fills:
    """What the sells of a plan brought, and the buys that were sized on it, all filled as sized."""

    planned: ExecutablePlan
    resized: ExecutablePlan
    sells: dict[int, Fill]
    buys: dict[int, Fill]
    before: Account
    after: Account

    @property
    def missing(self) -> Decimal:
        """What the sells brought less than planned; below 0 where they brought more."""
        expected = sum((leg.quantity * leg.price for leg in self.planned.legs if leg.side == "sell"), ZERO)
        return expected - sum((fill.amount for fill in self.sells.values()), ZERO)

    @property
    def dropped(self) -> Decimal:
        """What is bought less than planned."""
        expected = sum((leg.quantity * leg.price for leg in self.planned.legs if leg.side == "buy"), ZERO)
        return expected - sum((fill.amount for fill in self.buys.values()), ZERO)


def random_fills(snapshot: Snapshot, policy: Policy, plan: RebalancePlan, random: Random) -> Fills | None:
    """Sells at random, buys as they are sized again; None where a plan has not both."""
    if not plan.orders:
        return None
    orders = execution.read(plan_json.as_json(plan))
    increments = increments_of(snapshot.securities)
    sells: dict[int, Fill] = {}
    for leg in orders.legs:
        if leg.side == "sell":
            share, step = random.choice(SHARES), increments[leg.symbol]
            quantity = leg.quantity if share == "1" else (leg.quantity * Decimal(share)) // step * step
            sells[leg.number] = Fill(quantity, to_cent(quantity * leg.price * Decimal(random.choice(PRICES))))
    if not sells or len(sells) == len(orders.legs):
        return None
    resized = execution.resized_buys(snapshot.account, orders, sells, increments)
    bought = [leg for leg in resized.legs if leg.side == "buy" and leg.quantity]
    buys = {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price)) for leg in bought}
    relief = Relief(snapshot.as_of, lots.method_of(snapshot.account), snapshot.numbers(policy))
    after = booking.book(snapshot.account, resized, sells | buys, relief).account
    return Fills(orders, resized, sells, buys, snapshot.account, after)


def wrong(snapshot: Snapshot, fills: Fills, plan: RebalancePlan) -> Iterator[str]:
    """What ORDER-3 and ORDER-4 don't allow of it."""
    before = {sleeve.key: sleeve.cash for sleeve in fills.before.sleeves}
    for gone in before.keys() - {sleeve.key for sleeve in fills.after.sleeves}:
        before[MANAGED] += min(ZERO, before[gone])  # what a sleeve that closes still owes
    for sleeve in fills.after.sleeves:
        if sleeve.cash < min(ZERO, before.get(sleeve.key, ZERO)) - CENT * len(fills.planned.legs):
            yield f"the cash of {sleeve.key} goes from {before.get(sleeve.key)} to {sleeve.cash}"
    steps = [
        leg.price * snapshot.securities[leg.symbol].quantity_increment
        for leg in fills.planned.legs
        if leg.side == "buy"
    ]
    opens = any(each.sleeve == "opening" for each in plan.components)
    room = max(ZERO, fills.missing) + max(steps) + CENT * len(fills.planned.legs)
    if fills.dropped > room and not opens:
        yield f"sells brought {fills.missing:.2f} less, and the buys are {fills.dropped:.2f} smaller"
    cents = CENT * (1 + len(fills.planned.legs))
    floor = min(plan.cash_after, fills.planned.cash_floor)
    spent = sum((fill.amount for fill in fills.buys.values()), ZERO)
    if spent > max(steps) and fills.after.managed.cash < floor - cents:
        yield f"cash ends at {fills.after.managed.cash}, below its floor of {floor:.2f}, and there are buys"
    for leg, now in zip(fills.planned.legs, fills.resized.legs, strict=True):
        if leg.side == "buy" and (
            now.quantity > leg.quantity or now.quantity % snapshot.securities[leg.symbol].quantity_increment
        ):
            yield f"the buy of {leg.quantity} {leg.symbol} is {now.quantity} now"


def resizing(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> Iterator[str]:
    """ORDER-4, tried with a few fills, the same each time."""
    for number in range(TRIES):
        found = random_fills(snapshot, policy, plan, Random(f"fills {number}"))
        if found is not None:
            yield from wrong(snapshot, found, plan)
