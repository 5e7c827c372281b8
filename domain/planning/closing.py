"""Closing: whole steps that bring a finished proposal nearer to where it is to end (DESTINATION-5, DESTINATION-6).

Asked by `proposal` of full rebalances, where sleeves, rounding or trades that are not made left something outside its
band. What the account would trade once this plan is filled is traded in it instead, so that it is not traded again.

It ends by construction: each proposal is kept only where the account ends better for it, and what is amiss, in whole
cents, can't fall for ever.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from decimal import Decimal

from domain.planning import ends
from domain.planning.case import Case
from domain.planning.destination import close, destination, landed
from domain.planning.filling import Held
from domain.planning.gain_budget import LOT_2
from domain.planning.lines import (
    DESTINATION_1,
    DESTINATION_2,
    DESTINATION_5,
    LOWER_BOUND,
    LOWER_EDGE,
    UNBOUNDED,
    Line,
    force,
    give_back_buys,
    give_back_sales,
    no_edge,
    sell_more,
)
from domain.planning.one_way import CASH_2
from domain.planning.orders import ORDER_3, MarketOrder
from domain.planning.reach import BackBy, lines_of
from domain.planning.turn import GivenUp, Place, Proposal, opened_too_low, trade_of
from domain.targets.targets import Band
from domain.values.money import CENT, ZERO
from domain.values.snapshot import MANAGED

Move = Callable[[Sequence[Line], Decimal, Band], Decimal | None]  # returns the cash there is then; None: no move


def closed(case: Case, proposal: Proposal, back: BackBy) -> Proposal:
    """The proposal, or the best that whole steps make of it, one after the other."""
    if case.liquidation or case.purpose.kind not in {"full", "raise_cash"}:
        return proposal
    best, back = _asked_again(case, proposal, back)
    if case.purpose.kind != "full" or _as_it_was_to_be(case, best):
        return best
    least = rank(case, best)
    while True:  # each turn ends better, or is the last
        for closer in _nearer(case, best, back):
            if (then := rank(case, closer)) < least:
                best, least = closer, then
                break
        else:
            break
    end = end_of(case, best).rank
    while any(end[:4]):  # the same of cash alone, to the cent
        closest = _cash_nearer(case, best, back)
        if closest is None or (last := end_of(case, closest).rank) >= end:
            break
        best, end = closest, last
    return _without_needless_sales(case, best, back)


def _without_needless_sales(case: Case, proposal: Proposal, back: BackBy) -> Proposal:
    """Without what was sold for cash that can spare it by now, though its loss made room in the gain budget for another
    sale: nothing is sold for that (LAW-8). Ends by construction: each line once.
    """
    best = proposal
    for at in range(len(proposal.destined.lines)) if proposal.netted.cut or proposal.given_up else ():
        if any(rule is not DESTINATION_1 and moved < 0 for rule, moved in best.destined.lines[at].parts):
            less = _less_for_cash(case, best, at, back)
            if less is not None and end_of(case, less).cash_off < end_of(case, best).cash_off:
                best = less
    return best


def _asked_again(case: Case, proposal: Proposal, back: BackBy) -> tuple[Proposal, BackBy]:
    """With sales that were held back while others were to be made, where nothing is in their way now: the gain budget
    has room for them (LOT-2), or they have grown large enough since less of them crosses (ORDER-3).

    Each is asked for once more, the first first. Returns as well how far each position is held back then.
    """
    best = proposal
    for each in [one for one in proposal.given_up if one.sells and (one.rule is LOT_2 or _large_enough(case, one))]:
        sleeve, symbol = each.place
        held = back[sleeve]
        sold = {other: most for other, most in held.sold.items() if other != symbol}
        freed = {**back, sleeve: Held(sold, held.bought)}
        closer = _one_more(case, best, each, freed)
        if closer is not None and rank(case, closer) < rank(case, best):
            made = -closer.after.moved.get(each.place, ZERO)
            best, back = closer, {**back, sleeve: Held({**sold, symbol: made}, held.bought)}
            rest = [replace(each, made=made)] if made < each.planned else []
            others = [one for one in best.given_up if one.place != each.place or not one.sells]
            best.given_up = (*others, *rest)
    return best, back


def _large_enough(case: Case, each: GivenUp) -> bool:
    """True for what would be an order by itself."""
    return case.snapshot.securities[each.trade.symbol].worth(each.planned - each.made) >= case.smallest


def _one_more(case: Case, proposal: Proposal, each: GivenUp, freed: BackBy) -> Proposal | None:
    """With more sold of one position, as far as its band, or the cash that is missing, asks for it."""
    raises = case.purpose.kind == "raise_cash"
    band, cash = _cash(case, proposal)
    lines = _again(case, proposal)
    at = next(at for at, line in enumerate(lines) if line.component.key == each.trade.component)
    line = lines[at]
    line.reach = replace(line.reach, least=lines_of(case, frozenset(), freed)[0][at].reach.least)
    before = line.planned
    if not raises:
        force(line)
    then = cash + before - line.planned
    for edge in (LOWER_EDGE, no_edge) if raises else (LOWER_EDGE,):
        then = sell_more([line], then, band, edge, CASH_2 if raises else DESTINATION_2)
    closer = _traded(case, proposal, lines, then - cash, freed, each.place) if then != cash else None
    return _given_back(case, closer, freed) if closer else None


def _given_back(case: Case, proposal: Proposal, back: BackBy) -> Proposal | None:
    """Without the sales for cash that it does not need any more; None where they can't be given back (LAW-8)."""
    band, cash = _cash(case, proposal)
    lines = _again(case, proposal)
    then = give_back_sales(lines, cash, band.lower)
    return _traded(case, proposal, lines, then - cash, back) if then != cash else proposal


