"""The proposal: from what may open to orders.

Asked by `plan` only. One turn: how far components can move (`reach`), their values (`destination`, or `one_way`),
holdings (`filling`, or `signals`), crossing and orders (`orders`), the gain budget, cash (`settlement`), and buys sized
on it (`sizing`).

It ends by construction. A turn that finds an opening which cash can't carry rejects it and starts anew: as often as
there are openings. A turn in which a trade is not made (too small, or beyond the gain budget) holds that position back,
and the next one lets others make up for it: as often as there are positions and directions to trade them in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.planning import ends, gain_budget, one_way
from domain.planning.affording import Bought
from domain.planning.case import Case
from domain.planning.destination import Destined, cash_band, close, destination, destine, openings_to_reject
from domain.planning.filling import Fill, Held
from domain.planning.lines import (
    DESTINATION_1,
    UNBOUNDED,
    Destination,
    Line,
    give_back_buys,
    give_back_sales,
)
from domain.planning.orders import ORDER_3, Netted, Trade, net
from domain.planning.reach import BackBy, lines_of, unfunded
from domain.planning.settlement import Settled, settle
from domain.planning.sizing import lowest_cash, make_whole, settled_without, take_back, unpaid, without
from domain.planning.trades import Blocked, blocked, fills, managed_trades, sleeve_trades
from domain.targets import minimums
from domain.targets.components import Component
from domain.targets.restrictions import aim
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
        return replace(self.trade, quantity=-quantity if self.sells else quantity)

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
    after: Settled
    fills: Mapping[str, Fill]  # by model sleeve
    rejected: dict[str, Finding] = field(default_factory=dict)
    blocked: tuple[Blocked, ...] = ()
    unaffordable: tuple[Bought, ...] = ()  # what the cash there is does not buy (ORDER-4)
    stays: ends.Ends | None = None  # where the account stays, as nothing that can be traded is better (DESTINATION-6)
    given_up: tuple[GivenUp, ...] = ()  # trades of earlier turns that were not made and are asked no more

    def left_out(self) -> Iterator[tuple[Rule, list[Trade]]]:
        """The trades that are not made, by rule, security and side: too small, or beyond the gain budget."""
        found: dict[tuple[str, bool, str, int], tuple[Rule, list[Trade]]] = {}
        last = [(gain_budget.LOT_2, self.netted.cut), (ORDER_3, self.netted.skipped)]
        trades = [(rule, trade) for rule, orders in last for order in orders for trade in order.allocations]
        known = {each.place for each in self.given_up}
        parts = [(each.rule, each.left, each.turn) for each in self.given_up]
        parts += [(rule, trade, -1) for rule, trade in trades if trade.place not in known]
        for rule, trade, turn in parts:
            found.setdefault((trade.symbol, trade.quantity < 0, rule.code, turn), (rule, []))[1].append(trade)
        yield from found.values()


def propose(case: Case) -> Proposal:
    """Component values, sleeves' holdings, orders; nothing where the account would not be better for it."""
    rejected = _below_their_minimum(case)
    while True:  # each turn rejects one more opening, or is the last
        found = _without(case, rejected)
        if isinstance(found, Proposal):
            break
        component, left = found
        rejected[component.key] = minimums.rejection_for_cash(component, case.snapshot.models[component.ref], left)
    found.rejected = rejected
    return found if case.purpose.kind != "full" or case.liquidation else _if_better(case, found)


def _below_their_minimum(case: Case) -> dict[str, Finding]:
    if case.purpose.kind not in {"full", "invest_cash"}:
        return {}
    decisions = minimums.decide(case.known, case.snapshot.models, case.valuation.managed_value)
    return {each.component: each.finding for each in decisions if each.finding}


Unaffordable = tuple[Component, Decimal]


def _without(case: Case, rejected: Mapping[str, Finding]) -> Proposal | Unaffordable:
    """The proposal without the openings that are rejected; or another that cash can't carry, with what it leaves."""
    back, given_up = BackBy(), dict[tuple[str, str, bool], GivenUp]()
    while True:  # each turn holds a position back, or one further, or is the last
        destined = _destined(case, frozenset(rejected), back)
        unaffordable = openings_to_reject(destined, case.snapshot.models) if case.purpose.kind == "full" else None
        if unaffordable:
            return unaffordable
        proposal = _trade(case, destined, back)
        unaffordable = _opened_too_low(case, proposal)
        if unaffordable:
            return unaffordable
        more, found = _held_back(case, proposal, back, len(given_up))
        if more is None:
            proposal.given_up = tuple(given_up.values())
            return _closed(case, proposal, back)
        back = more
        for each in found:
            key = (*each.place, each.sells)
            known = given_up.get(key)
            given_up[key] = replace(each, planned=known.planned, turn=known.turn) if known else each


