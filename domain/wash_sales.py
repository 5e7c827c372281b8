"""Wash sales: a security sold at a loss is not bought in the tax household for a while, before and after.

Asked before a plan is made (what may not be bought?) and of what it sells (which losses are disallowed, as the
household acquired the security a short while ago?). Only a taxable account realises a loss; a buy counts in any.
`wash_matching` matches share for share; here is what of a snapshot it looks at, and what is said of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.lots import RelievedLot, recognised_gain
from domain.memo import remembered
from domain.money import ZERO, cents, money, plain
from domain.policy import Policy
from domain.record import record
from domain.restrictions import Block
from domain.rules import Finding, Rule, warning
from domain.snapshot import Account, Holding, RecentBuy, RecentSale, Snapshot
from domain.wash_matching import WASH_2, Acquisition, LotSale, Replacement, Settled, matched

WASH_1 = Rule("WASH-1", "What a tax household sold at a loss is not bought in it for 30 days before and after.")

REACH = 3  # windows: as far back as an earlier loss may have used up what would replace a share sold today


@record
class Sold:
    """What a plan sells of one security, with the lots it gives up."""

    symbol: str
    lots: tuple[RelievedLot, ...]


@record
class Recognised:
    """What the sales of a plan count for tax (LOT-2, WASH-2).

    `gains`, by symbol and lot in the order given: a disallowed loss is taken back, a lot of unknown cost is all gain.
    `washed`: the sales of each symbol of which some loss is disallowed, in the same order.
    """

    gains: Mapping[str, tuple[Decimal, ...]]
    washed: Mapping[str, tuple[Settled, ...]]

    def gain(self, symbol: str) -> Decimal:
        """The net gain that counts of one symbol."""
        return sum(self.gains[symbol], ZERO)

    @property
    def net(self) -> Decimal:
        """The net gain that counts of all that is sold."""
        return sum((each for gains in self.gains.values() for each in gains), ZERO)

    @property
    def disallowed(self) -> Decimal:
        """The losses that don't count, at least 0."""
        return sum((each.disallowed for settled in self.washed.values() for each in settled), ZERO)


def recent_losses(snapshot: Snapshot, policy: Policy) -> Iterator[RecentSale]:
    """The sales at a loss near the snapshot's day, of the account where it is taxed and of its household.

    Lots sold at a loss on one day in one account are one sale.
    """
    window = timedelta(days=policy.wash_sale_days)
    together: dict[tuple[str, date, str], RecentSale] = {}
    for sale in _taxed_sales(snapshot):
        if sale.gain < 0 and abs(snapshot.as_of - sale.date) <= window:
            key = sale.symbol, sale.date, sale.account_id
            known = together.get(key)
            quantity, gain = (known.quantity, known.gain) if known else (ZERO, ZERO)
            together[key] = RecentSale(*key[:2], quantity + sale.quantity, gain + sale.gain, sale.account_id)
    yield from together.values()


def _taxed_sales(snapshot: Snapshot) -> Iterator[RecentSale]:
    """What the household's taxable accounts sold, with the account that did."""
    account = snapshot.account
    if account.tax_status == "taxable":
        for sale in account.recent_sales:
            yield sale if sale.account_id else _of(account.id, sale)
    yield from snapshot.household_sales


def _of(account_id: str, sale: RecentSale) -> RecentSale:
    return RecentSale(sale.symbol, sale.date, sale.quantity, sale.gain, account_id, sale.cost_per_share, sale.acquired)


def washed(snapshot: Snapshot, policy: Policy) -> Mapping[str, Block]:
    """What may not be bought, by symbol: the latest loss of each that a buy would wash."""
    latest: dict[str, RecentSale] = {}
    for sale in recent_losses(snapshot, policy):
        known = latest.get(sale.symbol)
        if known is None or known.date < sale.date:
            latest[sale.symbol] = sale
    return {symbol: Block(WASH_1, partial(_would_wash, sale, policy)) for symbol, sale in latest.items()}


def _would_wash(sale: RecentSale, policy: Policy) -> str:
    clear = sale.date + timedelta(days=policy.wash_sale_days + 1)
    return (
        f"buying it would wash the loss of {money(-sale.gain)} from the sale of {plain(sale.quantity)} "
        f"{sale.symbol} on {sale.date} in account {sale.account_id}; it may be bought from {clear}"
    )


