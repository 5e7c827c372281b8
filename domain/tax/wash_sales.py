"""Wash sales: a security sold at a loss is not bought in the tax household for a while, before and after.

Asked before a plan is made (what may not be bought?) and of what it sells (which losses are disallowed, as the
household acquired the security a short while ago?). Only a taxable account realises a loss; a buy counts in any.
`household_trades` says what of a snapshot is looked at, `wash_matching` matches share for share.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.targets.restrictions import Prohibition
from domain.tax.household_trades import around_of, once_sold, taxed_sales
from domain.tax.lots import RelievedLot, from_json, recognised_gain
from domain.tax.wash_matching import WASH_2, LotSale, MatchedSale, Replacement, matched
from domain.values.money import ZERO, cents, money, plain
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Finding, Rule, warning
from domain.values.snapshot import RecentBuy, RecentSale, Snapshot

WASH_1 = Rule("WASH-1", "What a tax household sold at a loss is not bought in it for 30 days before and after.")


@record
class Recognised:
    """What the sales of a plan count for tax (LOT-2, WASH-2).

    `gains`, by symbol and lot in the order given: a disallowed loss is taken back, a lot of unknown cost is all gain.
    `washed`: the sales of each symbol of which some loss is disallowed, in the same order.
    """

    gains: Mapping[str, tuple[Decimal, ...]]
    washed: Mapping[str, tuple[MatchedSale, ...]]

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


def recent_losses(snapshot: Snapshot, policy: Policy) -> Iterable[RecentSale]:
    """The sales at a loss near the snapshot's day, of the account where it is taxed and of its household.

    Lots sold at a loss on one day in one account are one sale.
    """
    window = timedelta(days=policy.wash_sale_days)
    together: dict[tuple[str, date, str], RecentSale] = {}
    for sale in [each for each in taxed_sales(snapshot) if each.gain < ZERO]:
        if abs(snapshot.trade_date - sale.date) <= window:
            key = sale.symbol, sale.date, sale.account_id
            known = together.get(key)
            quantity, gain = (known.quantity, known.gain) if known else (ZERO, ZERO)
            together[key] = RecentSale(*key[:2], quantity + sale.quantity, gain + sale.gain, sale.account_id)
    return together.values()


def washed(snapshot: Snapshot, policy: Policy) -> Mapping[str, Prohibition]:
    """What may not be bought, by symbol: the latest loss of each that a buy would wash."""
    latest: dict[str, RecentSale] = {}
    for sale in recent_losses(snapshot, policy):
        known = latest.get(sale.symbol)
        if known is None or known.date < sale.date:
            latest[sale.symbol] = sale
    return {symbol: Prohibition(WASH_1, partial(_would_wash, sale, policy)) for symbol, sale in latest.items()}


def _would_wash(sale: RecentSale, policy: Policy) -> str:
    clear = sale.date + timedelta(days=policy.wash_sale_days + 1)
    return (
        f"buying it would wash the loss of {money(-sale.gain)} from the sale of {plain(sale.quantity)} "
        f"{sale.symbol} on {sale.date} in account {sale.account_id}; it may be bought from {clear}"
    )


def kept_back(snapshot: Snapshot) -> Mapping[str, Prohibition]:
    """What may not be sold, by symbol: held at a loss that others' plans of the same pass would wash by buying it.

    A liquidation is never blocked (WASH-1).
    """
    account = snapshot.account
    if not snapshot.household_plans_buy or account.tax_status != "taxable" or account.target_id is None:
        return {}
    prices = snapshot.prices
    at_a_loss = {
        holding.symbol
        for sleeve in account.sleeves
        for holding in sleeve.holdings
        for lot in holding.lots
        if lot.cost_per_share is not None and lot.cost_per_share > prices.get(holding.symbol, lot.cost_per_share)
    }
    buys = {each.symbol: each for each in reversed(snapshot.household_plans_buy)}
    return {
        symbol: Prohibition(WASH_1, partial(_would_be_washed, buys[symbol]))
        for symbol in sorted(at_a_loss & buys.keys())
    }


def _would_be_washed(buy: RecentBuy) -> str:
    return (
        f"its loss would be washed: account {buy.account_id} buys {plain(buy.quantity)} {buy.symbol} on {buy.date}, "
        "planned beside it"
    )


def washed_since(plan: Mapping[str, Any], before: Snapshot, now: Snapshot, policy: Policy) -> list[str]:
    """What the household traded since a plan, in its public form, was made that makes it another (EXEC-3).

    Buys that would wash a loss by now (WASH-1), and losses of which more, or less, is disallowed by now (WASH-2); each
    with which account traded what, when. The policy is the firm's.
    """
    numbers = now.numbers(policy)
    blocked = washed(now, numbers)
    bought = {order["symbol"] for order in plan["orders"] if order["side"] == "buy"}
    told = [f"{symbol}: {blocked[symbol].why}" for symbol in sorted(bought & blocked.keys())]
    sold = {
        order["symbol"]: [from_json(each) for each in order["lots"]]
        for order in plan["orders"]
        if order["side"] == "sell"
    }
    then, found = _washed(before, numbers, sold), _washed(now, numbers, sold)
    for symbol in sorted(then.keys() | found.keys()):
        was, by_now = _replacements(then.get(symbol, ())), _replacements(found.get(symbol, ()))
        if list(_destinations(was)) != list(_destinations(by_now)):
            loss = money(sum((each.loss for each in by_now), ZERO))
            told.append("; ".join([f"{symbol}: {loss} of its loss is disallowed by now", *_destinations(by_now)]))
    return told


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


def disallowed(snapshot: Snapshot, sold: Mapping[str, Sequence[RelievedLot]], policy: Policy) -> list[Finding]:
    """A warning for every security of which a loss of the plan is disallowed, and where it goes (WASH-2).

    `sold` as of `recognised`.
    """
    washed = _washed(snapshot, policy, sold)
    return [_told(symbol, washed[symbol], policy) for symbol in sorted(washed)]


def _washed(
    snapshot: Snapshot, policy: Policy, sold: Mapping[str, Sequence[RelievedLot]]
) -> dict[str, tuple[MatchedSale, ...]]:
    """The sales of every symbol of which some loss is disallowed, a lot each, in the order given."""
    if snapshot.account.tax_status != "taxable":
        return {}
    lossy = [symbol for symbol, relieved in sold.items() if loses(relieved)]
    if not lossy:
        return {}
    around = around_of(snapshot, policy)
    found = {}
    for symbol in lossy:
        if symbol in around.near:
            relieved = sold[symbol]
            sales = [_sale(snapshot, symbol, each) for each in relieved]
            settled = matched(
                [*sales, *around.losses.get(symbol, ())],
                once_sold(around.acquired[symbol], sales),
                policy.wash_sale_days,
            )[: len(sales)]
            if any(each.replaced for each in settled):
                found[symbol] = settled
    return found


def _sale(snapshot: Snapshot, symbol: str, relieved: RelievedLot) -> LotSale:
    lot, account = relieved.lot, snapshot.account.id
    day, gain = snapshot.trade_date, relieved.gain
    return LotSale(account, symbol, day, lot.quantity, gain, lot.cost_per_share, lot.acquired, planned=True)


def _told(symbol: str, settled: Sequence[MatchedSale], policy: Policy) -> Finding:
    """How much of the loss from selling a security is disallowed, for how many shares, and where it goes."""
    replaced = _replacements(settled)
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


def _replacements(settled: Iterable[MatchedSale]) -> list[Replacement]:
    return [each for sale in settled for each in sale.replaced]


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
