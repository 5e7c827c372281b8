"""Explanations: the plan's orders, transfers and decisions as sentences with their numbers.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from domain.planning import checks
from domain.planning.affording import ORDER_4, Bought
from domain.planning.case import Case
from domain.planning.concentration import SLEEVE_4
from domain.planning.filling import SLEEVE_1, SLEEVE_2, Cause
from domain.planning.gain_budget import LOT_2
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, Destination
from domain.planning.one_way import CASH_2
from domain.planning.orders import ORDER_2, ORDER_3, Crossing, MarketOrder, Trade, market_order
from domain.planning.proposal import Proposal
from domain.planning.settlement import Funding
from domain.planning.signals import SIGNAL_2
from domain.rebalance_plan import Allocation, ComponentOutcome, Order, Side, SkippedTrade, Transfer
from domain.targets.idle_cash import SLEEVE_3
from domain.targets.restrictions import RESTRICT_1, Block
from domain.targets.targets import Band
from domain.tax import lots
from domain.tax.lots import Gain, RelievedLot
from domain.values.money import (
    ZERO,
    cents,
    down_to_increment,
    money,
    percent,
    plain,
    share_out,
    tidy,
    to_cent,
    up_to_increment,
)
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Finding, Noted, Rule, info
from domain.values.snapshot import CASH, MANAGED, Holding, Lot, security_key

NO_GAIN = Gain()
RULES = {
    Cause.DROPPED: SLEEVE_2,
    Cause.FREED: RESTRICT_1,
    Cause.REINVESTED: SLEEVE_2,
    Cause.IDLE: SLEEVE_3,
    Cause.SIGNAL: SIGNAL_2,
}


def explained(
    case: Case, proposal: Proposal, outcomes: Sequence[ComponentOutcome]
) -> tuple[tuple[Order, ...], tuple[Transfer, ...]]:
    """Orders and transfers with their lots, and the words for why.

    The market takes its lots first, by the account's relief method; what crosses takes along the next ones.
    """
    books = _Lots.of(case, proposal.netted.crossings)
    destinations = {each.component.key: each for each in proposal.destined.destinations}
    by_key = {each.component: each for each in outcomes}
    orders = [_order(order, case, books, destinations, by_key) for order in proposal.netted.orders]
    crossed = [_crossed(crossing, books) for crossing in proposal.netted.crossings]
    return tuple(orders), (*crossed, *(_funded(each) for each in proposal.after.fundings))


@dataclass(slots=True)
class _Lots:
    """The lots of every sleeve while orders and crossings take theirs."""

    held: Mapping[str, Mapping[str, Holding]]
    taken_again: AbstractSet[tuple[str, str]]  # where more than one may take: what remains is worked out there alone
    remaining: dict[tuple[str, str], tuple[Lot, ...]]
    prices: Mapping[str, Decimal]
    day: date
    method: str
    policy: Policy

    @classmethod
    def of(cls, case: Case, crossings: Sequence[Crossing]) -> "_Lots":
        snapshot, account = case.snapshot, case.snapshot.account
        again = {(each.seller, each.symbol) for each in crossings}
        return cls(
            case.valuation.holdings,
            again,
            {},
            snapshot.prices,
            snapshot.trade_date,
            lots.method_of(account),
            case.policy,
        )

    def take(self, sleeve: str, symbol: str, quantity: Decimal) -> tuple[RelievedLot, ...]:
        place = sleeve, symbol
        left = self.remaining.get(place) if self.remaining else None
        owned = self.held[sleeve][symbol].lots if left is None else left
        asked = owned, quantity, self.prices[symbol], self.day, self.method, self.policy
        if place not in self.taken_again:
            return lots.given_up(*asked)
        given, self.remaining[place] = lots.relieve(*asked)
        return given


def _order(
    order: MarketOrder,
    case: Case,
    books: _Lots,
    destinations: Mapping[str, Destination],
    outcomes: Mapping[str, ComponentOutcome],
) -> Order:
    relieved: tuple[RelievedLot, ...] = ()
    served = order.allocations
    if order.is_sell:
        for trade in served:
            given = books.take(trade.sleeve, trade.symbol, -trade.quantity)
            relieved = relieved + given if relieved else given
    if len(served) == 1:
        allocations: tuple[Allocation, ...] = (Allocation(served[0].sleeve, order.quantity),)
    else:
        allocations = tuple([Allocation(each.sleeve, abs(each.quantity)) for each in served])
        served = tuple(sorted(served, key=lambda each: (-abs(each.quantity), each.component)))
    price = books.prices[order.symbol]
    return Order(
        side="sell" if order.is_sell else "buy",
        symbol=order.symbol,
        quantity=order.quantity,
        price=price,
        amount=order.amount,
        allocations=allocations,
        lots=relieved,
        gain=lots.gain(relieved) if relieved else NO_GAIN,
        rule=_first_rule(served, destinations, case).code,
        say=partial(_why, served, destinations, case, price, outcomes),
    )


def _first_rule(served: Sequence[Trade], destinations: Mapping[str, Destination], case: Case) -> Rule:
    """The rule behind an order, of the sleeve it serves most: the last that moved its component in its direction."""
    if case.liquidation:
        return checks.liquidation_rule(case.snapshot)
    first = served[0]
    causes = first.causes
    cause = next(iter(causes)) if len(causes) == 1 else max(causes, key=causes.__getitem__)
    if cause is not Cause.DESTINATION:
        return _rule_of(cause, first.symbol, case)
    rules = [rule for rule, _ in _with_it(destinations[first.component], first.quantity < 0)]
    return rules[-1] if rules else DESTINATION_1  # cash closes what its band began


def _with_it(each: Destination, sells: bool) -> list[tuple[Rule, Decimal]]:
    """The rules that moved a component in the direction of a trade, each with how far."""
    return [(rule, abs(moved)) for rule, moved in each.parts if moved and (moved < 0) is sells]


@record
class _Part:
    """A part of a trade: the rule that made it, its amount, and why in words."""

    rule: Rule
    amount: Decimal
    why: str


def _rule_of(cause: Cause, symbol: str, case: Case) -> Rule:
    """The rule behind a cause that is not the component's destination."""
    if cause is Cause.RESTRICTED:
        return case.allowed.rule_of(symbol)
    return RULES[cause]


