"""LAW-4: a no is a no. What is rejected, restricted or would wash a loss is not traded, in no way."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import timedelta

from domain.laws.booked_plan import BookedPlan
from domain.laws.broken import Broken
from domain.rebalance_plan import ComponentOutcome, RebalancePlan
from domain.values.keys import named
from domain.values.memo import remembered
from domain.values.money import ZERO, money, plain
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import Model, RecentSale, Restriction, Snapshot

LAW_4 = Rule("LAW-4", "What is rejected, restricted or washed has no order, no crossing and no funding.")


def refused_and_trading(plan: RebalancePlan) -> Iterator[Broken]:
    """An account that can't be planned trades nothing."""
    if plan.trades:
        yield Broken(LAW_4, "the account can't be planned, and the plan trades", {"orders": len(plan.orders)})


Cause = Restriction | RecentSale


@record
class Forbidden:
    """What may not be bought, and what not sold, by symbol, each with what forbids it (RESTRICT-1 to 3, WASH-1).

    `replaced`: the restrictions in force that give a security's weight to others or to cash, whether it is kept or not.
    """

    no_buy: Mapping[str, Cause] = field(default_factory=dict)
    no_sell: Mapping[str, Cause] = field(default_factory=dict)
    replaced: Mapping[str, Restriction] = field(default_factory=dict)


NOTHING = Forbidden()


def check(books: BookedPlan, limits: Forbidden) -> Iterator[Broken]:
    """Trades of what may not trade: by any sleeve, to the market or inside the account."""
    rejected = [each.component for each in books.plan.components if each.outcome == "rejected"]
    if rejected:
        touched = books.touched()
        for key in rejected:
            if key in touched:
                yield Broken(LAW_4, f"{key} is rejected, and trades or is funded", {"component": key})
    no_buy, no_sell = limits.no_buy, limits.no_sell
    if not no_buy and not no_sell:
        return
    yield from _funded_for_nothing(books, limits)
    concerned = no_buy.keys() | no_sell.keys()
    for sleeve, changes in books.moved.items():
        if concerned.isdisjoint(changes):
            continue
        for symbol in sorted(changes.keys() & concerned):
            change = changes[symbol]
            cause = no_buy.get(symbol) if change > ZERO else no_sell.get(symbol) if change < ZERO else None
            if cause:
                verb = "takes in" if change > ZERO else "gives up"
                yield Broken(
                    LAW_4,
                    f"{sleeve} {verb} {plain(abs(change))} {symbol}, and {_why(cause)}",
                    {"sleeve": sleeve, "symbol": symbol, "quantity": change},
                )


def _why(cause: Cause) -> str:
    if isinstance(cause, RecentSale):
        return f"its sale at a loss on {cause.date} forbids buying it (WASH-1)"
    return f"the account has a {cause.type} restriction on it (RESTRICT)"


def _funded_for_nothing(books: BookedPlan, limits: Forbidden) -> Iterator[Broken]:
    """Models of which nothing may be bought, and that get more cash than covers their overdraft (RESTRICT-1)."""
    funded = {each.destination: each.amount for each in books.plan.transfers if each.symbol is None}
    for each in books.plan.components:
        if each.component not in funded:
            continue
        amount = funded[each.component] + min(ZERO, books.before.get(each.component, ZERO))
        if amount > ZERO and nothing_may_be_bought(each, books, limits):
            yield Broken(
                LAW_4,
                f"{each.component} receives {money(amount)}, and nothing that its model names may be bought",
                {"component": each.component, "amount": amount},
            )


def forbidden(snapshot: Snapshot, policy: Policy) -> Forbidden:
    """What the account's restrictions in force and the household's losses forbid: restrictions on the day of
    valuation, losses on the day of trade (DAY-2).
    """
    no_buy: dict[str, Cause] = {}
    no_sell: dict[str, Cause] = {}
    account, day, trade_date = snapshot.account, snapshot.as_of, snapshot.trade_date
    sales = snapshot.household_sales
    if account.tax_status == "taxable":
        sales = (*account.recent_sales, *sales) if account.recent_sales else sales
    if sales:
        window = timedelta(days=policy.wash_sale_days)
        lost = [sale for sale in sales if sale.gain < ZERO]
        no_buy |= {sale.symbol: sale for sale in lost if abs(trade_date - sale.date) <= window}
    replaced: dict[str, Restriction] = {}
    for each in account.restrictions:
        if not each.in_force(day):
            continue
        if each.type != "no_sell":
            no_buy[each.symbol] = each
        if each.type in {"no_sell", "no_trade"} or (each.type == "exclude" and each.hold):
            no_sell[each.symbol] = each
        if each.type in {"exclude", "substitute"}:
            replaced[each.symbol] = each
    return Forbidden(no_buy, no_sell, replaced) if no_buy or no_sell else NOTHING


def nothing_may_be_bought(each: ComponentOutcome, books: BookedPlan, limits: Forbidden) -> bool:
    """True for a model of which the account may buy nothing: its weight stays in cash and counts there (RESTRICT-1)."""
    kind, ref = named(each.component)
    model = books.snapshot.models.get(ref) if kind == "model" and limits.no_buy else None
    if model is None or not limits.no_buy.keys() >= symbols_of(model):
        return False
    by = {symbol: found.by for symbol, found in limits.replaced.items() if found.by}
    return all(by.get(symbol, symbol) in limits.no_buy for symbol in symbols_of(model))


@remembered
def symbols_of(model: Model) -> frozenset[str]:
    """What a model asks for."""
    return frozenset(line.symbol for line in model.holdings if line.weight)
