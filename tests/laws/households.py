"""WASH-1 over the plans of a household together: nobody buys what another sells at a loss, and what is said is so."""

import re
from collections.abc import Iterator
from decimal import Decimal

from domain.household_plans import plan_household
from domain.rebalance_plan import RebalancePlan
from domain.values.policy import Mode
from tests.laws.world import Members

SALE = re.compile(r"from the sale of ([\d.]+) (\S+) on (\S+) in account (\S+?);")


def together(members: Members, home: tuple[str, ...], mode: Mode) -> Iterator[str]:
    """What the plans of a household, made together, do against one another."""
    known = [each for each in home if each in members.accounts]
    plans = plan_household([(members.snapshot(each), members.policy) for each in known], mode)
    day = members.market.as_of
    lost = {
        (plan.account_id, order.symbol)
        for plan in plans
        if members.accounts[plan.account_id].tax_status == "taxable"
        for order in plan.orders
        if any(each.gain is not None and each.gain < Decimal(0) for each in order.lots)
    }
    for plan in plans:
        for order in plan.orders:
            sellers = [account for account, symbol in lost if symbol == order.symbol and order.side == "buy"]
            if sellers:
                yield f"{plan.account_id} buys {order.symbol}, which {', '.join(sorted(sellers))} sells at a loss"
        yield from _said(members, plan, lost, str(day))


def _said(members: Members, plan: RebalancePlan, lost: set[tuple[str, str]], day: str) -> Iterator[str]:
    """Skips that name a sale of today's which is in nobody's plan, and was not made before."""
    for each in plan.skipped:
        found = SALE.search(each.reason) if each.rule == "WASH-1" else None
        if found is None or found[3] != day:
            continue
        made = any(
            str(sale.date) == day and sale.symbol == found[2] and sale.gain < 0
            for sale in members.accounts[found[4]].recent_sales
        )
        if not made and (found[4], found[2]) not in lost:
            yield f"{plan.account_id}: {each.reason!r}, and {found[4]} sells none at a loss"
