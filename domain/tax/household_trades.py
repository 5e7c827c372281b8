"""What a tax household bought and sold lately, as wash sales and its tax year look at it.

Asked of a snapshot by `wash_sales` and `tax_year`; by storage and books, which put the other accounts' trades into
snapshots, what of them can still matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from domain.tax.lots import from_json
from domain.tax.wash_matching import Acquisition, LotSale, MatchedSale, matched
from domain.values.memo import remembered
from domain.values.money import ZERO
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.snapshot import Account, Holding, RecentBuy, RecentSale, Snapshot

REACH = 3  # windows: as far back as an earlier loss may have used up what would replace a share sold today


def looks_back_to(as_of: date, days: int) -> date:
    """The first day whose purchases can matter to a sale of today."""
    return as_of - timedelta(days=REACH * days)


def year_looks_back_to(as_of: date, days: int) -> date:
    """The first day whose purchases can matter to a sale of today, or to one of this year (TAX-1)."""
    return min(looks_back_to(as_of, days), as_of.replace(month=1, day=1) - timedelta(days=days))


def sales_look_back_to(as_of: date, days: int) -> date:
    """The first day whose sales can matter: of this year, or to what replaces a sale that does (TAX-1, WASH-2)."""
    return year_looks_back_to(as_of, days) - timedelta(days=days)


def recent_buys(account: Account, as_of: date, days: int) -> Iterator[RecentBuy]:
    """What an account holds that it bought lately, one for each purchase; protected holdings count."""
    first = year_looks_back_to(as_of, days)
    found: dict[tuple[str, date, Decimal | None], Decimal] = {}
    for holding in _held(account):
        for lot in holding.lots:
            if lot.acquired is not None and lot.acquired >= first:
                key = holding.symbol, lot.acquired, lot.cost_per_share
                found[key] = found.get(key, ZERO) + lot.quantity
    for (symbol, day, cost), quantity in found.items():
        yield RecentBuy(symbol, day, quantity, account.id, account.tax_status, cost)


def _held(account: Account) -> Iterator[Holding]:
    for sleeve in account.sleeves:
        yield from sleeve.holdings
    yield from account.protected


def planned_sales(order: Mapping[str, Any], account_id: str, day: date) -> list[RecentSale]:
    """A sell of a plan, in its public form, as the sales that it will be: a lot each."""
    lots = map(from_json, order["lots"])
    return [
        RecentSale(
            order["symbol"], day, each.lot.quantity, each.gain or ZERO, account_id, each.lot.cost_per_share,
            each.lot.acquired,
        )
        for each in lots
    ]  # fmt: skip


def left_of(buys: Iterable[RecentBuy], sales: Iterable[RecentSale]) -> Iterator[RecentBuy]:
    """What is left of purchases once these sales, which the books don't have yet, are made."""
    gone: dict[tuple[str, str, date | None, Decimal | None], Decimal] = {}
    for sale in sales:
        sold = sale.account_id, sale.symbol, sale.acquired, sale.cost_per_share
        gone[sold] = gone.get(sold, ZERO) + sale.quantity
    for buy in buys:
        bought = buy.account_id, buy.symbol, buy.date, buy.cost_per_share
        less = min(buy.quantity, gone.get(bought, ZERO))
        if less:
            gone[bought] -= less
        if less < buy.quantity:
            yield replace(buy, quantity=buy.quantity - less) if less else buy


def taxed_sales(snapshot: Snapshot) -> list[RecentSale]:
    """What the household's taxable accounts sold, with the account that did.

    What a book states of a day on which we sold the same ourselves is our own sale, which we know lot by lot.
    """
    account = snapshot.account
    own = account.recent_sales if account.tax_status == "taxable" else ()
    sales = [*(each if each.account_id else replace(each, account_id=account.id) for each in own)]
    sales += snapshot.household_sales
    ours = {(each.account_id, each.symbol, each.date) for each in sales if each.rebalance_id is not None}
    if not ours:
        return sales
    return [
        sale for sale in sales if sale.rebalance_id is not None or (sale.account_id, sale.symbol, sale.date) not in ours
    ]


