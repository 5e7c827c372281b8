"""Household plans: what the accounts of a tax household would do when all of them are rebalanced at once.

Asked by `rebalancer plan --all`. No order of the accounts decides: what one sells at a loss none of the others buys.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.lots import losses
from domain.plan import plan
from domain.policy import Mode, Policy
from domain.purpose import FULL, Purpose
from domain.rebalance_plan import RebalancePlan
from domain.snapshot import RecentSale, Snapshot


def plan_household(
    members: Sequence[tuple[Snapshot, Policy]], mode: Mode, purpose: Purpose = FULL
) -> list[RebalancePlan]:
    """The members' plans in their order: each made alone, and again where others' losses forbid its buys (WASH-1)."""
    alone = [plan(snapshot, policy, mode, purpose=purpose) for snapshot, policy in members]
    lost = [_losses(snapshot, made) for (snapshot, _), made in zip(members, alone, strict=True)]
    together = []
    for at, (snapshot, policy) in enumerate(members):
        elsewhere = tuple(sale for other, sales in enumerate(lost) if other != at for sale in sales)
        bought = {order.symbol for order in alone[at].orders if order.side == "buy"}
        if bought.isdisjoint(sale.symbol for sale in elsewhere):
            together.append(alone[at])
            continue
        informed = replace(snapshot, household_sales=(*snapshot.household_sales, *elsewhere))
        together.append(plan(informed, policy, mode, purpose=purpose))
    return together


def _losses(snapshot: Snapshot, made: RebalancePlan) -> list[RecentSale]:
    """What a plan sells at a loss; an exempt account's losses are nobody's."""
    if snapshot.account.tax_status != "taxable":
        return []
    account = snapshot.account.id
    sold = ((order.symbol, losses(order.lots)) for order in made.orders)
    return [RecentSale(symbol, made.as_of, *lost, account) for symbol, lost in sold if lost is not None]