def _parts(trade: Trade, each: Destination, case: Case, price: Decimal) -> list[_Part]:
    """What made a trade, each part with its amount; they sum to the trade's (ORDER-5)."""
    amount = to_cent(abs(trade.quantity) * price)
    total = sum(trade.causes.values(), ZERO)
    found: list[_Part] = []
    for cause, share in zip(trade.causes, share_out(amount, [*trade.causes.values()]) if total else (), strict=False):
        if cause is Cause.DESTINATION:
            found += _moved(trade, each, case, share)
        else:
            found.append(_Part(_rule_of(cause, trade.symbol, case), share, _cause(cause, trade, case)))
    return found


def _moved(trade: Trade, each: Destination, case: Case, amount: Decimal) -> list[_Part]:
    """The parts of what a component's move makes a trade: in proportion to what each rule moved it."""
    sells = trade.quantity < 0
    with_it = _with_it(each, sells)
    if not with_it:
        return [_Part(DESTINATION_1, amount, _moves(DESTINATION_1, each, sells, case))]
    shares = share_out(amount, [moved for _, moved in with_it])
    return [
        _Part(rule, share, _moves(rule, each, sells, case)) for (rule, _), share in zip(with_it, shares, strict=True)
    ]


def _told(
    served: Sequence[Trade], destinations: Mapping[str, Destination], case: Case, price: Decimal
) -> list[tuple[str, list[_Part]]]:
    """What an order serves: each component, its largest part first, with what made it."""
    if case.liquidation:
        rule = checks.liquidation_rule(case.snapshot)
        why = (
            "the account has no target and is sold to cash" if rule is checks.CHECK_3 else "withdrawals take all of it"
        )
        return [(each.component, [_Part(rule, ZERO, why)]) for each in served]
    return [(each.component, _parts(each, destinations[each.component], case, price)) for each in served]


