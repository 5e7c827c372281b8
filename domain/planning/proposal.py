"""The proposal: from what may open to orders.

Asked by `plan` only. One turn: how far components can move (`reach`), their values (`destination`, or `one_way`),
holdings (`filling`, or `signals`), crossing and orders (`orders`), the gain budget, cash (`settlement`), and buys sized
on it (`sizing`).

It ends by construction. A turn that finds an opening which cash can't carry rejects it and starts anew: as often as
there are openings. A turn in which a trade is not made (too small, or beyond the gain budget) holds that position back,
and the next one lets others make up for it: as often as there are positions and directions to trade them in. What is
left of a trade that crosses is held back once, and the better end of the turns stays: the less is traded, the less
crosses.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from decimal import Decimal

from domain.planning import ends, gain_budget
from domain.planning.case import Case
from domain.planning.closing import better_than, closed, end_of, rank
from domain.planning.destination import openings_to_reject
from domain.planning.lines import DESTINATION_1
from domain.planning.nearer import cash_nearer
from domain.planning.orders import ORDER_3, Netted
from domain.planning.reach import BackBy
from domain.planning.settlement import settle
from domain.planning.spreading import Held
from domain.planning.trades import managed_trades
from domain.planning.turn import GivenUp, Place, Proposal, Unaffordable, destined_of, opened_too_low, relief, trade_of
from domain.targets import minimums
from domain.tax import wash_sales
from domain.values.money import CENT, ZERO
from domain.values.record import record
from domain.values.rules import Finding
from domain.values.snapshot import MANAGED


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


def _without(case: Case, rejected: Mapping[str, Finding]) -> Proposal | Unaffordable:
    """The proposal without the openings that are rejected; or another that cash can't carry, with what it leaves."""
    back, given_up, earlier = BackBy(), list[GivenUp](), list[Proposal]()
    while True:  # each turn holds a position back, or one further, or is the last
        destined = destined_of(case, frozenset(rejected), back)
        unaffordable = openings_to_reject(destined, case.snapshot.models) if case.purpose.kind == "full" else None
        if unaffordable:
            return _best(case, earlier) if earlier else unaffordable
        proposal = trade_of(case, destined, back)
        more = _held_back(case, proposal, back, len(given_up))
        if more is None or more.rests:
            unaffordable = opened_too_low(case, proposal)
            if unaffordable is None:
                proposal.given_up = tuple(given_up)
                earlier.append(closed(case, proposal, back))
            elif more is None and not earlier:
                return unaffordable
        if more is None:
            return _best(case, earlier)
        back = more.back
        given_up += more.given_up


def _best(case: Case, proposals: Sequence[Proposal]) -> Proposal:
    """The one that ends best, of equals the first; nearly always there is but one."""
    return min(proposals, key=lambda each: rank(case, each)) if len(proposals) > 1 else proposals[0]


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


@record
class HeldBack:
    """The positions found not to trade, those known before included, and what is not made of them.

    `rests`: all of it is what is left of trades that cross, so that the less is traded, the less crosses, and it is not
    known that another turn ends better.
    """

    back: BackBy
    given_up: list[GivenUp]
    rests: bool


def _held_back(case: Case, proposal: Proposal, back: BackBy, turn: int) -> HeldBack | None:
    """What the next turn is to hold back; None where none is called for.

    A sale that is not made calls for one only where somebody counted on its cash; a buy of a sleeve never does: what
    it was given stays in it as cash (SLEEVE-1). The rest of what crosses is held back once.
    """
    netted = proposal.netted
    last = [(ORDER_3, order) for order in netted.skipped] + [(gain_budget.LOT_2, order) for order in netted.cut]
    missing = _missing(case, proposal)
    pays_less = list(_pays_less(case, proposal))
    if not missing and pays_less and not _given_less(proposal):
        pays_less = []  # nobody counted on it
    in_vain = dict(_waits_in_vain(case, proposal))
    if not last and not pays_less and not in_vain:
        return None
    sellers = {(each.seller, each.symbol) for each in netted.crossings}
    buyers = {(each.buyer, each.symbol) for each in netted.crossings}
    asked = {key: fill.quantities for key, fill in proposal.fills.items()}  # before anything crossed or was left out
    asked[MANAGED] = {trade.symbol: trade.quantity for trade in managed_trades(case, proposal.destined)}
    found = {key: (dict(each.sold), dict(each.bought)) for key, each in back.items()}
    calls, rests, given_up = False, True, list[GivenUp]()
    invests = bool(netted.cut) and _invests(proposal)
    for rule, order in last:
        for trade in order.allocations:
            sold, bought = found.setdefault(trade.sleeve, ({}, {}))
            side = sold if order.is_sell else bought
            planned = abs(asked.get(trade.sleeve, {}).get(trade.symbol, ZERO))
            made = max(ZERO, planned - abs(trade.quantity))
            rest = made and trade.place in (sellers if order.is_sell else buyers)
            if trade.symbol in side and (rest or made >= side[trade.symbol]):
                continue
            side[trade.symbol], rests = made, rests and bool(rest) and not (rule is gain_budget.LOT_2 and invests)
            given_up.append(GivenUp(rule, trade, planned, made, turn))
            calls = calls or (missing or trade.sleeve != MANAGED if order.is_sell else trade.sleeve == MANAGED)
    for key, symbols in () if calls else pays_less:
        sold, _ = found.setdefault(key, ({}, {}))
        for symbol in symbols - sold.keys():
            sold[symbol], calls, rests = ZERO, True, False
    for (key, symbol), made in in_vain.items():
        _, most = found.setdefault(key, ({}, {}))
        if key not in back or symbol not in back[key].bought:
            most[symbol], calls, rests = made, True, False
    if not calls:
        return None
    return HeldBack({key: Held(sold, bought) for key, (sold, bought) in found.items()}, given_up, rests)


