"""A generated account as the planner takes it, and as it is once its plan is filled. Bookkeeping of its own."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from domain.books.book import BookRefused, Market, read_account, read_market
from domain.laws.booked_plan import BookedPlan
from domain.laws.budget import recognised
from domain.rebalance_plan import RebalancePlan
from domain.tax.household_trades import recent_buys
from domain.values.policy import Policy
from domain.values.snapshot import MANAGED, Account, Holding, Lot, RecentSale, Sleeve, Snapshot
from policy import in_force

Json = dict[str, Any]
ZERO = Decimal(0)
Place = tuple[str, str]  # sleeve and symbol


class Members:
    """A book read: its market and its accounts, those that could be."""

    def __init__(self, book: Json) -> None:
        day = date.fromisoformat(book["as_of"])
        firm = in_force(day)
        self.market: Market = read_market({key: value for key, value in book.items() if key != "accounts"}, firm)
        self.policy: Policy = firm.overridden(self.market.policy)
        self.accounts: dict[str, Account] = {}
        self.refused: dict[str, str] = {}
        for at, raw in enumerate(book["accounts"]):
            try:
                self.accounts[raw["id"]] = read_account(raw, at, self.market)
            except BookRefused as flaw:
                self.refused[raw["id"]] = str(flaw)

    def snapshot(self, account_id: str) -> Snapshot:
        """The account with what its household sold and bought lately."""
        market, day = self.market, self.market.as_of
        others = [self.accounts[each] for each in market.household(account_id) if each in self.accounts]
        days = self.policy.wash_sale_days
        return Snapshot(
            as_of=day,
            account=self.accounts[account_id],
            targets=market.targets,
            models=market.models,
            securities=market.securities,
            fresh_from=day,
            household_sales=tuple(s for each in others if each.tax_status == "taxable" for s in each.recent_sales),
            household_buys=tuple(buy for each in others for buy in recent_buys(each, day, days)),
        )


def filled(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> Snapshot:
    """The snapshot once every order is filled as planned: sleeves that opened are there, emptied ones that closed not.

    What was sold at a loss is a recent sale, what was bought a recent lot, and what of the budget was used is gone.
    """
    books, account = BookedPlan.of(snapshot, plan), snapshot.account
    held: dict[Place, list[Lot]] = {
        (sleeve.key, each.symbol): list(each.lots) for sleeve in account.sleeves for each in sleeve.holdings
    }
    sales = list(account.recent_sales)
    for order in plan.orders:
        if order.side == "buy":
            for part in order.allocations:
                bought = Lot(part.quantity, order.price, snapshot.as_of)
                held.setdefault((part.sleeve, order.symbol), []).append(bought)
            continue
        gives = {part.sleeve: abs(part.quantity) for part in order.allocations}
        for each in order.lots:
            _take(held, gives, order.symbol, each.lot)
        lost = [(each.lot.quantity, each.gain) for each in order.lots if each.gain is not None and each.gain < 0]
        if lost:
            gone = sum((quantity for quantity, _ in lost), ZERO), sum((gain for _, gain in lost), ZERO)
            sales.append(RecentSale(order.symbol, snapshot.as_of, *gone, account.id))
    for transfer in plan.transfers:
        for lot in transfer.lots if transfer.symbol else ():
            _take(held, {transfer.source: lot.quantity}, str(transfer.symbol), lot)
            held.setdefault((transfer.destination, str(transfer.symbol)), []).append(lot)
    closing = {each.component for each in plan.components if each.sleeve == "closing"}
    sleeves = []
    for key, cash in books.cash.items():
        holdings = tuple(
            Holding(symbol, sum((lot.quantity for lot in lots), ZERO), tuple(lots))
            for (where, symbol), lots in held.items()
            if where == key and lots
        )
        if key == MANAGED or holdings or cash or key not in closing:
            sleeves.append(Sleeve(key, cash, holdings))
    budget = account.gain_budget
    if budget is not None and not plan.liquidation:
        budget = max(ZERO, budget - recognised(books, snapshot.numbers(policy))[0])
    after = replace(
        account,
        managed=sleeves[0],
        model_sleeves=tuple(sleeves[1:]),
        recent_sales=tuple(sales),
        gain_budget=budget,
        first_rebalanced=account.first_rebalanced or snapshot.as_of,
    )
    return replace(snapshot, account=after)


def _take(held: dict[Place, list[Lot]], gives: dict[str, Decimal], symbol: str, lot: Lot) -> None:
    """Takes the shares of a lot out of the sleeves, each as far as it still gives some."""
    left = lot.quantity
    for sleeve in [*gives]:
        lots = held.get((sleeve, symbol), [])
        for at, each in enumerate(lots):
            if (each.acquired, each.cost_per_share) == (lot.acquired, lot.cost_per_share) and left:
                taken = min(left, each.quantity, gives[sleeve])
                left -= taken
                gives[sleeve] -= taken
                lots[at] = replace(each, quantity=each.quantity - taken)
        held[sleeve, symbol] = [each for each in lots if each.quantity]
