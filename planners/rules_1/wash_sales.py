"""Wash sales: a security sold at a loss is not bought in the tax household for a while, before and after.

Asked before a plan is made (what may not be bought?) and once its sells are known (which losses are disallowed, as
the security was bought a short while ago?). Only a taxable account realises a loss; a buy counts in any.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from planners.rules_1.lots import RelievedLot
from planners.rules_1.money import ZERO, money, plain, to_cent
from planners.rules_1.policy import Policy
from planners.rules_1.record import record
from planners.rules_1.restrictions import Block
from planners.rules_1.rules import Finding, Rule, warning
from planners.rules_1.snapshot import Account, Lot, RecentBuy, RecentSale, Snapshot

WASH_1 = Rule("WASH-1", "What a tax household sold at a loss is not bought in it for 30 days before and after.")


@record
class Sold:
    """What a plan sells of one security, with the lots it gives up."""

    symbol: str
    lots: tuple[RelievedLot, ...]


def recent_losses(snapshot: Snapshot, policy: Policy) -> Iterator[RecentSale]:
    """The sales at a loss near the snapshot's day, of the account where it is taxed and of its household."""
    window = timedelta(days=policy.wash_sale_days)
    own = snapshot.account.recent_sales if snapshot.account.tax_status == "taxable" else ()
    for sale in (*own, *snapshot.household_sales):
        if sale.gain < 0 and abs(snapshot.as_of - sale.date) <= window:
            yield sale


def washed(snapshot: Snapshot, policy: Policy) -> Mapping[str, Block]:
    """What may not be bought, by symbol: the latest loss of each that a buy would wash."""
    latest: dict[str, RecentSale] = {}
    for sale in recent_losses(snapshot, policy):
        known = latest.get(sale.symbol)
        if known is None or known.date < sale.date:
            latest[sale.symbol] = sale
    return {
        symbol: Block(WASH_1, partial(_would_wash, sale, sale.account_id or snapshot.account.id, policy))
        for symbol, sale in latest.items()
    }


def _would_wash(sale: RecentSale, account: str, policy: Policy) -> str:
    clear = sale.date + timedelta(days=policy.wash_sale_days + 1)
    return (
        f"buying it would wash the loss of {money(-sale.gain)} from the sale of {plain(sale.quantity)} "
        f"{sale.symbol} on {sale.date} in account {account}; it may be bought from {clear}"
    )


def washed_since(plan: Mapping[str, Any], now: Snapshot, policy: Policy) -> list[str]:
    """What became of a plan, in its public form, since it was made: buys that would wash a loss by now (EXEC-3)."""
    blocked = washed(now, now.numbers(policy))
    bought = {order["symbol"] for order in plan["orders"] if order["side"] == "buy"}
    return [f"{symbol}: {blocked[symbol].why}" for symbol in sorted(bought & blocked.keys())]


def loses(lots: Sequence[RelievedLot]) -> bool:
    """True where one of the lots is sold at a loss; the others' gains make no difference."""
    return any(each.gain is not None and each.gain < ZERO for each in lots)


def disallowed(snapshot: Snapshot, lossy: Iterable[Sold], policy: Policy) -> list[Finding]:
    """A warning for every loss of the plan that earlier buys wash, with the loss that is disallowed; `lossy` is what
    the plan sells at a loss.

    As many of the shares sold at a loss are washed as were bought within the window, in the account or its household,
    and are kept.
    """
    if snapshot.account.tax_status != "taxable":
        return []
    at_a_loss = {each.symbol: each for each in lossy}
    bought = _bought(snapshot, at_a_loss, policy.wash_sale_days) if at_a_loss else {}
    return [_washes(snapshot, at_a_loss[symbol], bought[symbol], policy) for symbol in sorted(bought)]


def _washes(snapshot: Snapshot, sold: Sold, bought: Sequence[RecentBuy], policy: Policy) -> Finding:
    losses = sorted(
        (each for each in sold.lots if each.gain is not None and each.gain < 0),
        key=lambda each: (each.lot.acquired or date.min, each.lot.cost_per_share or ZERO),
    )
    replacing = sum((each.quantity for each in bought), ZERO)
    washed_shares, loss = ZERO, ZERO
    for each in losses:
        shares = min(each.lot.quantity, replacing - washed_shares)
        washed_shares += shares
        loss -= (each.gain or ZERO) * shares / each.lot.quantity
    loss = to_cent(loss)
    latest = max(bought, key=lambda each: (each.date, each.account_id))
    return warning(
        WASH_1,
        f"{money(loss)} of the loss from selling {sold.symbol} is disallowed: {plain(washed_shares)} "
        f"{sold.symbol} of it were replaced within {policy.wash_sale_days} days, last on {latest.date} in account "
        f"{latest.account_id}",
        symbol=sold.symbol,
        disallowed_loss=loss,
        shares=washed_shares,
        bought=latest.date,
        account=latest.account_id,
    )


def _bought(snapshot: Snapshot, sold: Mapping[str, Sold], days: int) -> dict[str, list[RecentBuy]]:
    """What the household bought within the window, and keeps, of what a plan sells at a loss, by symbol.

    A lot that is itself sold at a loss in part does not replace what is sold of it.
    """
    first, account = snapshot.as_of - timedelta(days=days), snapshot.account
    found: dict[str, list[RecentBuy]] = {}
    for holdings in (*(sleeve.holdings for sleeve in account.sleeves), account.protected):
        for holding in holdings:
            if holding.symbol not in sold:
                continue
            for lot in holding.lots:
                if lot.acquired is None or lot.acquired < first:
                    continue
                given = [each for each in sold[holding.symbol].lots if _same(each.lot, lot)]
                kept = lot.quantity - sum((each.lot.quantity for each in given), ZERO)
                if kept > 0 and not any(each.gain is not None and each.gain < 0 for each in given):
                    found.setdefault(holding.symbol, []).append(
                        RecentBuy(holding.symbol, lot.acquired, kept, account.id)
                    )
    for buy in snapshot.household_buys:
        if buy.symbol in sold and buy.date >= first:
            found.setdefault(buy.symbol, []).append(buy)
    return found


def _same(one: Lot, other: Lot) -> bool:
    return (one.acquired, one.cost_per_share) == (other.acquired, other.cost_per_share)


def recent_buys(account: Account, as_of: date, days: int) -> Iterator[RecentBuy]:
    """What an account holds that it bought lately, for the others of its household."""
    first = as_of - timedelta(days=days)
    for holdings in (*(sleeve.holdings for sleeve in account.sleeves), account.protected):
        for holding in holdings:
            for lot in holding.lots:
                if lot.acquired is not None and lot.acquired >= first:
                    yield RecentBuy(holding.symbol, lot.acquired, lot.quantity, account.id)