def washed_since(plan: Mapping[str, Any], now: Snapshot, policy: Policy) -> list[str]:
    """What became of a plan, in its public form, since it was made: buys that would wash a loss by now (EXEC-3)."""
    blocked = washed(now, now.numbers(policy))
    bought = {order["symbol"] for order in plan["orders"] if order["side"] == "buy"}
    return [f"{symbol}: {blocked[symbol].why}" for symbol in sorted(bought & blocked.keys())]


def loses(lots: Sequence[RelievedLot]) -> bool:
    """True where one of the lots is sold at a loss; the others' gains make no difference."""
    return any(each.gain is not None and each.gain < ZERO for each in lots)


def recognised(snapshot: Snapshot, policy: Policy, sold: Mapping[str, Sequence[RelievedLot]]) -> Recognised:
    """What the account's sales count for tax: `sold` are all lots that a plan sells, by symbol, over its sleeves.

    Nothing that the plan buys replaces them: WASH-1 blocks that. Quick where the household acquired nothing lately of
    what is sold at a loss. Raises LookupError where a lot of unknown cost has no price (CHECK-1).
    """
    washed = _washed(snapshot, policy, sold)
    gains = {}
    for symbol, relieved in sold.items():
        price = snapshot.price(symbol)
        known = tuple([recognised_gain(each, price) for each in relieved])
        if symbol in washed:
            known = tuple([gain + each.disallowed for gain, each in zip(known, washed[symbol], strict=True)])
        gains[symbol] = known
    return Recognised(gains, washed)


def disallowed(snapshot: Snapshot, lossy: Iterable[Sold], policy: Policy) -> list[Finding]:
    """A warning for every security of which a loss of the plan is disallowed, and where it goes (WASH-2); `lossy` is
    what the plan sells at a loss."""
    washed = _washed(snapshot, policy, {each.symbol: each.lots for each in lossy})
    return [_told(symbol, washed[symbol], policy) for symbol in sorted(washed)]


def _washed(
    snapshot: Snapshot, policy: Policy, sold: Mapping[str, Sequence[RelievedLot]]
) -> dict[str, tuple[Settled, ...]]:
    """The sales of every symbol of which some loss is disallowed, a lot each, in the order given."""
    if snapshot.account.tax_status != "taxable":
        return {}
    lossy = [symbol for symbol, relieved in sold.items() if loses(relieved)]
    if not lossy:
        return {}
    around = _around(snapshot, policy)
    found = {}
    for symbol in lossy:
        if symbol in around.near:
            relieved = sold[symbol]
            sales = [_sale(snapshot, symbol, each) for each in relieved]
            settled = matched(
                [*sales, *around.losses.get(symbol, ())],
                _left(around.acquired[symbol], sales),
                policy.wash_sale_days,
            )[: len(sales)]
            if any(each.replaced for each in settled):
                found[symbol] = settled
    return found


def _sale(snapshot: Snapshot, symbol: str, relieved: RelievedLot) -> LotSale:
    lot = relieved.lot
    return LotSale(
        snapshot.account.id, symbol, snapshot.as_of, lot.quantity, relieved.gain, lot.cost_per_share, lot.acquired
    )


def _left(acquired: Sequence[Acquisition], sales: Sequence[LotSale]) -> list[Acquisition]:
    """The acquisitions once the account has sold: what it sells of a recent lot replaces only what was sold before."""
    gone: dict[tuple[str, date | None, Decimal | None], Decimal] = {}
    for each in sales:
        key = each.account_id, each.acquired, each.cost_per_share
        gone[key] = gone.get(key, ZERO) + each.quantity
    left = []
    for buy in acquired:
        key = buy.account_id, buy.day, buy.cost_per_share
        less = min(buy.quantity, gone.get(key, ZERO)) if buy.until is None else ZERO
        if not less:
            left.append(buy)
            continue
        gone[key] -= less
        left.append(_part(buy, less, until=sales[0].day))
        if less < buy.quantity:
            left.append(_part(buy, buy.quantity - less))
    return left


def _part(buy: Acquisition, quantity: Decimal, until: date | None = None) -> Acquisition:
    return Acquisition(buy.account_id, buy.tax_status, buy.symbol, buy.day, quantity, buy.cost_per_share, until)


def noted(snapshot: Snapshot, policy: Policy) -> tuple[Settled, ...]:
    """The sales of the household's taxable accounts so far, a lot each, and which of their losses are disallowed."""
    sales = list(_taxed_sales(snapshot))
    acquired = [each for held in _acquired(snapshot, policy).values() for each in held]
    acquired += [since_sold(each, each.acquired) for each in sales if each.acquired is not None]
    return matched([lot_sale(each) for each in sales], acquired, policy.wash_sale_days)


