"""Closing: whole steps that bring a finished proposal nearer to where it is to end (DESTINATION-5, DESTINATION-6).

Asked by `proposal` of full rebalances, where sleeves, rounding or trades that are not made left something outside its
band. What the account would trade once this plan is filled is traded in it instead, so that it is not traded again.

It ends by construction: each proposal (`nearer`) is kept only where the account ends better for it. What is amiss, in
whole cents, can't fall for ever; and what only saves turnover is taken once of each way in which it can be made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from domain.planning import ends
from domain.planning.case import Case
from domain.planning.gain_budget import LOT_2
from domain.planning.lines import DESTINATION_1, DESTINATION_2
from domain.planning.moves import LOWER_EDGE, force, give_back_sales, no_edge, sell_more
from domain.planning.nearer import Way, again, band_and_cash, cash_nearer, less_for_cash, nearer, traded
from domain.planning.one_way import CASH_2
from domain.planning.reach import BackBy, lines_of
from domain.planning.spreading import Held
from domain.planning.turn import GivenUp, Place, Proposal, relief
from domain.tax import wash_sales
from domain.tax.lots import RelievedLot, recognised_gain
from domain.values.money import CENT, ONE, ZERO

AMISS = 4  # so many places of a rank are what is amiss; then it is what is traded for it


def closed(case: Case, proposal: Proposal, back: BackBy) -> Proposal:
    """The proposal, or the best that whole steps make of it, one after the other."""
    if case.liquidation or case.purpose.kind not in {"full", "raise_cash"}:
        return proposal
    best, back = _asked_again(case, proposal, back)
    if case.purpose.kind != "full" or _as_it_was_to_be(case, best):
        return best
    best, tried = _ends_better(case, best, back)
    closest = _cash_to_the_cent(case, best, back)
    best = _comes_home(case, closest, back, tried if closest is best else None)
    return _without_needless_sales(case, best, back)


def _ends_better(case: Case, best: Proposal, back: BackBy) -> tuple[Proposal, list[tuple[Way, Proposal]]]:
    """Steps that end better, as long as there are any; of each way one that only saves turnover. Returns as well those
    that were tried last and are no better.
    """
    least, saved = rank(case, best), set[Way]()
    while True:  # each turn ends better, or is the last
        tried = list[tuple[Way, Proposal]]()
        for way, closer in _lawful(case, best, back):
            tried.append((way, closer))
            then = rank(case, closer)
            saves = then[:AMISS] == least[:AMISS]
            if then < least and not (saves and way in saved):
                best, least = closer, then
                saved |= {way} if saves else set()
                break
        else:
            return best, tried


def _lawful(case: Case, best: Proposal, back: BackBy) -> Iterator[tuple[Way, Proposal]]:
    """What is nearer, without what sells for nothing where this proposal does not."""
    allowed = _sells_for_nothing(case, best)
    for way, closer in nearer(case, best, back):
        if allowed or not _sells_for_nothing(case, closer):
            yield way, closer


def _sells_for_nothing(case: Case, proposal: Proposal) -> bool:
    """True where cash can spare all that was sold of a component for it: another trade would not be an order without
    that sale, and nothing is sold for that (LAW-8).
    """
    band, cash = band_and_cash(case, proposal)
    spare = cash - band.lower
    if spare <= 0:
        return False
    market = case.snapshot.securities
    spare -= sum([market[order.symbol].step for order in proposal.netted.orders], ZERO)
    for_cash = [
        min(-line.buy, -sum([moved for rule, moved in line.parts if rule is not DESTINATION_1], ZERO))
        for line in proposal.destined.lines
        if line.buy < 0
    ]
    return any(CENT < sold <= spare for sold in for_cash)


def _cash_to_the_cent(case: Case, best: Proposal, back: BackBy) -> Proposal:
    """The same of cash alone, to the cent."""
    end = end_of(case, best).rank
    while any(end[:AMISS]):  # each turn ends better, or is the last
        closest = cash_nearer(case, best, back)
        if closest is None or (last := end_of(case, closest).rank)[:AMISS] >= end[:AMISS]:
            break
        best, end = closest, last
    return best


def _comes_home(case: Case, best: Proposal, back: BackBy, tried: Iterable[tuple[Way, Proposal]] | None) -> Proposal:
    """What would be traded once this plan is filled: components end less outside their thresholds, or nearer together
    with cash, though cash alone is further by less than a step (DESTINATION-6). `tried` are those to begin with.
    """
    now, taken = end_of(case, best), Counter[Way]()
    while now.outside or now.off:  # each turn goes one of the ways, each as often as there are lines, or is the last
        for way, closer in _lawful(case, best, back) if tried is None else tried:
            then = end_of(case, closer)
            if taken[way] == len(best.destined.lines) or then.unmet != now.unmet or _from_home(then) >= _from_home(now):
                continue
            if better_than(case, closer, best) or rank(case, closer) < rank(case, best):
                best, now, tried = closer, then, None
                taken[way] += 1
                break
        else:
            break
    return best


def _from_home(end: ends.Ends) -> tuple[Decimal, Decimal]:
    """How far components are outside their thresholds, then all with cash from their bands."""
    return end.outside, end.off + end.cash_off


def _without_needless_sales(case: Case, proposal: Proposal, back: BackBy) -> Proposal:
    """Without what was sold for cash that can spare it by now, though its loss made room in the gain budget for another
    sale: nothing is sold for that (LAW-8). Ends by construction: each line once.
    """
    best, cents = proposal, CENT * (1 + len(case.known))
    for at in range(len(proposal.destined.lines)) if proposal.netted.cut or proposal.given_up else ():
        if any(rule is not DESTINATION_1 and moved < 0 for rule, moved in best.destined.lines[at].parts):
            less = less_for_cash(case, best, at, back)
            if less is not None and end_of(case, less).cash_off < end_of(case, best).cash_off - cents:
                best = less
    return best


def _asked_again(case: Case, proposal: Proposal, back: BackBy) -> tuple[Proposal, BackBy]:
    """With sales that were held back while others were to be made, where nothing is in their way now: the gain budget
    has room for them (LOT-2), or they have grown large enough since less of them crosses (ORDER-3).

    Each is asked for once more, the first first. Returns as well how far each position is held back then.
    """
    best, room = proposal, _room(case, proposal)
    for each in [one for one in proposal.given_up if one.sells and (one.rule is LOT_2 or _large_enough(case, one))]:
        sleeve, symbol = each.place
        if each.rule is LOT_2 and _least_gain(case, each) > room:
            continue
        held = back[sleeve]
        sold = {other: most for other, most in held.sold.items() if other != symbol}
        freed = {**back, sleeve: Held(sold, held.bought)}
        closer = _one_more(case, best, each, freed)
        if closer is not None and (part := _made_of(closer, each.place)) is not None:  # nobody counts on the rest
            exact = _one_more(case, best, each, {**back, sleeve: Held({**sold, symbol: part}, held.bought)})
            closer = closer if exact is None or rank(case, closer)[:AMISS] < rank(case, exact)[:AMISS] else exact
        if closer is not None and rank(case, closer) < rank(case, best):
            made = -closer.after.moved.get(each.place, ZERO)
            best, back = closer, {**back, sleeve: Held({**sold, symbol: made}, held.bought)}
            room = _room(case, best)
            rest = [replace(each, made=made)] if made < each.planned else []
            others = [one for one in best.given_up if one.place != each.place or not one.sells]
            best.given_up = (*others, *rest)
    return best, back


def _made_of(proposal: Proposal, place: Place) -> Decimal | None:
    """The shares sold at a position of which the gain budget cuts a part; None where it cuts nothing (LOT-2)."""
    if any(trade.place == place for order in proposal.netted.cut for trade in order.allocations):
        return max(ZERO, -proposal.after.moved.get(place, ZERO))
    return None


def _room(case: Case, proposal: Proposal) -> Decimal:
    """What more gain the budget lets a proposal realise (LOT-2)."""
    budget, lots_of = case.snapshot.account.gain_budget, relief(case)
    if budget is None or not any(each.rule is LOT_2 for each in proposal.given_up):
        return ZERO
    sold: dict[str, list[RelievedLot]] = {}
    for order in proposal.netted.orders:
        for trade in order.allocations if order.is_sell else ():
            sold.setdefault(order.symbol, []).extend(lots_of(trade))
    return budget - wash_sales.recognised(case.snapshot, case.policy, sold).net


def _least_gain(case: Case, each: GivenUp) -> Decimal:
    """The least gain of any part of what is not made of a sale, however much of it is made: one step, or some lots."""
    security, left = case.snapshot.securities[each.trade.symbol], each.made
    gain, least = ZERO, None
    for lot in relief(case)(each.trade.part(-each.planned)):
        shares, worth = lot.lot.quantity, recognised_gain(lot, security.priced)
        left, rest = max(ZERO, left - shares), max(ZERO, shares - left)
        if rest:
            here = worth * rest / shares
            step = worth * min(rest, security.quantity_increment) / shares
            ends = gain + min(step, here)
            gain += here
            least = ends if least is None else min(least, ends)
    return ZERO if least is None else least


def _large_enough(case: Case, each: GivenUp) -> bool:
    """True for what would be an order by itself."""
    return case.snapshot.securities[each.trade.symbol].worth(each.planned - each.made) >= case.smallest


def _one_more(case: Case, proposal: Proposal, each: GivenUp, freed: BackBy) -> Proposal | None:
    """With more sold of one position, as far as its band, or the cash that is missing, asks for it."""
    raises = case.purpose.kind == "raise_cash"
    band, cash = band_and_cash(case, proposal)
    lines = again(case, proposal)
    at = next(at for at, line in enumerate(lines) if line.component.key == each.trade.component)
    line = lines[at]
    line.reach = replace(line.reach, least=lines_of(case, frozenset(), freed)[0][at].reach.least)
    before = line.planned
    if not raises:
        force(line)
    then = cash + before - line.planned
    for edge in (LOWER_EDGE, no_edge) if raises else (LOWER_EDGE,):
        then = sell_more([line], then, band, edge, CASH_2 if raises else DESTINATION_2)
    closer = traded(case, proposal, lines, then - cash, freed, each.place) if then != cash else None
    return _given_back(case, closer, freed) if closer else None


def _given_back(case: Case, proposal: Proposal, back: BackBy) -> Proposal | None:
    """Without the sales for cash that it does not need any more; None where they can't be given back (LAW-8)."""
    band, cash = band_and_cash(case, proposal)
    lines = again(case, proposal)
    then = give_back_sales(lines, cash, band.lower)
    return traded(case, proposal, lines, then - cash, back) if then != cash else proposal


