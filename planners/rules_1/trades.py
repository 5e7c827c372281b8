"""Trades: what every sleeve buys and sells once it is known what its components come to, and what it may not.

Asked in every round of a plan (`proposal`). Which holdings a sleeve's value is made of is `filling`'s business, or that
of `signals`; what crosses between sleeves is `orders`'.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from planners.rules_1 import signals
from planners.rules_1.case import Case
from planners.rules_1.destination import Destined
from planners.rules_1.filling import SLEEVE_2, Fill, fill_sleeve, goals_of
from planners.rules_1.lines import Destination
from planners.rules_1.money import ONE, ZERO
from planners.rules_1.orders import Trade
from planners.rules_1.purpose import ONE_WAY
from planners.rules_1.record import record
from planners.rules_1.restrictions import RESTRICT_1, Aim, Block, aim
from planners.rules_1.rounding import shares_to_sell
from planners.rules_1.rules import Rule
from planners.rules_1.snapshot import MANAGED, Sleeve, model_key, security_key


@record
class Blocked:
    """A trade of one sleeve that is not made: its amount, above 0 a buy and below 0 a sell, and why."""

    sleeve: str
    symbol: str
    amount: Decimal
    block: Block


def fills(case: Case, destined: Destined, not_raised: Mapping[str, Decimal]) -> Iterator[tuple[str, Fill]]:
    """What every model sleeve that has to trade does (SLEEVE-2, SLEEVE-3, SLEEVE-4; SIGNAL-2)."""
    sleeves = {sleeve.key: sleeve for sleeve in case.snapshot.account.model_sleeves}
    market, minimum = case.snapshot.securities, case.smallest
    for each in destined.destinations:
        component = each.component
        if component.kind != "model":
            continue
        sleeve = sleeves.get(component.key) or Sleeve(component.key, ZERO, ())
        lost = not_raised.get(component.key, ZERO)
        if case.purpose.kind == "signal":
            if strays(case, sleeve):
                asked = aim(case.snapshot.models[component.ref], case.allowed)
                filled = signals.fill_sleeve(sleeve, asked, component.value, market, minimum, case.allowed, lost)
                yield component.key, filled
            continue
        closes = component.sleeve == "closing" and case.purpose.kind == "full"
        if each.change == 0 and not closes and not _must_leave(case, sleeve):
            continue
        smallest = ZERO if component.sleeve == "opening" else minimum
        yield (
            component.key,
            fill_sleeve(
                sleeve,
                _aim(case, each, sleeve),
                component.value,
                each.change,
                market,
                smallest,
                case.allowed,
                case.purpose.kind in ONE_WAY,
                lost,
            ),
        )


def strays(case: Case, sleeve: Sleeve) -> list[str] | None:
    """The holdings for which a signal trades this sleeve, or all of its model's; None where it is not its sleeve."""
    model_id = case.purpose.model_id
    if model_id is None or sleeve.key != model_key(model_id) or sleeve.key not in case.valuation.sleeve_values:
        return None
    asked = aim(case.snapshot.models[model_id], case.allowed)
    if signals.is_large(case.purpose.largest_change or ZERO, case.policy):
        return sorted(asked.weights.keys() | {holding.symbol for holding in sleeve.holdings})
    value = case.valuation.sleeve_values[sleeve.key]
    return signals.outside(sleeve, value, asked, case.snapshot.securities, case.policy)


def _must_leave(case: Case, sleeve: Sleeve) -> bool:
    """True where a full rebalance finds something in the sleeve that restrictions take out of it."""
    if case.purpose.kind != "full" or not case.allowed.takes_out:
        return False
    return any(
        case.allowed.leaves(holding.symbol) and holding.symbol not in case.allowed.no_sell
        for holding in sleeve.holdings
    )


def _aim(case: Case, each: Destination, sleeve: Sleeve) -> Aim | None:
    """What the sleeve aims at; None where everything is sold, what it holds in proportion where a part of it is."""
    if not each.component.goes_to_zero:
        return aim(case.snapshot.models[each.component.ref], case.allowed)
    values = case.valuation.holding_values.get(sleeve.key, {})
    total = sum(values.values(), ZERO)
    if each.value <= each.component.stays or not total:
        return None
    return Aim({symbol: worth / total for symbol, worth in values.items()}, ZERO, {})