def noted(snapshot: Snapshot, policy: Policy) -> tuple[MatchedSale, ...]:
    """The sales of the household's taxable accounts so far, a lot each, and which of their losses are disallowed."""
    sales = taxed_sales(snapshot)
    acquired = [each for held in _acquired(snapshot, policy).values() for each in held]
    acquired += [_since_sold(each, each.acquired) for each in sales if each.acquired is not None]
    return matched([_lot_sale(each) for each in sales], acquired, policy.wash_sale_days)


@record
class Around:
    """What a household acquired and lost of each symbol lately; `near` are the symbols acquired within the window."""

    acquired: Mapping[str, list[Acquisition]]
    losses: Mapping[str, list[LotSale]]
    near: frozenset[str]


@remembered
def around_of(snapshot: Snapshot, policy: Policy) -> Around:
    """What the account's sales of today are matched with (WASH-2)."""
    days = policy.wash_sale_days
    acquired = _acquired(snapshot, policy)
    if not acquired:
        return Around({}, {}, frozenset())
    losses: dict[str, list[LotSale]] = {}
    for sale in taxed_sales(snapshot):
        if sale.symbol in acquired:
            losses.setdefault(sale.symbol, []).append(_lot_sale(sale))
            if sale.acquired is not None:
                acquired[sale.symbol].append(_since_sold(sale, sale.acquired))
    near = {
        symbol
        for symbol, buys in acquired.items()
        if any(each.until is None and abs((each.day - snapshot.trade_date).days) <= days for each in buys)
    }
    return Around(acquired, losses, frozenset(near))


def once_sold(acquired: Sequence[Acquisition], sales: Sequence[LotSale]) -> list[Acquisition]:
    """The acquisitions once an account has sold: what it sells of a recent lot replaces only what was sold before."""
    gone: dict[tuple[str, date | None, Decimal | None], Decimal] = {}
    for each in sales:
        sold = each.account_id, each.acquired, each.cost_per_share
        gone[sold] = gone.get(sold, ZERO) + each.quantity
    left = []
    for buy in acquired:
        bought = buy.account_id, buy.day, buy.cost_per_share
        less = min(buy.quantity, gone.get(bought, ZERO)) if buy.until is None else ZERO
        if not less:
            left.append(buy)
            continue
        gone[bought] -= less
        left.append(replace(buy, quantity=less, until=sales[0].day))
        if less < buy.quantity:
            left.append(replace(buy, quantity=buy.quantity - less))
    return left


def _acquired(snapshot: Snapshot, policy: Policy) -> dict[str, list[Acquisition]]:
    """What the household bought lately and holds, by symbol."""
    found: dict[str, list[Acquisition]] = {}
    own = recent_buys(snapshot.account, snapshot.trade_date, policy.wash_sale_days)
    for buy in (*own, *snapshot.household_buys):
        found.setdefault(buy.symbol, []).append(
            Acquisition(buy.account_id, buy.tax_status, buy.symbol, buy.date, buy.quantity, buy.cost_per_share)
        )
    return found


def _lot_sale(sale: RecentSale) -> LotSale:
    """A sale already made, as what it may have washed."""
    return LotSale(
        sale.account_id,
        sale.symbol,
        sale.date,
        sale.quantity,
        sale.gain,
        sale.cost_per_share,
        sale.acquired,
        sale.planned,
    )


def _since_sold(sale: RecentSale, acquired: date) -> Acquisition:
    """The purchase of what a taxable account has sold again: until then it replaced what was sold at a loss."""
    return Acquisition(
        sale.account_id, "taxable", sale.symbol, acquired, sale.quantity, sale.cost_per_share, until=sale.date
    )