def _why(
    served: Sequence[Trade],
    destinations: Mapping[str, Destination],
    case: Case,
    price: Decimal,
    outcomes: Mapping[str, ComponentOutcome],
) -> str:
    """A sentence for each component that an order serves; where two rules made it, each with its part (ORDER-5)."""
    sentences, codes = [], list[str]()
    for key, parts in _told(served, destinations, case, price):
        seen = outcomes[key]
        moved = f"{key} goes from {percent(seen.current_weight)} to {percent(seen.planned_weight)}"
        several = len(parts) > 1
        causes = [f"{money(each.amount)} as {each.why}" if several else each.why for each in parts]
        sentences.append(f"{moved}: {', '.join(causes)}")
        codes += [each.rule.code for each in parts]
    return f"{'; '.join(sentences)} ({', '.join(dict.fromkeys(codes))})"


def _cause(cause: Cause, trade: Trade, case: Case) -> str:
    if cause is Cause.RESTRICTED:
        by = case.allowed.substitutes.get(trade.symbol)
        return f"{by} is held instead of {trade.symbol}" if by else f"{trade.symbol} is excluded"
    return {
        Cause.DROPPED: f"its model does not name {trade.symbol}",
        Cause.FREED: "what restrictions take out is invested again",
        Cause.REINVESTED: "what its model does not name is sold and invested again",
        Cause.IDLE: "idle cash of the sleeve is invested",
        Cause.SIGNAL: f"its model's new version moves {trade.symbol} to its new weight",
    }[cause]


def _moves(rule: Rule, each: Destination, sells: bool, case: Case) -> str:
    """Why a component moves, by the rule that moves it."""
    component = each.component
    if rule is CASH_2:
        return "cash is raised, from what is most above its weight first" if sells else "cash is invested"
    if rule is DESTINATION_2:
        return "cash would end below its band" if sells else "cash above its band is invested"
    if rule is DESTINATION_5:
        return "whole steps raise cash to its band" if sells else "whole steps bring cash down to its band"
    weight = percent(component.weight)
    if sells:
        if component.kind == "unassigned":
            return "the target does not name it"
        if component.sleeve == "closing":
            return "the target no longer names it and its sleeve closes"
        if component.goes_to_zero:
            return "its weight is 0"
        if each.made_whole:
            return f"made whole, it would be above its destination band around {weight}"
        return f"it is above its destination band around {weight}"
    cut = any(moved < 0 for _, moved in each.parts)
    if component.sleeve == "opening":
        if cut:
            return f"its sleeve opens with what cash there is, below its weight of {weight}"
        return f"its sleeve opens at its weight of {weight}"
    if not component.value and component.kind == "security":
        return f"none of it is held yet and its weight is {weight}" + (", as far as cash goes" if cut else "")
    return f"it is below its destination band around {weight}" + (", as far as cash goes" if cut else "")


def _crossed(crossing: Crossing, books: _Lots) -> Transfer:
    given = books.take(crossing.seller, crossing.symbol, crossing.quantity)
    return Transfer(
        crossing.seller,
        crossing.buyer,
        crossing.symbol,
        crossing.quantity,
        crossing.amount,
        ORDER_2.code,
        partial(_crosses, crossing),
        tuple(each.lot for each in given),
        books.prices[crossing.symbol],
    )


def _crosses(crossing: Crossing) -> str:
    return (
        f"{plain(crossing.quantity)} {crossing.symbol} that {crossing.seller} sells and {crossing.buyer} buys cross "
        f"inside the account; {crossing.buyer} pays {money(crossing.amount)} for them ({ORDER_2.code})"
    )


