"""Explanations: the plan's orders, transfers and decisions as sentences with their numbers.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from domain import checks, lots
from domain.case import Case
from domain.concentration import SLEEVE_4
from domain.filling import SLEEVE_1, SLEEVE_2
from domain.gain_budget import LOT_2
from domain.lines import DESTINATION_1, DESTINATION_2, Destination, destination_band
from domain.lots import Gain, RelievedLot
from domain.money import CENT, ZERO, cents, down_to_increment, money, percent, plain, tidy, to_cent, up_to_increment
from domain.one_way import CASH_2
from domain.orders import ORDER_2, ORDER_3, Crossing, MarketOrder, Trade
from domain.policy import Policy
from domain.proposal import Proposal
from domain.rebalance_plan import Allocation, ComponentOutcome, Order, Side, SkippedTrade, Transfer
from domain.restrictions import RESTRICT_1, RESTRICT_2, Block
from domain.rules import Finding, Noted, Rule, info
from domain.settlement import Funding
from domain.signals import SIGNAL_2
from domain.snapshot import CASH, MANAGED, Holding, Lot
from domain.targets import Band

NO_GAIN = Gain()


def explained(
    case: Case, proposal: Proposal, outcomes: Sequence[ComponentOutcome]
) -> tuple[tuple[Order, ...], tuple[Transfer, ...]]:
    """Orders and transfers with their lots, and the words for why.

    The market takes its lots first, by the account's relief method; what crosses takes along the next ones.
    """
    books = _Lots.of(case, proposal.netted.crossings)
    destinations = {each.component.key: each for each in proposal.destined.destinations}
    by_key = {each.component: each for each in outcomes}
    liquidation = case.purpose.liquidates(case.snapshot.account.target_id)
    orders = [_order(order, case, books, destinations, by_key, liquidation) for order in proposal.netted.orders]
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
    liquidation: bool,
) -> Order:
    relieved: tuple[RelievedLot, ...] = ()
    served = order.allocations
    if order.is_sell:
        for trade in served:
            relieved += books.take(trade.sleeve, trade.symbol, -trade.quantity)
    if len(served) > 1:
        served = tuple(sorted(served, key=lambda each: (-abs(each.quantity), each.component)))
    first = served[0]
    rule = checks.CHECK_3 if liquidation else first.rule or destinations[first.component].rule
    return Order(
        side="sell" if order.is_sell else "buy",
        symbol=order.symbol,
        quantity=order.quantity,
        price=books.prices[order.symbol],
        amount=order.amount,
        allocations=tuple([Allocation(each.sleeve, abs(each.quantity)) for each in order.allocations]),
        lots=relieved,
        gain=lots.gain(relieved) if relieved else NO_GAIN,
        rule=rule.code,
        say=partial(_why, served, rule, destinations, outcomes, case, liquidation),
    )


def _why(
    served: Sequence[Trade],
    rule: Rule,
    destinations: Mapping[str, Destination],
    outcomes: Mapping[str, ComponentOutcome],
    case: Case,
    liquidation: bool,
) -> str:
    """A sentence for each component that an order serves, its largest part first (ORDER-5)."""
    sentences = []
    for trade in served:
        each, seen = destinations[trade.component], outcomes[trade.component]
        moved = f"{trade.component} goes from {percent(seen.current_weight)} to {percent(seen.planned_weight)}"
        sentences.append(f"{moved}: {_cause(trade, each, case, liquidation)}")
    return "; ".join(sentences) + f" ({rule.code})"


def _cause(trade: Trade, each: Destination, case: Case, liquidation: bool) -> str:
    component, sells = each.component, trade.quantity < 0
    if liquidation:
        return "the account has no target and is sold to cash"
    if trade.rule is RESTRICT_2:
        return f"{case.allowed.substitutes[trade.symbol]} is held instead of {trade.symbol}"
    if trade.rule is RESTRICT_1:
        return f"{trade.symbol} is excluded" if sells else "what its restrictions take out is invested again"
    if trade.rule is SIGNAL_2:
        return f"its model's new version moves {trade.symbol} to its new weight"
    if trade.rule is SLEEVE_2:
        return f"its model no longer names {trade.symbol}"
    if each.rule is CASH_2:
        return "cash is raised, from what is most above its weight first" if sells else "cash is invested"
    if component.kind == "unassigned":
        return "the target does not name it"
    if component.sleeve == "closing":
        return "the target no longer names it and its sleeve closes"
    if component.sleeve == "opening":
        weight = f"its weight of {percent(component.weight)}"
        cut = each.rule is DESTINATION_2
        return f"its sleeve opens with what cash there is, below {weight}" if cut else f"its sleeve opens at {weight}"
    if each.rule is DESTINATION_2:
        if each.change < 0:
            return "it is sold further, as cash would end below its band"
        lower = destination_band(component, case.mode).lower * case.valuation.managed_value
        return "cash above its band is invested" if each.value >= lower - CENT else "what cash there is buys it"
    side = "above" if each.change < 0 else "below"
    return f"it is {side} its destination band around {percent(component.weight)}"


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
        *(_left_out(order, ORDER_3, _too_small(order, case)) for order in proposal.netted.skipped),
        *(_left_out(order, LOT_2, _beyond_budget(order, case)) for order in proposal.netted.cut),
        *_restricted(case, proposal),
    ]
    return tuple(sorted(found, key=lambda each: (each.side == "buy", each.symbol, each.rule)))


def _left_out(order: MarketOrder, rule: Rule, why: str) -> SkippedTrade:
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
    forced = [each for each in destined.destinations if each.rule is DESTINATION_2 and each.change]
    if forced:
        found.append(Noted(DESTINATION_2.code, "info", partial(_closes, forced, destined.cash_band)))
    if destined.cut > ZERO:
        found.append(Noted(DESTINATION_2.code, "info", partial(_cuts, destined.cut)))
    return found


def _gives_up(sleeve: str, amounts: Mapping[str, Decimal]) -> Finding:
    listed = ", ".join(f"{symbol} {money(amount)}" for symbol, amount in sorted(amounts.items()))
    return info(
        SLEEVE_4,
        f"{sleeve} makes its change in fewer holdings: {listed} would have been below the minimum trade",
        component=sleeve,
        given_up={symbol: cents(amount) for symbol, amount in amounts.items()},
    )


def _closes(forced: Sequence[Destination], band: Band) -> Finding:
    listed = ", ".join(f"{each.component.key} {_signed(each.change)}" for each in forced)
    return info(
        DESTINATION_2,
        f"cash closes the plan: for it to end between {money(band.lower)} and {money(band.upper)}, changes "
        f"differ from what the bands ask: {listed} in all",
        component=CASH,
        changes={each.component.key: cents(each.change) for each in forced},
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