def _as_it_was_to_be(case: Case, proposal: Proposal) -> bool:
    """True where everything trades as it was planned, and lands, and cash can spare no step that it alone moved."""
    destined, netted = proposal.destined, proposal.netted
    if netted.skipped or netted.cut or proposal.given_up or proposal.unaffordable:
        return False
    band, cash = band_and_cash(case, proposal)
    if not band.lower - CENT < cash < band.upper + CENT:
        return False
    if any(not each.lower - CENT < each.planned < each.upper + CENT for each in destined.lines):
        return False
    above, below, cents = cash - band.lower, band.upper - cash, CENT * (1 + len(case.known))
    return not any(
        rule is not DESTINATION_1 and (above if moved < 0 else below) >= max(each.reach.step or ZERO, cents)
        for each in destined.lines
        for rule, moved in each.parts
    )


def rank(case: Case, proposal: Proposal) -> tuple[Decimal, ...]:
    """The better end has the lower one (DESTINATION-6); what rounding to cents brings or takes counts as nothing.

    Where cash is to be raised it is what is missing of it, and nothing else, that makes an end worse (CASH-2).
    """
    end, cents = end_of(case, proposal), CENT * (1 + len(case.known))
    unmet, *amiss = end.amiss
    if case.purpose.kind == "raise_cash":
        return end.cash_off // cents, end.turnover
    funded = sum([abs(amount) for amount in proposal.after.funded.values()], ZERO)
    return ZERO if not unmet else ONE + unmet // cents, *(each // cents for each in amiss), end.turnover, funded