def _funded(funding: Funding) -> Transfer:
    source, destination = (MANAGED, funding.sleeve) if funding.amount > 0 else (funding.sleeve, MANAGED)
    return Transfer(source, destination, None, None, abs(funding.amount), SLEEVE_1.code, partial(_funds, funding))


def _funds(funding: Funding) -> str:
    verb = "receives" if funding.amount > 0 else "pays"
    return f"{funding.sleeve} {verb} {money(abs(funding.amount))}, the change of its value ({SLEEVE_1.code})"


def skipped(case: Case, proposal: Proposal) -> tuple[SkippedTrade, ...]:
    """What the plan does not trade although its bands ask for it: too small, beyond the budget, or restricted."""
    found = [
        *(_left_out(case, rule, trades) for rule, trades in proposal.left_out()),
        *_restricted(case, proposal),
        *_small(case, proposal),
    ]
    return tuple(sorted(found, key=lambda each: (each.side == "buy", each.symbol, each.rule)))


def _left_out(case: Case, rule: Rule, trades: Sequence[Trade]) -> SkippedTrade:
    order = market_order(case.snapshot.securities[trades[0].symbol], trades)
    why = _beyond_budget(order, case) if rule is LOT_2 else _too_small(order, case)
    side: Side = "sell" if order.is_sell else "buy"
    return SkippedTrade(side, order.symbol, order.quantity, order.amount, rule.code, why)


def _named(side: str, quantity: Decimal, symbol: str, amount: Decimal) -> str:
    return f"the {side} of {plain(quantity)} {symbol} for {money(amount)}"


def _order_named(order: MarketOrder) -> str:
    return _named("sell" if order.is_sell else "buy", order.quantity, order.symbol, order.amount)


def _too_small(order: MarketOrder, case: Case) -> str:
    return f"{_order_named(order)} is below the minimum trade of {money(case.smallest)} ({ORDER_3.code})"


def _beyond_budget(order: MarketOrder, case: Case) -> str:
    budget = money(case.snapshot.account.gain_budget or ZERO)
    return f"{_order_named(order)} is left out: its gain is beyond the budget of {budget} ({LOT_2.code})"


def _small(case: Case, proposal: Proposal) -> Iterator[SkippedTrade]:
    """What the bands ask of securities held directly that is too small for an order, and is not made (ORDER-3)."""
    moved = {each.component.ref for each in proposal.destined.destinations if each.change}
    for symbol, amount in proposal.destined.small.items():
        if symbol not in moved:
            security = case.snapshot.securities[symbol]
            quantity = abs(amount) / security.step * security.quantity_increment
            side: Side = "sell" if amount < 0 else "buy"
            what = _named(side, quantity, symbol, to_cent(abs(amount)))
            why = f"{what} is below the minimum trade of {money(case.smallest)} ({ORDER_3.code})"
            yield SkippedTrade(side, symbol, quantity, to_cent(abs(amount)), ORDER_3.code, why)


def _restricted(case: Case, proposal: Proposal) -> Iterator[SkippedTrade]:
    """What may not be bought or sold, all sleeves together, in the shares that would have been ordered (ORDER-1)."""
    amounts: dict[tuple[str, str], Decimal] = {}
    blocks: dict[tuple[str, str], Block] = {}
    for each in proposal.blocked:
        key = ("buy" if each.amount > 0 else "sell", each.symbol)
        amounts[key] = amounts.get(key, ZERO) + abs(each.amount)
        blocks[key] = each.block
    account = case.snapshot.account
    for (side, symbol), amount in amounts.items():
        security, block = case.snapshot.securities[symbol], blocks[side, symbol]
        exact = tidy(amount / case.snapshot.price(symbol))
        if side == "sell":
            held = (each.quantity for sleeve in account.sleeves for each in sleeve.holdings if each.symbol == symbol)
            quantity = min(up_to_increment(exact, security.quantity_increment), sum(held, ZERO))
        else:
            quantity = down_to_increment(exact, security.quantity_increment)
        if quantity:
            worth = to_cent(quantity * case.snapshot.price(symbol))
            why = f"{_named(side, quantity, symbol, worth)} is not made: {block.why} ({block.rule.code})"
            yield SkippedTrade(side, symbol, quantity, worth, block.rule.code, why)  # type: ignore[arg-type]


