"""Wash sales: a security sold at a loss is not bought again in the household for a while.

Asked of every plan once its orders are known. Skipping the buy is not built yet: a plan that would make a wash sale
is refused, by code, rather than made.
"""

from collections.abc import Iterable
from datetime import timedelta

from domain.money import money
from domain.policy import Policy
from domain.rules import Finding, Rule, error
from domain.snapshot import Snapshot

WASH_1 = Rule("WASH-1", "What a tax household sold at a loss is not bought in it for 30 days before and after.")


def unmet(snapshot: Snapshot, bought: Iterable[str], policy: Policy) -> list[Finding]:
    """An error for every buy of the plan that would follow a loss sale of the household, on any account of it."""
    window = timedelta(days=policy.wash_sale_days)
    recent = [
        sale
        for sale in (*snapshot.account.recent_sales, *snapshot.household_sales)
        if sale.gain < 0 and abs(snapshot.as_of - sale.date) <= window
    ]
    wanted = sorted(set(bought))
    return [
        error(
            WASH_1,
            f"buying {symbol} would wash the loss of {money(-sale.gain)} from the sale of {sale.date} in account "
            f"{sale.account_id or snapshot.account.id}: this release can't skip the buy, so the plan is refused",
            symbol=symbol,
            sold=sale.date,
            loss=-sale.gain,
            account=sale.account_id or snapshot.account.id,
        )
        for symbol in wanted
        for sale in recent
        if sale.symbol == symbol
    ]
