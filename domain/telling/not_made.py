"""Not made: the trades that bands ask for and the plan leaves out, each with the rule and its numbers.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial

from domain.planning.case import Case
from domain.planning.gain_budget import LOT_2
from domain.planning.orders import ORDER_3, Trade, market_order
from domain.planning.turn import Proposal
from domain.rebalance_plan import Side, SkippedTrade
from domain.targets.restrictions import Prohibition
from domain.values.money import CENT, ZERO, down_to_increment, money, plain, tidy, to_cent, up_to_increment
from domain.values.rules import Rule


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
    side: Side = "sell" if order.is_sell else "buy"
    trade = side, order.symbol, order.quantity, order.amount
    return SkippedTrade(*trade, rule.code, partial(_beyond_budget if rule is LOT_2 else _too_small, *trade, case))


def _named(side: str, quantity: Decimal, symbol: str, amount: Decimal) -> str:
    return f"the {side} of {plain(quantity)} {symbol} for {money(amount)}"


def _too_small(side: str, symbol: str, quantity: Decimal, amount: Decimal, case: Case) -> str:
    what = _named(side, quantity, symbol, amount)
    if amount < CENT:
        return f"{what} comes to less than a cent, which is no order ({ORDER_3.code})"
    return f"{what} is below the minimum trade of {money(case.smallest)} ({ORDER_3.code})"


def _beyond_budget(side: str, symbol: str, quantity: Decimal, amount: Decimal, case: Case) -> str:
    what, budget = _named(side, quantity, symbol, amount), money(case.snapshot.account.gain_budget or ZERO)
    return f"{what} is left out: its gain is beyond the budget of {budget} ({LOT_2.code})"


def _small(case: Case, proposal: Proposal) -> Iterator[SkippedTrade]:
    """What the bands ask of securities held directly that is too small for an order, and is not made (ORDER-3)."""
    moved = {each.component.ref for each in proposal.destined.destinations if each.change}
    for symbol, amount in proposal.destined.small.items():
        if symbol not in moved:
            security = case.snapshot.securities[symbol]
            quantity = abs(amount) / security.step * security.quantity_increment
            side: Side = "sell" if amount < 0 else "buy"
            worth = to_cent(abs(amount))
            trade = side, symbol, quantity, worth
            yield SkippedTrade(*trade, ORDER_3.code, partial(_too_small, *trade, case))


def _restricted(case: Case, proposal: Proposal) -> Iterator[SkippedTrade]:
    """What may not be bought or sold, all sleeves together, in the shares that would have been ordered (ORDER-1)."""
    amounts: dict[tuple[Side, str], Decimal] = {}
    blocks: dict[tuple[Side, str], Prohibition] = {}
    for each in proposal.blocked:
        key: tuple[Side, str] = ("buy" if each.amount > 0 else "sell", each.symbol)
        amounts[key] = amounts.get(key, ZERO) + abs(each.amount)
        blocks[key] = each.block
    account = case.snapshot.account
    for (side, symbol), amount in amounts.items():
        security, block = case.snapshot.securities[symbol], blocks[side, symbol]
        exact = tidy(amount / security.priced)
        if side == "sell":
            held = (each.quantity for sleeve in account.sleeves for each in sleeve.holdings if each.symbol == symbol)
            quantity = min(up_to_increment(exact, security.quantity_increment), sum(held, ZERO))
        else:
            quantity = down_to_increment(exact, security.quantity_increment)
        if quantity:
            trade = side, symbol, quantity, to_cent(security.worth(quantity))
            yield SkippedTrade(*trade, block.rule.code, partial(_may_not, *trade, block))


def _may_not(side: str, symbol: str, quantity: Decimal, amount: Decimal, block: Prohibition) -> str:
    return f"{_named(side, quantity, symbol, amount)} is not made: {block.why} ({block.rule.code})"
