"""Nearer: proposals that may end better than one does, made of its lines from where they end.

Asked by `closing`, which keeps those that do. None of them leaves out a trade that the proposal makes. `values` are
what each line is worth where that ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from decimal import Decimal

from domain.planning import ends
from domain.planning.case import Case
from domain.planning.destination import close, destination, destine, landed
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, UNBOUNDED, Line
from domain.planning.moves import LOWER_BOUND, LOWER_EDGE, force, give_back_buys, give_back_sales, sell_more
from domain.planning.orders import ORDER_3, MarketOrder
from domain.planning.reach import BackBy
from domain.planning.spreading import NOT_HELD, Held
from domain.planning.turn import GivenUp, Place, Proposal, opened_too_low, trade_of
from domain.targets.targets import Band
from domain.values.money import CENT, ZERO
from domain.values.snapshot import MANAGED

Move = Callable[[Sequence[Line], Decimal, Band], Decimal | None]  # returns the cash there is then; None: no move
Way = tuple[str, int]  # a kind of move, and the place of the line that it is of


def nearer(case: Case, proposal: Proposal, back: BackBy) -> Iterator[tuple[Way, Proposal]]:
    """Proposals that may end better, worked out one by one, each with the way in which it is made."""
    for at, along in _sold_along(case, proposal, back):
        yield ("sold along", at), along
    closer = cash_nearer(case, proposal, back)
    if closer is not None:
        yield ("cash", 0), closer
    values = ends.values(case, proposal.destined, proposal.after)
    closer = _cash_by_securities(case, proposal, values, back)
    if closer is not None:
        yield ("cash by securities", 0), closer
    for way, again_planned in (("all", _all_nearer), ("planned again", _planned_again)):
        closer = again_planned(case, proposal, values, back)
        if closer is not None:
            yield (way, 0), closer
    for at, closer in _inside_thresholds(case, proposal, values, back):
        yield ("inside its threshold", at), closer
    for at, line in enumerate(proposal.destined.lines):
        if any(rule is not DESTINATION_1 for rule, _ in line.parts):
            closer = less_for_cash(case, proposal, at, back)
            if closer is not None:
                yield ("less for cash", at), closer


def cash_nearer(case: Case, proposal: Proposal, back: BackBy) -> Proposal | None:
    """With steps that bring cash nearer to its band, from where lines are planned, or end as too little of them trades,
    and cash really ends.
    """
    band, cash = band_and_cash(case, proposal)
    skipped, values = set(_places(proposal.netted.skipped).values()), None
    if skipped:
        end = ends.values(case, proposal.destined, proposal.after)
        values = [
            value if each.component.key in skipped else each.planned
            for each, value in zip(proposal.destined.lines, end, strict=True)
        ]
    lines = again(case, proposal, values)
    then = give_back_sales(lines, cash, band.lower)
    then = give_back_buys(lines, then, band.upper)
    then = close(lines, then, band)
    then = give_back_buys(lines, then, band.upper)
    return traded(case, proposal, lines, then - cash, back) if then != cash else None


def _sold_along(case: Case, proposal: Proposal, back: BackBy) -> Iterator[tuple[int, Proposal]]:
    """With what was too small to sell by itself and others sell now, one by one, as far as its band asks."""
    sold = _sold_by_sleeves(proposal)
    for_cash = [each.moved_by(DESTINATION_2) + each.moved_by(DESTINATION_5) for each in proposal.destined.lines]
    for place in _too_small_to_sell(proposal) if sold else ():
        at = next((at for at, each in enumerate(proposal.destined.lines) if each.component.ref == place[1]), None)
        if at is None or place[0] != MANAGED or place[1] not in sold:
            continue
        band, cash = band_and_cash(case, proposal)
        for gives_back in (True, False):
            lines = again(case, proposal)
            before = lines[at].planned
            force(lines[at])
            more = before - lines[at].planned
            if more > 0 and gives_back:
                more = give_back_sales(lines, cash + more, band.lower) - cash
            elif any(ZERO < -moved <= cash + more - band.lower for moved in for_cash):
                break  # what was sold for cash would be sold for nothing (LAW-8)
            along = traded(case, proposal, lines, more, back) if before != lines[at].planned else None
            if along is not None:
                yield at, along
                break


def _too_small_to_sell(proposal: Proposal) -> list[Place]:
    return [each.place for each in proposal.given_up if each.rule is ORDER_3 and each.sells]


def _sold_by_sleeves(proposal: Proposal) -> AbstractSet[str]:
    """The symbols of which orders sell what model sleeves hold."""
    sells = [order for order in proposal.netted.orders if order.is_sell] if proposal.given_up else []
    return {order.symbol for order in sells if any(trade.sleeve != MANAGED for trade in order.allocations)}


def _cash_by_securities(case: Case, proposal: Proposal, values: Sequence[Decimal], back: BackBy) -> Proposal | None:
    """With steps of securities held directly that bring cash nearer to its band: sleeves, which pay by the cent and
    trade by steps, stay where they end.
    """

    def moved(lines: Sequence[Line], cash: Decimal, band: Band) -> Decimal | None:
        then = close(lines, cash, band)
        return None if then == cash else then

    sleeves = {each.component.key for each in proposal.destined.lines if each.component.kind == "model"}
    if not sleeves:
        return None
    return _moved(case, proposal, values, moved, back, sleeves)


def _all_nearer(case: Case, proposal: Proposal, values: Sequence[Decimal], back: BackBy) -> Proposal | None:
    """As it would be planned again from where it ends, every component and cash."""
    free = _held_as_it_ends(proposal, back)

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


def _planned_again(case: Case, proposal: Proposal, values: Sequence[Decimal], back: BackBy) -> Proposal | None:
    """As it would be planned once it is filled: from where it ends as if nothing had been traded before (LAW-9)."""

    def moved(lines: Sequence[Line], cash: Decimal, band: Band) -> Decimal | None:
        filled = [
            replace(each, value=each.planned, parts=[], reach=replace(each.reach, smallest=was.reach.smallest))
            for each, was in zip(lines, proposal.destined.lines, strict=True)
        ]
        then = destine(filled, cash, band, frozenset).cash
        for each, end in zip(lines, filled, strict=True):
            if end.buy:
                each.move(end.buy, end.parts[-1][0])
        return None if then == cash and not any(each.buy for each in filled) else then

    return _moved(case, proposal, values, moved, back)


def _inside_thresholds(
    case: Case, proposal: Proposal, values: Sequence[Decimal], back: BackBy
) -> Iterator[tuple[int, Proposal]]:
    """With what ends below its threshold bought, one by one, for what others sell inside theirs: fewer outside comes
    before less turnover, and before how far they are from their destination bands (DESTINATION-6).
    """
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
            return close(lines, then, band) if then >= min(cash, ZERO) else None

        closer = _moved(case, proposal, values, moved, back)
        if closer is not None:
            yield at, closer


def _moved(
    case: Case,
    proposal: Proposal,
    values: Sequence[Decimal],
    move: Move,
    back: BackBy,
    stay: AbstractSet[str] = frozenset(),
) -> Proposal | None:
    """The proposal that a move of its lines, from where they end, makes; None where there is none.

    What the move would trade and is not made, as it is too small or beyond the gain budget, stays where it ends, and
    the others are moved once more: as often as there are lines. `stay` are keys of lines that do so from the beginning.
    """
    band, cash = band_and_cash(case, proposal)
    keeps, cents = set(stay), CENT * (1 + len(case.known))
    planned = [each.planned for each in proposal.destined.lines]
    where = [  # what is to stay is asked again for what it was: the cents by which rounding missed it would add up
        was if line.component.key in stay and abs(was - value) <= cents else value
        for line, value, was in zip(proposal.destined.lines, values, planned, strict=True)
    ]
    while True:
        lines = again(case, proposal, where)
        reaches = [each.reach for each in lines]
        for each in lines:
            if each.component.key in keeps:
                each.reach = replace(each.reach, least=each.planned, most=each.planned)
        then = move(lines, cash, band)
        if then is None:
            return None
        for each, reach in zip(lines, reaches, strict=True):
            each.reach = reach  # it is to stay this time, not for ever
            _tell(each)
        closer, left_out = _tried(case, proposal, lines, then - cash, back)
        if closer is not None or left_out <= keeps:
            return closer
        keeps |= left_out


def less_for_cash(case: Case, proposal: Proposal, at: int, back: BackBy) -> Proposal | None:
    """With less of what cash alone moved of one line, as far as cash can spare it."""
    band, cash = band_and_cash(case, proposal)
    lines = again(case, proposal)
    then = give_back_buys([lines[at]], give_back_sales([lines[at]], cash, band.lower), band.upper)
    return traded(case, proposal, lines, then - cash, back) if then != cash else None


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


def _held_as_it_ends(proposal: Proposal, back: BackBy) -> BackBy:
    """What is held back, without buys of sleeves that were too small when others were still to be made, and with the
    rests of their sells that cross now: others are sold instead (SLEEVE-4).
    """
    small = {each.place for each in proposal.given_up if each.rule is ORDER_3 and not each.sells}
    free = back
    if any(sleeve != MANAGED for sleeve, _ in small):
        free = {
            key: Held(each.sold, {symbol: most for symbol, most in each.bought.items() if (key, symbol) not in small})
            for key, each in back.items()
        }
    crossed = {(each.seller, each.symbol) for each in proposal.netted.crossings} if proposal.netted.skipped else set()
    for sleeve, symbol in sorted(_places(proposal.netted.skipped).keys() & crossed):
        if sleeve != MANAGED:
            known = free.get(sleeve, NOT_HELD)
            most = -proposal.after.moved[sleeve, symbol]
            free = {**free, sleeve: Held({**known.sold, symbol: most}, known.bought)}
    return free


def band_and_cash(case: Case, proposal: Proposal) -> tuple[Band, Decimal]:
    """Where cash is to end, and where it does."""
    return proposal.destined.cash_band, proposal.after.cash[MANAGED] - case.valuation.reserved


def again(case: Case, proposal: Proposal, values: Sequence[Decimal] | None = None) -> list[Line]:
    """The lines where they are planned, or at other values, free to move on: what a sleeve orders as well may trade by
    any step, and what was too small by itself may be bought for cash, or sold along.
    """
    ordered = {order.symbol for order in proposal.netted.orders if any(t.sleeve != MANAGED for t in order.allocations)}
    crosses = dict[str, Decimal]()  # what the managed sleeve trades of a security and no order has, in amounts
    for crossing in proposal.netted.crossings:
        if MANAGED in {crossing.seller, crossing.buyer}:
            crosses[crossing.symbol] = crosses.get(crossing.symbol, ZERO) + crossing.amount
    too_small = {each.place for each in proposal.given_up if each.rule is ORDER_3 and not each.sells}
    unsold, sold = _too_small_to_sell(proposal), _sold_by_sleeves(proposal)
    lines = list[Line]()
    for at, each in enumerate(proposal.destined.lines):
        reach, component, value = each.reach, each.component, values[at] if values else each.planned
        if component.ref in ordered:
            reach = replace(reach, smallest=ZERO)
        elif component.ref in crosses:
            reach = replace(reach, smallest=case.too_small + crosses[component.ref])
        if (MANAGED, component.ref) in too_small and component.kind != "model" and not component.no_buy:
            reach = replace(reach, most=UNBOUNDED)
        if (MANAGED, component.ref) in unsold and component.ref in sold and not component.no_sell:
            reach = replace(reach, least=ZERO)
        line = each.again(reach)
        if value != each.planned:
            line.move(value - each.planned, each.parts[-1][0] if each.parts else DESTINATION_1)
        lines.append(line)
    return lines


def traded(
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
    if proposal.given_up:
        closer.given_up = tuple(_still_given_up(proposal, closer))
    return closer, frozenset()


def _still_given_up(proposal: Proposal, closer: Proposal) -> Iterator[GivenUp]:
    """What another proposal gives up too: no buy that it makes; of a sale that was too small by itself what is left."""
    made = {trade.place: trade for order in closer.netted.orders for trade in order.allocations}
    for each in proposal.given_up:
        trade = made.get(each.place)
        if trade is None or (trade.quantity < ZERO) is not each.sells or (each.sells and each.rule is not ORDER_3):
            yield each
        elif each.sells and (now := -closer.after.moved[each.place]) < each.planned:
            yield replace(each, made=now)


def _places(orders: Iterable[MarketOrder]) -> dict[Place, str]:
    """The positions that orders trade, each with its component's key."""
    return {trade.place: trade.component for order in orders for trade in order.allocations}