def _closed(case: Case, proposal: Proposal, back: BackBy) -> Proposal:
    """The proposal with whole steps that bring cash nearer to its band, where sleeves and rounding left it outside.

    One turn more, kept where the account is better for it (DESTINATION-5, DESTINATION-6).
    """
    if case.purpose.kind != "full" or case.liquidation:
        return proposal
    destined, band = proposal.destined, proposal.destined.cash_band
    cash = proposal.after.cash[MANAGED] - case.valuation.reserved
    inside = band.lower - CENT < cash < band.upper + CENT
    as_planned = not (proposal.netted.skipped or proposal.netted.cut or proposal.given_up or proposal.unaffordable)
    if inside and (as_planned or not any(_moved_for_cash(each) for each in destined.lines)):
        return proposal
    ordered = {order.symbol for order in proposal.netted.orders}
    lines = [_again(each, each.component.ref in ordered) for each in destined.lines]
    ends_at = give_back_sales(lines, cash, band.lower)
    ends_at = give_back_buys(lines, ends_at, band.upper)
    ends_at = close(lines, ends_at, band)
    ends_at = give_back_buys(lines, ends_at, band.upper)
    if ends_at == cash:
        return proposal
    shift = destined.cash - cash
    moved = replace(
        destined,
        destinations=tuple([destination(each) for each in lines]),
        cash=ends_at + shift,
        lines=tuple(lines),
    )
    closer = _trade(case, moved, back)
    made = {trade.place for order in closer.netted.orders for trade in order.allocations}
    skipped = {trade.place for order in closer.netted.skipped for trade in order.allocations} - made
    before = {trade.place for order in proposal.netted.skipped for trade in order.allocations}
    if closer.netted.cut or closer.unaffordable or not skipped <= before or _opened_too_low(case, closer):
        return proposal
    closer.given_up = proposal.given_up
    return closer if _end_of(case, closer).rank < _end_of(case, proposal).rank else proposal


def _lands_all(case: Case, proposal: Proposal) -> bool:
    """True where everything was traded as it was to be, and every component and cash end in their bands."""
    netted, destined = proposal.netted, proposal.destined
    if netted.cut or proposal.given_up or proposal.unaffordable or any(each.is_sell for each in netted.skipped):
        return False
    cash = proposal.after.cash[MANAGED] - case.valuation.reserved
    return (
        destined.cash_band.lower <= cash <= destined.cash_band.upper
        and not any(cash < 0 for cash in case.valuation.sleeve_cash.values())
        and all(each.lower <= each.planned <= each.upper for each in destined.lines)
        and not (case.allowed.takes_out and ends.excluded_left(case, proposal.after.moved))
    )


def _end_of(case: Case, proposal: Proposal) -> ends.Ends:
    netted = proposal.netted
    turnover = sum([order.amount for order in netted.orders], ZERO)
    turnover += sum([crossing.amount for crossing in netted.crossings], ZERO)
    return ends.ends(case, proposal.destined, proposal.after, turnover)


def _moved_for_cash(line: Line) -> bool:
    """True where more of a component is sold, or bought, than its band asks."""
    return any(rule is not DESTINATION_1 for rule, _ in line.parts)


def _again(line: Line, ordered: bool) -> Line:
    """The line where it is planned, free to move on; what has an order already may grow it by any step."""
    reach = replace(line.reach, smallest=ZERO) if ordered else line.reach
    return replace(line, parts=list(line.parts), reach=reach)


def _destined(case: Case, kept_out: frozenset[str], back: BackBy) -> Destined:
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
    goal = one_way.goal(cash, wanted, band.lower, case.purpose)
    if case.purpose.kind == "raise_cash":
        return one_way.raised(lines, cash, goal, _idle_by_sleeve(case))
    return one_way.invested(lines, cash, goal)


def _traded_in_sleeves(case: Case) -> frozenset[str]:
    """The symbols that a model sleeve of the account holds or could buy: a direct trade of them might cross."""
    symbols = held_symbols(case.snapshot.account.model_sleeves)
    for component in case.known:
        if component.kind == "model" and not component.goes_to_zero:
            symbols |= aim(case.snapshot.models[component.ref], case.allowed).weights.keys()
    return frozenset(symbols)