def better_than(case: Case, proposal: Proposal, other: Proposal | None = None) -> bool:
    """True where a proposal ends better than another, or than the account stands now (DESTINATION-6)."""
    now = ends.ends(case, proposal.destined, None) if other is None else end_of(case, other)
    apart, market, cents = dict[str, Decimal](), case.snapshot.securities, CENT * (1 + len(case.known))
    for sign, moved in ((1, proposal.after.moved), (-1, {} if other is None else other.after.moved)):
        for (_, symbol), quantity in moved.items():
            apart[symbol] = apart.get(symbol, ZERO) + sign * quantity
    bought = sum([market[symbol].worth(each) for symbol, each in apart.items() if each > 0], ZERO)
    sold = sum([market[symbol].worth(-each) for symbol, each in apart.items() if each < 0], ZERO)
    turn = max(cents, *(market[symbol].step for symbol, each in apart.items() if each)) if sold and bought else cents
    return ends.better(end_of(case, proposal), now, turn, min(sold, case.smallest) + min(bought, case.smallest))


def end_of(case: Case, proposal: Proposal) -> ends.Ends:
    """Where the account ends after a proposal, with what it trades."""
    netted = proposal.netted
    turnover = sum([order.amount for order in netted.orders], ZERO)
    turnover += sum([crossing.amount for crossing in netted.crossings], ZERO)
    return ends.ends(case, proposal.destined, proposal.after, turnover)