def _nearer(case: Case, proposal: Proposal, back: BackBy) -> Iterator[Proposal]:
    """Proposals that may end better, worked out one by one."""
    for nearer in (_cash_nearer, _all_nearer):
        closer = nearer(case, proposal, back)
        if closer is not None:
            yield closer
    yield from _inside_thresholds(case, proposal, back)
    for at, line in enumerate(proposal.destined.lines):
        if any(rule is not DESTINATION_1 for rule, _ in line.parts):
            closer = _less_for_cash(case, proposal, at, back)
            if closer is not None:
                yield closer


def _as_it_was_to_be(case: Case, proposal: Proposal) -> bool:
    """True where everything trades as it was planned, and lands, and cash can spare no step that it alone moved."""
    destined, netted = proposal.destined, proposal.netted
    if netted.skipped or netted.cut or proposal.given_up or proposal.unaffordable:
        return False
    band, cash = _cash(case, proposal)
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
    return unmet, *(each // cents for each in amiss), end.turnover, funded


def end_of(case: Case, proposal: Proposal) -> ends.Ends:
    """Where the account ends after a proposal, with what it trades."""
    netted = proposal.netted
    turnover = sum([order.amount for order in netted.orders], ZERO)
    turnover += sum([crossing.amount for crossing in netted.crossings], ZERO)
    return ends.ends(case, proposal.destined, proposal.after, turnover)


def _cash_nearer(case: Case, proposal: Proposal, back: BackBy) -> Proposal | None:
    """With steps that bring cash nearer to its band, from where lines are planned and cash really ends."""
    band, cash = _cash(case, proposal)
    lines = _again(case, proposal)
    then = give_back_sales(lines, cash, band.lower)
    then = give_back_buys(lines, then, band.upper)
    then = close(lines, then, band)
    then = give_back_buys(lines, then, band.upper)
    return _traded(case, proposal, lines, then - cash, back) if then != cash else None


def _all_nearer(case: Case, proposal: Proposal, back: BackBy) -> Proposal | None:
    """As it would be planned again from where it ends, every component and cash."""
    values = ends.values(case, proposal.destined, proposal.after)
    free = _without_small(proposal, back)

    def moved(lines: Sequence[Line], cash: Decimal, band: Band) -> Decimal | None:
        then = cash
        for each, was in zip(lines, values, strict=True):
            planned, parts = each.planned, list(each.parts)
            force(each)
            if not each.ordered(ZERO):
                each.planned, each.parts = planned, parts
            then -= each.planned - was
        then, _ = landed(lines, then, band)
        then = close(lines, then, band)
        stays = all(each.planned == was for each, was in zip(lines, values, strict=True))
        return None if free is back and stays else then

    return _moved(case, proposal, values, moved, free)


def _inside_thresholds(case: Case, proposal: Proposal, back: BackBy) -> Iterator[Proposal]:
    """With what ends below its threshold bought, one by one, for what others sell inside theirs: fewer outside comes
    before less turnover, and before how far they are from their destination bands (DESTINATION-6).
    """
    values = ends.values(case, proposal.destined, proposal.after)
    for at, (line, value) in enumerate(zip(proposal.destined.lines, values, strict=True)):
        if line.low - value <= CENT or line.opens:
            continue

        def moved(lines: Sequence[Line], cash: Decimal, band: Band, at: int = at) -> Decimal | None:
            bought, before = lines[at], lines[at].planned
            force(bought)
            if bought.planned == before or not bought.ordered(ZERO):
                return None
            then = cash - (bought.planned - before)
            then = sell_more(lines, then, band, LOWER_EDGE, DESTINATION_2)
            then = sell_more(lines, then, band, LOWER_BOUND, DESTINATION_5)
            return close(lines, then, band) if then >= min(cash, band.lower) else None

        closer = _moved(case, proposal, values, moved, back)
        if closer is not None:
            yield closer


def _moved(case: Case, proposal: Proposal, values: Sequence[Decimal], move: Move, back: BackBy) -> Proposal | None:
    """The proposal that a move of its lines, from where they end, makes; None where there is none.

    What the move would trade and is not made, as it is too small or beyond the gain budget, stays where it ends, and
    the others are moved once more: as often as there are lines.
    """
    band, cash = _cash(case, proposal)
    keeps = set[str]()
    while True:
        lines = _again(case, proposal, values)
        for each in lines:
            if each.component.key in keeps:
                each.reach = replace(each.reach, least=each.planned, most=each.planned)
        then = move(lines, cash, band)
        if then is None:
            return None
        for each in lines:
            _tell(each)
        closer, left_out = _tried(case, proposal, lines, then - cash, back)
        if closer is not None or left_out <= keeps:
            return closer
        keeps |= left_out


def _less_for_cash(case: Case, proposal: Proposal, at: int, back: BackBy) -> Proposal | None:
    """With less of what cash alone moved of one line, as far as cash can spare it."""
    band, cash = _cash(case, proposal)
    lines = _again(case, proposal)
    then = give_back_buys([lines[at]], give_back_sales([lines[at]], cash, band.lower), band.upper)
    return _traded(case, proposal, lines, then - cash, back) if then != cash else None


def _tell(line: Line) -> None:
    """Tells anew by which rules a line moved, however often it did: what its band asks of it, and what cash does."""
    asked = replace(line, planned=line.value, parts=[])
    if line.buy:
        force(asked)
        more = line.planned - asked.planned
        cut = asked.buy > 0 > more
        inside = cut or line.lower <= line.planned <= line.upper
        if more:
            closes = DESTINATION_2 if inside else DESTINATION_5
            asked.move(more, closes if abs(more) >= CENT else DESTINATION_1)
    line.parts = asked.parts


def _without_small(proposal: Proposal, back: BackBy) -> BackBy:
    """What is held back, but for buys of sleeves that were too small when others were still to be made."""
    small = {each.place for each in proposal.given_up if each.rule is ORDER_3 and not each.sells}
    if all(sleeve == MANAGED for sleeve, _ in small):
        return back
    return {
        key: Held(each.sold, {symbol: most for symbol, most in each.bought.items() if (key, symbol) not in small})
        for key, each in back.items()
    }


def _cash(case: Case, proposal: Proposal) -> tuple[Band, Decimal]:
    """Where cash is to end, and where it does."""
    return proposal.destined.cash_band, proposal.after.cash[MANAGED] - case.valuation.reserved


def _again(case: Case, proposal: Proposal, values: Sequence[Decimal] | None = None) -> list[Line]:
    """The lines where they are planned, or at other values, free to move on: what a sleeve orders as well may trade by
    any step, and what was too small to buy for itself may be bought for cash.
    """
    ordered = {order.symbol for order in proposal.netted.orders if any(t.sleeve != MANAGED for t in order.allocations)}
    crosses = dict[str, Decimal]()  # what the managed sleeve trades of a security and no order has, in amounts
    for crossing in proposal.netted.crossings:
        if MANAGED in {crossing.seller, crossing.buyer}:
            crosses[crossing.symbol] = crosses.get(crossing.symbol, ZERO) + crossing.amount
    too_small = {each.place for each in proposal.given_up if each.rule is ORDER_3 and not each.sells}
    lines = list[Line]()
    for at, each in enumerate(proposal.destined.lines):
        reach, component, value = each.reach, each.component, values[at] if values else each.planned
        if component.ref in ordered:
            reach = replace(reach, smallest=ZERO)
        elif component.ref in crosses:
            reach = replace(reach, smallest=case.too_small + crosses[component.ref])
        if (MANAGED, component.ref) in too_small and component.kind != "model" and not component.no_buy:
            reach = replace(reach, most=UNBOUNDED)
        line = each.again(reach)
        if value != each.planned:
            line.move(value - each.planned, each.parts[-1][0] if each.parts else DESTINATION_1)
        lines.append(line)
    return lines


def _traded(
    case: Case, proposal: Proposal, lines: Sequence[Line], more: Decimal, back: BackBy, freed: Place | None = None
) -> Proposal | None:
    """The proposal that trades these lines, which leave so much more cash; None where it leaves out what this one
    trades.
    """
    return _tried(case, proposal, lines, more, back, freed)[0]


def _tried(
    case: Case, proposal: Proposal, lines: Sequence[Line], more: Decimal, back: BackBy, freed: Place | None = None
) -> tuple[Proposal | None, AbstractSet[str]]:
    """The proposal that trades these lines; or None, with the keys of the components of which it leaves something out
    that this one does not.
    """
    destinations = tuple([destination(each) for each in lines])
    moved = replace(
        proposal.destined, destinations=destinations, cash=proposal.destined.cash + more, lines=tuple(lines)
    )
    closer = trade_of(case, moved, back)
    made = {trade.place for order in closer.netted.orders for trade in order.allocations}
    skipped = _places(closer.netted.skipped).keys() - made
    skipped -= _places(proposal.netted.skipped).keys()
    cut = _places(closer.netted.cut).keys() - _places(proposal.netted.cut).keys() - {freed}
    if cut or skipped or opened_too_low(case, closer):
        of = _places([*closer.netted.skipped, *closer.netted.cut])
        return None, {of[place] for place in (*skipped, *cut)}
    bought = {trade.place for order in closer.netted.orders if not order.is_sell for trade in order.allocations}
    closer.given_up = tuple([each for each in proposal.given_up if each.sells or each.place not in bought])
    return closer, frozenset()


def _places(orders: Iterable[MarketOrder]) -> dict[Place, str]:
    """The positions that orders trade, each with its component's key."""
    return {trade.place: trade.component for order in orders for trade in order.allocations}
