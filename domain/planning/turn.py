"""A turn: one proposal for an account, from how far components can move to buys that its cash pays for.

Made by `proposal` as often as something turns out not to trade, and by `closing` where whole steps bring it nearer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.planning import ends, gain_budget, one_way
from domain.planning.affording import Bought
from domain.planning.case import Case
from domain.planning.destination import Destined, cash_band, destine
from domain.planning.filling import SleeveTrades
from domain.planning.lines import UNBOUNDED, Destination
from domain.planning.orders import ORDER_3, Netted, Trade, net
from domain.planning.reach import BackBy, lines_of, unfunded
from domain.planning.settlement import Settlement, settle
from domain.planning.sizing import lowest_cash, make_whole, settled_without, take_back, unpaid, without
from domain.planning.trades import Blocked, blocked, fills, managed_trades, sleeve_trades
from domain.targets.components import Component
from domain.targets.targets import Band
from domain.targets.valuation import held_symbols
from domain.tax import lots, wash_sales
from domain.values.money import CENT, ZERO
from domain.values.purpose import ONE_WAY
from domain.values.record import record
from domain.values.rules import Finding, Rule
from domain.values.snapshot import MANAGED

Place = tuple[str, str]  # a sleeve and a symbol


@record
class GivenUp:
    """One sleeve's trade that is not made, or only in part, and the rule.

    `planned` and `made` are shares: what was to be traded when it was first found out, and what is.
    """

    rule: Rule
    trade: Trade
    planned: Decimal
    made: Decimal
    turn: int  # in which it was found out: what one order was to trade is told together

    @property
    def left(self) -> Trade:
        """The part that is not made."""
        quantity = self.planned - self.made
        return self.trade.part(-quantity if self.sells else quantity)

    @property
    def place(self) -> Place:
        """The position."""
        return self.trade.place

    @property
    def sells(self) -> bool:
        """True for a sale."""
        return self.trade.quantity < ZERO


@dataclass(slots=True)
class Proposal:
    """A plan on its way: what was decided, and what it does to the books."""

    destined: Destined
    netted: Netted
    after: Settlement
    fills: Mapping[str, SleeveTrades]  # by model sleeve
    rejected: dict[str, Finding] = field(default_factory=dict)
    blocked: tuple[Blocked, ...] = ()
    unaffordable: tuple[Bought, ...] = ()  # what the cash there is does not buy (ORDER-4)
    stays: ends.Ends | None = None  # where the account stays, as nothing that can be traded is better (DESTINATION-6)
    given_up: tuple[GivenUp, ...] = ()  # trades of earlier turns that were not made and are asked no more

    def left_out(self) -> Iterator[tuple[Rule, list[Trade]]]:
        """The trades that are not made, by rule, security and side: too small, or beyond the gain budget."""
        if not (self.given_up or self.netted.cut or self.netted.skipped):
            return
        found: dict[tuple[str, bool, str, int], tuple[Rule, list[Trade]]] = {}
        last = [(gain_budget.LOT_2, self.netted.cut), (ORDER_3, self.netted.skipped)]
        trades = [(rule, trade) for rule, orders in last for order in orders for trade in order.allocations]
        known = {each.place for each in self.given_up}
        parts = [(each.rule, each.left, each.turn) for each in self.given_up if not self._instead(each)]
        parts += [(rule, trade, -1) for rule, trade in trades if trade.place not in known]
        for rule, trade, turn in parts:
            order = -1 if rule is gain_budget.LOT_2 else turn  # what a budget cuts further is no order by itself
            found.setdefault((trade.symbol, trade.quantity < 0, rule.code, order), (rule, []))[1].append(trade)
        yield from found.values()

    def _instead(self, each: GivenUp) -> bool:
        """True for what a sleeve was to sell instead of what was too small before, and is too small as well: it is the
        same amount, and is told once (SLEEVE-4).
        """
        if each.rule is not ORDER_3 or not each.sells or each.trade.sleeve == MANAGED:
            return False
        alike = [
            one
            for one in self.given_up
            if one.rule is ORDER_3 and one.sells and one.trade.sleeve == each.trade.sleeve and one.turn < each.turn
        ]
        return bool(alike) and all(one.place != each.place for one in alike)


Unaffordable = tuple[Component, Decimal]


def destined_of(case: Case, kept_out: frozenset[str], back: BackBy) -> Destined:
    """Where the components go (DESTINATION, CASH-2); a signal moves none."""
    if case.purpose.kind == "signal":
        still = tuple([Destination(component, ZERO) for component in case.known[:-1]])
        return Destined(still, case.valuation.cash, Band(ZERO, UNBOUNDED), {})
    lines, shut = lines_of(case, kept_out, back)
    kept_out |= shut
    cash_component, managed_value = case.known[-1], case.valuation.managed_value
    cash = cash_component.value - sum([each.value - each.component.value for each in lines], ZERO)
    band = cash_band(cash_component, lines, kept_out, managed_value, case.mode)
    lacking = unfunded(case, lines)
    band = Band(band.lower, band.upper + sum(lacking.values(), ZERO))
    if case.purpose.kind not in ONE_WAY:
        destined = destine(lines, cash, band, lambda: _traded_in_sleeves(case))
        return replace(destined, shut=shut, unfunded=lacking)
    wanted = cash_component.weight * managed_value
    goal = one_way.goal(cash, wanted, band.lower, case.purpose, CENT * (1 + len(lines)))
    if case.purpose.kind == "raise_cash":
        return one_way.raised(lines, cash, goal, _idle_by_sleeve(case))
    return one_way.invested(lines, cash, goal)


def _traded_in_sleeves(case: Case) -> frozenset[str]:
    """The symbols that a model sleeve of the account holds or could buy: a direct trade of them might cross."""
    symbols = held_symbols(case.snapshot.account.model_sleeves)
    for component in case.known:
        if component.kind == "model" and not component.goes_to_zero:
            symbols |= case.aim(component.ref).weights.keys()
    return frozenset(symbols)


def _idle_by_sleeve(case: Case) -> dict[str, Decimal]:
    """The cash of model sleeves above what their models ask, by component: it can be given before anything is sold."""
    found = {}
    for sleeve in case.snapshot.account.model_sleeves:
        component = next(each for each in case.known if each.key == sleeve.key)
        weight = ZERO if component.goes_to_zero else case.aim(component.ref).cash_weight
        spare = sleeve.cash - weight * max(ZERO, component.value)
        if spare > 0:
            found[sleeve.key] = spare
    return found


def trade_of(case: Case, destined: Destined, back: BackBy) -> Proposal:
    """Fills sleeves, crosses, nets, keeps to the gain budget, settles, and sizes buys on the cash there is."""
    market, account, smallest = case.snapshot.securities, case.snapshot.account, case.smallest
    filled = dict(fills(case, destined, back))
    trades = [*sleeve_trades(case, destined, filled), *managed_trades(case, destined)]
    netted = net(trades, market, smallest)
    budget = gain_budget.budget_of(case.snapshot, case.liquidation)
    if budget is not None and any(order.is_sell for order in netted.orders):
        netted = gain_budget.cut_back(netted, budget, relief(case), _recognised(case), market, smallest, case.policy)
    after = settle(account, netted.orders, netted.crossings, destined.destinations, case.purpose.kind == "full")
    if any(cash < 0 for cash in case.valuation.sleeve_cash.values()):
        make_whole(after, case.valuation.sleeve_cash)
    take_back(case, destined, after)
    unaffordable = unpaid(case, destined, netted, after)
    if unaffordable:
        netted = without(netted, unaffordable, case)
        after = settled_without(case, destined, netted, unaffordable)
        take_back(case, destined, after)
    return Proposal(destined, netted, after, filled, {}, tuple(blocked(case, destined, filled)), unaffordable)


def relief(case: Case) -> gain_budget.Relieve:
    """Which lots a sell to the market gives up."""
    snapshot, held = case.snapshot, case.valuation.holdings
    method = lots.method_of(snapshot.account)

    def relieve(trade: Trade) -> Sequence[lots.RelievedLot]:
        price = snapshot.price(trade.symbol)
        owned = held[trade.sleeve][trade.symbol].lots
        return lots.given_up(owned, -trade.quantity, price, snapshot.trade_date, method, case.policy)

    return relieve


def _recognised(case: Case) -> gain_budget.Recognise:
    """What of the lots that are sold of one symbol counts as gain (LOT-2, WASH-2)."""

    def recognise(symbol: str, given: Sequence[lots.RelievedLot]) -> Sequence[Decimal]:
        return wash_sales.recognised(case.snapshot, case.policy, {symbol: given}).gains[symbol]

    return recognise


def opened_too_low(case: Case, proposal: Proposal) -> Unaffordable | None:
    """An opening whose buys had to be cut below its minimum once it was known what sells bring (MINIMUM-1)."""
    gone: dict[str, Decimal] = {}
    for each in proposal.unaffordable:
        if each.opens:
            gone[each.sleeve] = gone.get(each.sleeve, ZERO) + each.cost
    worst: tuple[Decimal, str, Component, Decimal] | None = None
    short = lowest_cash(case, proposal.destined) - proposal.after.cash[MANAGED]
    for component in case.known[:-1]:
        if component.sleeve != "opening":
            continue
        if component.key not in gone:
            left = proposal.after.funded.get(component.key, ZERO) - short
            if short > CENT * (1 + len(proposal.netted.orders)) and left + short > 0:  # it lives on what crosses alone
                return component, max(ZERO, left)
            continue
        left = proposal.after.funded.get(component.key, ZERO)
        minimum = case.snapshot.models[component.ref].investment_minimum
        bought = any(sleeve == component.key and q > 0 for (sleeve, _), q in proposal.after.moved.items())
        if bought and left >= minimum:
            continue
        candidate = (left / minimum if minimum else ZERO), component.key, component, left
        if worst is None or candidate[:2] < worst[:2]:
            worst = candidate
    return None if worst is None else (worst[2], worst[3])