def _idle_by_sleeve(case: Case) -> dict[str, Decimal]:
    """The cash of model sleeves above what their models ask, by component: it can be given before anything is sold."""
    found = {}
    for sleeve in case.snapshot.account.model_sleeves:
        component = next(each for each in case.known if each.key == sleeve.key)
        weight = ZERO if component.goes_to_zero else aim(case.snapshot.models[component.ref], case.allowed).cash_weight
        spare = sleeve.cash - weight * max(ZERO, component.value)
        if spare > 0:
            found[sleeve.key] = spare
    return found


def _trade(case: Case, destined: Destined, back: BackBy) -> Proposal:
    """Fills sleeves, crosses, nets, keeps to the gain budget, settles, and sizes buys on the cash there is."""
    market, account, smallest = case.snapshot.securities, case.snapshot.account, case.smallest
    filled = dict(fills(case, destined, back))
    trades = [*sleeve_trades(case, destined, filled), *managed_trades(case, destined)]
    netted = net(trades, market, smallest)
    budget = gain_budget.budget_of(case.snapshot, case.liquidation)
    if budget is not None and any(order.is_sell for order in netted.orders):
        netted = gain_budget.cut_back(netted, budget, _relief(case), _recognised(case), market, smallest, case.policy)
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


def _relief(case: Case) -> gain_budget.Relieve:
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


def _opened_too_low(case: Case, proposal: Proposal) -> Unaffordable | None:
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


def _held_back(case: Case, proposal: Proposal, back: BackBy, turn: int) -> tuple[BackBy | None, list[GivenUp]]:
    """The positions found not to trade, those known before included, and what is not made of them; no positions where
    no other turn is called for.

    A sale that is not made calls for one only where somebody counted on its cash; a buy of a sleeve never does: what
    it was given stays in it as cash (SLEEVE-1).
    """
    netted = proposal.netted
    last = [(ORDER_3, order) for order in netted.skipped] + [(gain_budget.LOT_2, order) for order in netted.cut]
    if not last:
        return None, []
    asked = {key: fill.quantities for key, fill in proposal.fills.items()}  # before anything crossed or was left out
    asked[MANAGED] = {trade.symbol: trade.quantity for trade in managed_trades(case, proposal.destined)}
    found = {key: (dict(each.sold), dict(each.bought)) for key, each in back.items()}
    missing, calls, given_up = _missing(case, proposal), False, list[GivenUp]()
    for rule, order in last:
        for trade in order.allocations:
            sold, bought = found.setdefault(trade.sleeve, ({}, {}))
            side = sold if order.is_sell else bought
            planned = abs(asked.get(trade.sleeve, {}).get(trade.symbol, ZERO))
            made = max(ZERO, planned - abs(trade.quantity))
            if trade.symbol in side and made >= side[trade.symbol]:
                continue
            if rule is ORDER_3 and made:  # the rest of what crosses: too small as long as that does
                continue
            side[trade.symbol] = made
            given_up.append(GivenUp(rule, trade, planned, made, turn))
            calls = calls or (missing or trade.sleeve != MANAGED if order.is_sell else trade.sleeve == MANAGED)
    if not calls:
        return None, []
    return {key: Held(sold, bought) for key, (sold, bought) in found.items()}, given_up


def _missing(case: Case, proposal: Proposal) -> bool:
    """True where the account's cash ends outside its band, or buys had to be cut."""
    if proposal.unaffordable:
        return True
    cash, band = proposal.after.cash[MANAGED] - case.valuation.reserved, proposal.destined.cash_band
    return not band.lower <= cash <= band.upper


def _if_better(case: Case, proposal: Proposal) -> Proposal:
    """The proposal, or none at all where the account is not better for it than it is now (DESTINATION-6)."""
    if not proposal.netted.orders and not proposal.after.funded and not proposal.netted.crossings:
        return proposal
    if _lands_all(case, proposal):
        return proposal  # whatever made it trade is mended, and nothing is worse
    now, then = ends.ends(case, proposal.destined, None), ends.ends(case, proposal.destined, proposal.after)
    if then.amiss < now.amiss:
        return proposal
    still = tuple([replace(each, change=ZERO, parts=(), made_whole=ZERO) for each in proposal.destined.destinations])
    lines = tuple([replace(each, planned=each.value, parts=[]) for each in proposal.destined.lines])
    destined = replace(proposal.destined, destinations=still, cash=case.valuation.cash, lines=lines, small={})
    nothing = settle(case.snapshot.account, (), (), (), False)
    return Proposal(
        destined,
        Netted((), (), ()),
        nothing,
        {},
        proposal.rejected,
        proposal.blocked,
        stays=now,
        given_up=proposal.given_up,
    )