def _invests(proposal: Proposal) -> bool:
    """True where more is bought than bands ask, for the cash that there is to be."""
    return any(moved > 0 and by is not DESTINATION_1 for line in proposal.destined.lines for by, moved in line.parts)


def _pays_less(case: Case, proposal: Proposal) -> Iterator[tuple[str, AbstractSet[str]]]:
    """The sleeves that pay less than they are to, each with what it does not sell as every order of it would be too
    small (SLEEVE-4): what it lacks has to come from others. Of that the largest first, where they are all that the
    sleeve may keep: the others are sold whole then, which is never too small.
    """
    funded = proposal.after.funded
    for each in proposal.destined.destinations:
        key = each.component.key
        given_up = proposal.fills[key].given_up if key in proposal.fills else None
        if given_up and each.funding < 0 and funded.get(key, ZERO) - each.funding > CENT:
            worth, kept = case.valuation.holding_values[key], ZERO
            largest = set[str]()
            for symbol in sorted(given_up, key=lambda one: (-worth.get(one, ZERO), one)):
                if kept >= each.value:
                    break
                largest.add(symbol)
                kept += worth.get(symbol, ZERO)
            yield key, largest


def _waits_in_vain(case: Case, proposal: Proposal) -> Iterator[tuple[Place, Decimal]]:
    """What sleeves keep idle cash for and don't buy, with the shares that they get of it: the others of their models
    could take the cash (SLEEVE-3).
    """
    if case.purpose.kind != "full":
        return
    waiting = {**_too_small_to_buy(proposal), **_may_not_be_bought(case, proposal)}
    if not waiting:
        return
    values = ends.values(case, proposal.destined, proposal.after)
    idle = {
        line.component.key
        for line, value in zip(proposal.destined.lines, values, strict=True)
        if not line.opens and ends.idle(case, line.component, proposal.after.cash.get(line.component.key, ZERO), value)
    }
    for place, bought in sorted(waiting.items()):
        if place[0] in idle:
            yield place, bought


def _too_small_to_buy(proposal: Proposal) -> dict[Place, Decimal]:
    """What is left of sleeves' buys that cross, with the shares that crossed: too small for an order (ORDER-3)."""
    trades = [trade for order in proposal.netted.skipped if not order.is_sell for trade in order.allocations]
    crossed = {(each.buyer, each.symbol) for each in proposal.netted.crossings}
    return {
        trade.place: proposal.after.moved[trade.place]
        for trade in trades
        if trade.sleeve != MANAGED and trade.place in crossed
    }


def _may_not_be_bought(case: Case, proposal: Proposal) -> dict[Place, Decimal]:
    """What sleeves can't buy for a month, as this plan sells it at a loss, with the shares that they get (WASH-1)."""
    if case.snapshot.account.tax_status != "taxable":
        return {}
    sales = {order.symbol: order for order in proposal.netted.orders if order.is_sell}
    market, waiting = case.snapshot.securities, dict[Place, Decimal]()
    for key, fill in proposal.fills.items() if sales else ():
        for symbol in fill.wanted.keys() & sales.keys():
            bought = fill.quantities.get(symbol, ZERO)
            if fill.wanted[symbol] > max(ZERO, bought) * market[symbol].priced:
                waiting[key, symbol] = bought
    lots_of = relief(case)
    lost = {
        symbol
        for symbol in {symbol for _, symbol in waiting}
        if any(wash_sales.loses(lots_of(trade)) for trade in sales[symbol].allocations)
    }
    return {place: bought for place, bought in waiting.items() if place[1] in lost}


def _missing(case: Case, proposal: Proposal) -> bool:
    """True where the account's cash ends outside its band, or buys had to be cut."""
    if proposal.unaffordable:
        return True
    cash, band = proposal.after.cash[MANAGED] - case.valuation.reserved, proposal.destined.cash_band
    return not band.lower <= cash <= band.upper


def _given_less(proposal: Proposal) -> bool:
    """True where a sleeve gets less than it was to, as cash would not do otherwise."""
    funded = proposal.after.funded
    return any(
        each.component.kind == "model"
        and each.funding > 0
        and funded.get(each.component.key, ZERO) < each.funding - CENT
        for each in proposal.destined.destinations
    )


def _if_better(case: Case, proposal: Proposal) -> Proposal:
    """The proposal; where the account is not better for it than it is now, whole steps that bring cash alone nearer to
    its band, or none at all (DESTINATION-6).
    """
    if not proposal.netted.orders and not proposal.after.funded and not proposal.netted.crossings:
        return proposal
    if _lands_all(case, proposal):
        return proposal  # whatever made it trade is mended, and nothing is worse
    if better_than(case, proposal):
        return proposal
    still = tuple([replace(each, change=ZERO, parts=(), made_whole=ZERO) for each in proposal.destined.destinations])
    lines = tuple([replace(each, planned=each.value, parts=[]) for each in proposal.destined.lines])
    destined = replace(proposal.destined, destinations=still, cash=case.valuation.cash, lines=lines, small={})
    after = settle(case.snapshot.account, (), (), (), False)
    nothing = Proposal(
        destined,
        Netted((), (), ()),
        after,
        {},
        proposal.rejected,
        proposal.blocked,
        stays=ends.ends(case, proposal.destined, None),
        given_up=proposal.given_up,
    )
    best = nothing
    while end_of(case, best).cash_off:  # each turn ends nearer, or is the last
        closer = cash_nearer(case, best, {})
        if closer is None or not better_than(case, closer, best):
            break
        best = closer
    best.rejected = proposal.rejected
    return best
