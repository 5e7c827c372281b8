"""The proposal: from what may open to orders, again and again until nothing it counts on is missing.

Asked by `plan` only. One round: component values (`destination`, or `one_way`), holdings (`filling`, or `signals`),
crossing and orders (`orders`), the gain budget, cash (`settlement`). A round that finds an opening unaffordable, or a
sell that is not made, leads to another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain import gain_budget, lots, minimums, one_way
from domain.case import Case
from domain.destination import Destined, destine, openings_to_reject
from domain.filling import Fill
from domain.lines import DESTINATION_1, Destination
from domain.money import ZERO
from domain.orders import Netted, Trade, net
from domain.purpose import ONE_WAY
from domain.rounding import buy_quantities
from domain.rules import Finding
from domain.settlement import Settled, settle
from domain.snapshot import MANAGED
from domain.targets import Band
from domain.trades import Blocked, blocked, fills, managed_buys, managed_sells, sleeve_trades

MAX_ROUNDS = 60
NO_LIMIT = Decimal("1e30")


@dataclass(slots=True)
class Proposal:
    """A plan on its way: what was decided, and what it does to the books."""

    destined: Destined
    netted: Netted
    after: Settled
    fills: Mapping[str, Fill]  # by model sleeve
    rejected: dict[str, Finding] = field(default_factory=dict)
    blocked: tuple[Blocked, ...] = ()


def propose(case: Case) -> Proposal:
    """Component values, sleeves' holdings, orders; again where a model can't open after all or a sell is not made.

    Every round rejects an opening or finds more that is not raised, so that buys only shrink: it ends. A buy that is
    cut crosses less, so which sells are too small is found anew in each.
    """
    models = case.snapshot.models
    rejected: dict[str, Finding] = {}
    if case.purpose.kind in {"full", "invest_cash"}:
        decisions = minimums.check(case.known, models, case.valuation.managed_value)
        rejected = {each.component: each.finding for each in decisions if each.finding}
    not_raised: dict[str, Decimal] = {}
    for turn in range(MAX_ROUNDS):
        destined = _destined(case, rejected, not_raised.get(MANAGED, ZERO))
        unaffordable = openings_to_reject(destined, models)
        if unaffordable:
            component, left = unaffordable
            rejected[component.key] = minimums.rejection_for_cash(component, models[component.ref], left)
            continue
        proposal = _trade(case, destined, not_raised)
        proposal.rejected = rejected
        missing = _not_raised(proposal, case, not_raised)
        if all(amount <= not_raised.get(key, ZERO) for key, amount in missing.items()):
            return proposal
        for key, amount in missing.items():
            most = max(not_raised.get(key, ZERO), amount)
            not_raised[key] = most if turn < MAX_ROUNDS - 2 else NO_LIMIT
    return proposal


def _destined(case: Case, rejected: Iterable[str], not_raised: Decimal) -> Destined:
    managed_value = case.valuation.managed_value
    if case.purpose.kind in ONE_WAY:
        return one_way.destine(case.known, rejected, managed_value, case.mode, case.purpose, not_raised)
    if case.purpose.kind == "signal":
        still = tuple(Destination(component, ZERO, DESTINATION_1) for component in case.known[:-1])
        return Destined(still, case.valuation.cash, Band(ZERO, ZERO), ZERO)
    return destine(case.known, rejected, managed_value, case.mode, not_raised)


def _not_raised(proposal: Proposal, case: Case, before: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """By sleeve, the cash that a round counted on and does not get: from sells too small or beyond the gain budget.

    What a model sleeve does not pay for that is the managed one's to miss; what it can't buy for, its own, on top of
    what it was found to miss `before`.
    """
    prices, after = case.snapshot.prices, proposal.after
    closing = {component.key for component in case.known if component.sleeve == "closing"}
    missing = {MANAGED: after.unpaid + _overdrawn(after, case)}
    for order in (*proposal.netted.skipped, *proposal.netted.cut):
        for trade in order.allocations if order.is_sell else ():
            if trade.sleeve == MANAGED or trade.sleeve in closing:  # which pays whatever it has
                missing[MANAGED] -= trade.quantity * prices[order.symbol]
    for key in {trade.sleeve for order in proposal.netted.cut for trade in order.allocations} - {MANAGED}:
        short = min(ZERO, case.valuation.sleeve_cash.get(key, ZERO)) - after.cash[key]
        if short > 0:
            missing[key] = before.get(key, ZERO) + short
    return missing


def _overdrawn(after: Settled, case: Case) -> Decimal:
    """By how much the account's cash, all sleeves together, would end below zero, or below the overdraft it had.

    Only where a sleeve is overdrawn: what another spends may be what covers it (ORDER-3).
    """
    if not _overdrawn_before(case):
        return ZERO
    before = case.valuation.sleeve_cash.values()
    return max(ZERO, min(ZERO, sum(before, ZERO)) - sum(after.cash.values(), ZERO))


def _overdrawn_before(case: Case) -> bool:
    return any(cash < 0 for cash in case.valuation.sleeve_cash.values())


def _trade(case: Case, destined: Destined, not_raised: Mapping[str, Decimal]) -> Proposal:
    """Fills sleeves, crosses, nets and settles; cash left over buys single increments before (ORDER-1)."""
    market, account, smallest = case.snapshot.securities, case.snapshot.account, case.smallest
    filled = dict(fills(case, destined, not_raised))
    trades = [*sleeve_trades(case, destined, filled), *managed_sells(case, destined)]
    goals = {
        each.component.ref: each.change
        for each in destined.destinations
        if each.component.kind == "security" and each.change > 0
    }
    if goals:
        floor = buy_quantities(goals, market, -NO_LIMIT)
        first = net([*trades, *managed_buys(floor)], market, smallest, ZERO)
        books = settle(account, first.orders, first.crossings, destined.destinations)
        spare = books.cash[MANAGED] - case.valuation.reserved - max(ZERO, destined.cash_band.lower)
        spare -= not_raised.get(MANAGED, ZERO) if _overdrawn_before(case) else ZERO
        spare -= sum((goals[symbol] - floor[symbol] * case.snapshot.price(symbol) for symbol in goals), ZERO)
        trades += managed_buys(buy_quantities(goals, market, spare))
    netted = net(trades, market, smallest, smallest)
    budget = gain_budget.budget_of(case.snapshot, case.purpose)
    if budget is not None:
        netted = gain_budget.cut_back(netted, budget, _relief(case), market, smallest, case.policy)
    after = settle(account, netted.orders, netted.crossings, destined.destinations)
    return Proposal(destined, netted, after, filled, blocked=tuple(blocked(case, destined, filled)))


def _relief(case: Case) -> gain_budget.Relieve:
    """Which lots a sell to the market gives up."""
    snapshot, held = case.snapshot, case.valuation.holdings
    method = lots.method_of(snapshot.account)

    def relieve(trade: Trade) -> Sequence[lots.RelievedLot]:
        price = snapshot.price(trade.symbol)
        owned = held[trade.sleeve][trade.symbol].lots
        return lots.given_up(owned, -trade.quantity, price, snapshot.trade_date, method, case.policy)

    return relieve
