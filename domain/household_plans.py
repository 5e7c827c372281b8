"""Household plans: what the accounts of a tax household would do when all of them are rebalanced at once.

Asked by `rebalancer plan --all`. The plans hold jointly (WASH-1, WASH-2): what one sells at a loss none of the others
buys, an acquired share replaces one that is sold once, and whatever a plan says of another's trades that one makes.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.plan import plan
from domain.rebalance_plan import RebalancePlan
from domain.targets.restrictions import limits
from domain.tax.household_trades import left_of
from domain.values.money import ZERO
from domain.values.policy import Mode, Policy
from domain.values.purpose import FULL, Purpose
from domain.values.snapshot import RecentBuy, RecentSale, Snapshot

Member = tuple[Snapshot, Policy]
Sales = list[RecentSale]


def plan_household(members: Sequence[Member], mode: Mode, purpose: Purpose = FULL) -> list[RebalancePlan]:
    """The members' plans, in the members' order.

    Each is made alone; where somebody sells at a loss, each again with what the others sell. Where what they sell then
    is what was told, all is true of all. Where it is not and no account loses anywhere that it did not before, telling
    again would go in circles: the accounts are planned in turn, each seeing the earlier ones' plans.
    """
    plans = [plan(snapshot, policy, mode, purpose=purpose) for snapshot, policy in members]
    told = _sales(members, plans)
    lost: set[tuple[str, str]] = set()
    while _lost(told) - lost:  # grows with every round, and there are so many accounts and securities
        lost |= _lost(told)
        plans = [
            plan(_informed(members, told, at), policy, mode, purpose=purpose) for at, (_, policy) in enumerate(members)
        ]
        sold = _sales(members, plans)
        if _matter(sold, _lost(told)) == _matter(told, _lost(told)) and _lost(sold) == _lost(told):
            return plans
        told = sold
    return in_turn(members, plans, mode, purpose) if lost else plans


def _sales(members: Sequence[Member], plans: Sequence[RebalancePlan]) -> list[Sales]:
    """What the plans sell, a lot each, by member."""
    return [
        [
            RecentSale(
                order.symbol,
                snapshot.trade_date,
                each.lot.quantity,
                each.gain or ZERO,
                snapshot.account.id,
                each.lot.cost_per_share,
                each.lot.acquired,
                planned=True,
            )
            for order in made.orders
            for each in order.lots
        ]
        for (snapshot, _), made in zip(members, plans, strict=True)
    ]


def _lost(sales: Sequence[Sales]) -> set[tuple[str, str]]:
    """Which account sells what at a loss."""
    return {(each.account_id, each.symbol) for sold in sales for each in sold if each.gain < 0}


def _matter(sales: Sequence[Sales], lost: set[tuple[str, str]]) -> list[Sales]:
    """The sales of what somebody sells at a loss."""
    symbols = {symbol for _, symbol in lost}
    return [[each for each in sold if each.symbol in symbols] for sold in sales]


def _informed(members: Sequence[Member], told: Sequence[Sales], at: int) -> Snapshot:
    """A member's snapshot with what the others are told to sell."""
    others = [other for other in range(len(members)) if other != at]
    return _told(members[at][0], [(members[other][0], told[other]) for other in others])


def _told(snapshot: Snapshot, others: Sequence[tuple[Snapshot, Sales]]) -> Snapshot:
    taxed = [each for other, sold in others if other.account.tax_status == "taxable" for each in sold]
    return replace(
        snapshot,
        household_sales=(*snapshot.household_sales, *taxed),
        household_buys=tuple(left_of(snapshot.household_buys, [each for _, sold in others for each in sold])),
    )


def in_turn(
    members: Sequence[Member], plans: Sequence[RebalancePlan], mode: Mode, purpose: Purpose
) -> list[RebalancePlan]:
    """One account after the other, each once and for good; those first that sell at a loss, liquidations before all.

    `plans` are what is known of them. Each buys nothing that an earlier one sells at a loss, and sells nothing at a
    loss that an earlier one buys; nor does it buy what a restriction makes a later one sell at a loss, whatever others
    do.
    """
    losing = {account for account, _ in _lost(_sales(members, plans))}
    order = sorted(
        range(len(members)),
        key=lambda at: (not plans[at].liquidation, plans[at].account_id not in losing, plans[at].account_id),
    )
    made: dict[int, RebalancePlan] = {}
    forced = [_leaving(*each) for each in zip(members, _sales(members, plans), strict=True)]
    for at in order:
        earlier = [members[each] for each in made]
        sales = _sales(earlier, list(made.values()))
        done = [[replace(each, planned=False) for each in sold] for sold in sales]
        told = _told(
            members[at][0],
            [
                *((snapshot, sold) for (snapshot, _), sold in zip(earlier, done, strict=True)),
                *((members[later][0], forced[later]) for later in order if later != at and later not in made),
            ],
        )
        buys = tuple(_buys(earlier, list(made.values())))
        told = replace(told, household_buys=(*told.household_buys, *buys), household_plans_buy=buys)
        made[at] = plan(told, members[at][1], mode, purpose=purpose)
    return [made[at] for at in range(len(members))]


def _leaving(member: Member, sold: Sales) -> Sales:
    """Of what a member sells what restrictions take out of it."""
    allowed = limits(member[0], {})
    return [replace(each, planned=False) for each in sold if allowed.leaves(each.symbol)]


def _buys(members: Sequence[Member], plans: Sequence[RebalancePlan]) -> list[RecentBuy]:
    """What the plans buy."""
    return [
        RecentBuy(
            order.symbol, snapshot.trade_date, order.quantity, made.account_id, snapshot.account.tax_status, order.price
        )
        for (snapshot, _), made in zip(members, plans, strict=True)
        for order in made.orders
        if order.side == "buy"
    ]
