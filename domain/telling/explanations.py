"""Explanations: the plan's orders and transfers as sentences with their numbers.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from functools import partial

from domain.planning import checks
from domain.planning.case import Case
from domain.planning.filling import SLEEVE_1, SLEEVE_2, Cause
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, Destination
from domain.planning.one_way import CASH_2
from domain.planning.orders import ORDER_2, Crossing, MarketOrder, Trade
from domain.planning.settlement import Funding
from domain.planning.signals import SIGNAL_2
from domain.planning.turn import Proposal
from domain.rebalance_plan import Allocation, ComponentOutcome, Order, Side, Transfer
from domain.targets.idle_cash import SLEEVE_3
from domain.targets.restrictions import RESTRICT_1
from domain.tax import lots
from domain.tax.lots import RelievedLot
from domain.values.money import (
    CENT,
    EXACT,
    ZERO,
    money,
    percent,
    plain,
    share_out,
    to_cent,
)
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import MANAGED, Holding, Lot

Moves = list[tuple[Rule, Decimal]]  # rules, and how far each moved a component

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
    reasons = _Reasons(case, destinations, outcomes)
    orders = [_order(order, books, reasons) for order in proposal.netted.orders]
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


def _order(order: MarketOrder, books: _Lots, reasons: "_Reasons") -> Order:
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
    side: Side = "sell" if order.is_sell else "buy"
    price, because = books.prices[order.symbol], _Served(served, reasons)
    return Order(side, order.symbol, order.quantity, price, order.amount, allocations, relieved, because)


@record
class _Served:
    """What an order serves, for who asks why it exists (`Because`)."""

    trades: Sequence[Trade]
    reasons: "_Reasons"

    @property
    def rule(self) -> str:
        """The code of the rule behind the order."""
        with localcontext(EXACT):  # whatever the reader counts with
            return self.reasons.first(self._largest_first).code

    @property
    def reason(self) -> str:
        """Why the order exists, in words with its numbers."""
        with localcontext(EXACT):
            return self.reasons.why(self._largest_first)

    @property
    def _largest_first(self) -> Sequence[Trade]:
        return sorted(self.trades, key=lambda each: (-abs(each.quantity), each.component))


class _Reasons:
    """The reasons of orders; what moved a component is looked up once for all that its sleeve trades."""

    def __init__(
        self, case: Case, destinations: Mapping[str, Destination], outcomes: Sequence[ComponentOutcome]
    ) -> None:
        self.case, self.destinations, self.outcomes = case, destinations, outcomes
        self._of_buys: dict[str, Moves] = {}  # by component: all that its sleeve buys is bought for the same causes
        self._of_sells: dict[str, Moves] = {}  # likewise, of what its move sells

    def first(self, served: Sequence[Trade]) -> Rule:
        """The rule behind an order, of the sleeve it serves most: the last that moved its component that way, by a cent
        of the order at least.
        """
        if self.case.liquidation:
            return checks.liquidation_rule(self.case.snapshot)
        trade, known = served[0], self._of_buys
        if trade.quantity < ZERO:
            (cause,) = trade.causes
            if cause is not Cause.DESTINATION:
                return _rule_of(cause, trade.symbol, self.case)
            known = self._of_sells
        moves = known.get(trade.component)
        if moves is None:
            moves = known[trade.component] = self._moves(trade)
        if len(moves) == 1:
            return moves[0][0]
        share = _by_cause(trade, _amount(trade, self.case))[Cause.DESTINATION]
        return _last_of(moves, share)

    def _moves(self, trade: Trade) -> Moves:
        cause = max(trade.causes, key=trade.causes.__getitem__)
        if cause is not Cause.DESTINATION:
            return [(_rule_of(cause, trade.symbol, self.case), ZERO)]
        found = _with_it(self.destinations[trade.component], trade.quantity < ZERO)
        return found or [(DESTINATION_1, ZERO)]  # cash closes what its band began

    def why(self, served: Sequence[Trade]) -> str:
        """A sentence for each component that an order serves; where two rules made it, each with its part (ORDER-5)."""
        sentences, codes, outcomes = [], list[str](), {each.component: each for each in self.outcomes}
        for key, parts in self._told(served):
            seen = outcomes[key]
            moved = f"{key} goes from {percent(seen.current_weight)} to {percent(seen.planned_weight)}"
            several = len(parts) > 1
            causes = [f"{money(each.amount)} as {each.why}" if several else each.why for each in parts]
            sentences.append(f"{moved}: {', '.join(causes)}")
            codes += [each.rule.code for each in parts]
        return f"{'; '.join(sentences)} ({', '.join(dict.fromkeys(codes))})"

    def _told(self, served: Sequence[Trade]) -> list[tuple[str, list["_Part"]]]:
        """What an order serves: each component, its largest part first, with what made it."""
        case, destinations = self.case, self.destinations
        if case.liquidation:
            rule = checks.liquidation_rule(case.snapshot)
            why = (
                "the account has no target and is sold to cash"
                if rule is checks.CHECK_3
                else "withdrawals take all of it"
            )
            return [(each.component, [_Part(rule, ZERO, why)]) for each in served]
        return [(each.component, _parts(each, destinations[each.component], case)) for each in served]


def _with_it(each: Destination, sells: bool) -> Moves:
    """The rules that moved a component in the direction of a trade, each with how far."""
    return [(rule, abs(moved)) for rule, moved in each.parts if moved and (moved < 0) is sells]


def _in_cents(moves: Moves, amount: Decimal) -> Moves:
    """The amount of a trade by the rules that moved its component, in proportion; what comes to no cent is left out."""
    shares = share_out(amount, [moved for _, moved in moves])
    found = [(rule, share) for (rule, _), share in zip(moves, shares, strict=True) if share]
    return found or [(moves[-1][0], amount)]


def _last_of(moves: Moves, cents: Decimal) -> Rule:
    """The last rule that moved a cent of the amount, which is in whole cents."""
    rule, moved = moves[-1]
    if moved * cents >= CENT * sum([each for _, each in moves], ZERO):
        return rule  # as nearly always: a whole cent of it is no rounding
    return _in_cents(moves, cents)[-1][0]


def _by_cause(trade: Trade, amount: Decimal) -> dict[Cause, Decimal]:
    """The amount of a trade by what made it, in cents."""
    if len(trade.causes) == 1:
        return dict.fromkeys(trade.causes, amount)
    return dict(zip(trade.causes, share_out(amount, [*trade.causes.values()]), strict=True))


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


def _amount(trade: Trade, case: Case) -> Decimal:
    """What a trade comes to, in cents."""
    return to_cent(abs(trade.quantity) * case.snapshot.price(trade.symbol))


def _parts(trade: Trade, each: Destination, case: Case) -> list[_Part]:
    """What made a trade, each part with its amount; they sum to the trade's (ORDER-5)."""
    amount = _amount(trade, case)
    total = sum(trade.causes.values(), ZERO)
    found: list[_Part] = []
    for cause, share in (_by_cause(trade, amount) if total else {}).items():
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
    return [_Part(rule, share, _moves(rule, each, sells, case)) for rule, share in _in_cents(with_it, amount)]


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
        return "cash would end below its destination band" if sells else "cash above its destination band is invested"
    if rule is DESTINATION_5:
        return (
            "whole steps raise cash to its destination band"
            if sells
            else "whole steps bring cash down to its destination band"
        )
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