def sleeve_trades(case: Case, destined: Destined, filled: Mapping[str, Fill]) -> list[Trade]:
    """The trades of every model sleeve, each with the rule that makes it where that is not its component's."""
    found: list[Trade] = []
    destinations = {each.component.key: each for each in destined.destinations}
    restricting = case.allowed.takes_out
    for key, fill in filled.items():
        there, each = case.valuation.holdings.get(key, {}), destinations[key]
        growing = each.change > ZERO
        opens = each.component.sleeve == "opening"
        own: Rule | None = None
        if not each.change and each.component.sleeve != "closing":  # a signal, or what restrictions take out
            own = signals.SIGNAL_2 if case.purpose.kind == "signal" else RESTRICT_1
        for symbol, quantity in fill.quantities.items():
            rule = case.allowed.rule_of(symbol) if restricting and case.allowed.leaves(symbol) else own
            sells = quantity < ZERO
            if rule is None and sells is growing and each.change:  # its model dropped it, or restrictions bring it in
                rule = SLEEVE_2 if sells else RESTRICT_1
            completes = sells and -quantity == there[symbol].quantity
            found.append(Trade(key, symbol, quantity, key, opens, completes, rule))
    return found


def managed_buys(bought: Mapping[str, Decimal]) -> list[Trade]:
    """What the managed sleeve buys, by symbol."""
    return [Trade(MANAGED, symbol, quantity, security_key(symbol)) for symbol, quantity in bought.items() if quantity]


def managed_sells(case: Case, destined: Destined) -> list[Trade]:
    """What the managed sleeve sells: rounded up to the increment, so that the component lands inside its band."""
    held = case.valuation.holdings[MANAGED]
    trades = []
    for each in destined.destinations:
        component = each.component
        if not each.change or component.kind == "model" or component.ref not in held:
            continue
        whole, security = held[component.ref].quantity, case.snapshot.securities[component.ref]
        quantity = whole if each.value == 0 else shares_to_sell(-each.change, whole, security)
        if quantity:
            left = case.allowed.leaves(component.ref)
            rule = case.allowed.rule_of(component.ref) if left else None
            trades.append(Trade(MANAGED, component.ref, -quantity, component.key, False, quantity == whole, rule))
    return trades


def blocked(case: Case, destined: Destined, filled: Mapping[str, Fill]) -> Iterator[Blocked]:
    """What restrictions and wash sales keep from being traded, in the order of components."""
    allowed = case.allowed
    for each in destined.destinations:
        component, amounts = each.component, dict[str, Decimal]()
        if component.kind == "model":
            amounts = dict(filled[component.key].blocked) if component.key in filled else {}
            if each.blocked:  # the sleeve shrinks less than its band asks, as it may not sell all that it would
                amounts |= {
                    symbol: amount
                    for symbol, amount in _would_sell(case, each).items()
                    if symbol in allowed.no_sell and not allowed.kept(symbol)
                }
        elif each.blocked and not (each.blocked < 0 and allowed.kept(component.ref)):
            amounts = {component.ref: each.blocked}
        sleeve = component.key if component.kind == "model" else MANAGED
        for symbol, amount in amounts.items():
            yield Blocked(sleeve, symbol, amount, (allowed.no_buy if amount > 0 else allowed.no_sell)[symbol])


def _would_sell(case: Case, each: Destination) -> dict[str, Decimal]:
    """What a sleeve would sell, below 0, to come down to its band if nothing kept it from it."""
    component = each.component
    worth = case.valuation.holding_values[component.key]
    if component.goes_to_zero:
        return {symbol: -amount for symbol, amount in worth.items()}
    asked = aim(case.snapshot.models[component.ref], case.allowed)
    values = {symbol: worth.get(symbol, ZERO) for symbol in asked.weights}
    invested = (each.value + each.blocked) * (ONE - asked.cash_weight)
    return {symbol: -amount for symbol, amount in goals_of(values, asked.weights, invested, False).items()}