def _acquired(snapshot: Snapshot, policy: Policy) -> dict[str, list[Acquisition]]:
    """What the household bought lately and holds, by symbol."""
    found: dict[str, list[Acquisition]] = {}
    own = recent_buys(snapshot.account, snapshot.as_of, policy.wash_sale_days)
    for buy in (*own, *snapshot.household_buys):
        found.setdefault(buy.symbol, []).append(
            Acquisition(buy.account_id, buy.tax_status, buy.symbol, buy.date, buy.quantity, buy.cost_per_share)
        )
    return found


@record
class _Around:
    """What a household acquired and lost of each symbol lately; `near` are the symbols acquired within the window."""

    acquired: Mapping[str, list[Acquisition]]
    losses: Mapping[str, list[LotSale]]
    near: frozenset[str]


@remembered
def _around(snapshot: Snapshot, policy: Policy) -> _Around:
    days = policy.wash_sale_days
    acquired = _acquired(snapshot, policy)
    if not acquired:
        return _Around({}, {}, frozenset())
    losses: dict[str, list[LotSale]] = {}
    for sale in _taxed_sales(snapshot):
        if sale.symbol in acquired:
            losses.setdefault(sale.symbol, []).append(lot_sale(sale))
            if sale.acquired is not None:
                acquired[sale.symbol].append(since_sold(sale, sale.acquired))
    near = {
        symbol
        for symbol, buys in acquired.items()
        if any(each.until is None and abs((each.day - snapshot.as_of).days) <= days for each in buys)
    }
    return _Around(acquired, losses, frozenset(near))


def lot_sale(sale: RecentSale) -> LotSale:
    """A sale already made, as what it may have washed."""
    return LotSale(
        sale.account_id, sale.symbol, sale.date, sale.quantity, sale.gain, sale.cost_per_share, sale.acquired
    )


def since_sold(sale: RecentSale, acquired: date) -> Acquisition:
    """The purchase of what a taxable account has sold again: until then it replaced what was sold at a loss."""
    return Acquisition(
        sale.account_id, "taxable", sale.symbol, acquired, sale.quantity, sale.cost_per_share, until=sale.date
    )


def looks_back_to(as_of: date, days: int) -> date:
    """The first day whose purchases can matter to a sale of today."""
    return as_of - timedelta(days=REACH * days)


def year_looks_back_to(as_of: date, days: int) -> date:
    """The first day whose purchases can matter to a sale of today, or to one of this year (TAX-1)."""
    return min(looks_back_to(as_of, days), as_of.replace(month=1, day=1) - timedelta(days=days))


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


def _told(symbol: str, settled: Sequence[Settled], policy: Policy) -> Finding:
    """How much of the loss from selling a security is disallowed, for how many shares, and where it goes."""
    replaced = [each for sale in settled for each in sale.replaced]
    loss = sum((each.loss for each in replaced), ZERO)
    shares = sum((each.shares for each in replaced), ZERO)
    return warning(
        WASH_2,
        f"{money(loss)} of the loss from selling {symbol} is disallowed: {plain(shares)} {symbol} of it were replaced "
        f"within {policy.wash_sale_days} days; {'; '.join(_destinations(replaced))}",
        symbol=symbol,
        disallowed_loss=cents(loss),
        deferred=cents(sum((each.deferred for each in settled), ZERO)),
        lost=cents(sum((each.lost for each in settled), ZERO)),
        shares=shares,
        replaced=[
            {
                "account": each.by.account_id,
                "bought": each.by.day,
                "shares": each.shares,
                "loss": cents(each.loss),
                "becomes": "lost for good" if each.is_lost else "deferred",
                "cost_per_share": each.cost_per_share,
                "holding_from": None if each.is_lost else each.holding_from,
            }
            for each in replaced
        ],
    )


def _destinations(replaced: Iterable[Replacement]) -> Iterator[str]:
    """Where the disallowed losses go, a phrase for each purchase that replaces."""
    together: dict[tuple[date, str, bool], tuple[Decimal, Decimal]] = {}
    for each in replaced:
        key = each.by.day, each.by.account_id, each.is_lost
        loss, shares = together.get(key, (ZERO, ZERO))
        together[key] = loss + each.loss, shares + each.shares
    for (day, account, is_lost), (loss, shares) in sorted(together.items()):
        lot = f"the {plain(shares)} bought on {day} in account {account}"
        yield (
            f"{money(loss)} is lost for good, by {lot}, whose gains nobody taxes"
            if is_lost
            else f"{money(loss)} is deferred: added to the cost of {lot}"
        )