def decisions(proposal: Proposal) -> list[Noted]:
    """What cash forced, what was given up as too small: the decisions that no order shows by itself."""
    fills, destined = proposal.fills, proposal.destined
    found = [
        Noted(SLEEVE_4.code, "info", partial(_gives_up, sleeve, fills[sleeve].given_up))
        for sleeve in sorted(fills)
        if fills[sleeve].given_up
    ]
    found += [
        Noted(SLEEVE_3.code, "info", partial(_makes_whole, each)) for each in destined.destinations if each.made_whole
    ]
    closing = [(each, moved) for each in destined.destinations if (moved := _closing(each))]
    if closing:
        found.append(Noted(DESTINATION_2.code, "info", partial(_closes, closing, destined.cash_band)))
    if destined.cut > ZERO:
        found.append(Noted(DESTINATION_2.code, "info", partial(_cuts, destined.cut)))
    if proposal.unaffordable:
        found.append(Noted(ORDER_4.code, "info", partial(_unaffordable, proposal.unaffordable)))
    return found


def _makes_whole(each: Destination) -> Finding:
    key = each.component.key
    return info(
        SLEEVE_3,
        f"{key} is overdrawn by {money(each.made_whole)}: the managed sleeve makes that good first, as far as it can",
        component=key,
        overdrawn=cents(each.made_whole),
    )


def _closing(each: Destination) -> Decimal:
    """What closing the plan moved of a component, bought above 0."""
    return sum((moved for rule, moved in each.parts if rule in {DESTINATION_2, DESTINATION_5}), ZERO)


def _unaffordable(gone: Sequence[Bought]) -> Finding:
    listed = ", ".join(f"{plain(each.quantity)} {each.symbol} of {each.sleeve}" for each in gone)
    return info(
        ORDER_4,
        f"what the sells bring does not pay for all buys: {listed} less are bought",
        missing={each.place: cents(each.cost) for each in gone},
        components=sorted({security_key(each.symbol) if each.sleeve == MANAGED else each.sleeve for each in gone}),
    )


def _gives_up(sleeve: str, amounts: Mapping[str, Decimal]) -> Finding:
    listed = ", ".join(f"{symbol} {money(amount)}" for symbol, amount in sorted(amounts.items()))
    return info(
        SLEEVE_4,
        f"{sleeve} makes its change in fewer holdings: {listed} would have been below the minimum trade",
        component=sleeve,
        given_up={symbol: cents(amount) for symbol, amount in amounts.items()},
    )


def _closes(closing: Sequence[tuple[Destination, Decimal]], band: Band) -> Finding:
    listed = ", ".join(f"{each.component.key} {_signed(moved)}" for each, moved in closing)
    return info(
        DESTINATION_2,
        f"for cash to end between {money(band.lower)} and {money(band.upper)}, more is sold or less bought, or more is "
        f"bought, than the bands ask: {listed}",
        component=CASH,
        changes={each.component.key: cents(moved) for each, moved in closing},
        lower=cents(band.lower),
        upper=cents(band.upper),
    )


def _cuts(cut: Decimal) -> Finding:
    return info(
        DESTINATION_2,
        f"buys are {money(cut)} smaller than {DESTINATION_1.code} asks, as there is not enough cash for them",
        cut=cents(cut),
    )


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount > 0 else '−'}{money(abs(amount))}"
