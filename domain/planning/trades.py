"""Trades: what every sleeve buys and sells once it is known what its components come to, and what it may not.

Asked in every turn of a plan (`proposal`). Which holdings a sleeve's value is made of is `filling`'s business, or that
of `signals`; what crosses between sleeves is `orders`'.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from domain.planning import signals
from domain.planning.case import Case
from domain.planning.destination import Destined
from domain.planning.filling import Cause, SleeveTrades, Task, fill_sleeve
from domain.planning.levels import Levels
from domain.planning.lines import Destination
from domain.planning.orders import Trade
from domain.planning.spreading import NOT_HELD, Held
from domain.targets.components import Component
from domain.targets.idle_cash import idle_cash, width
from domain.targets.restrictions import Aim, Prohibition
from domain.values.money import CENT, HALF_A_CENT, ONE, ZERO
from domain.values.purpose import ONE_WAY
from domain.values.record import record
from domain.values.snapshot import MANAGED, Sleeve, model_key

NO_VALUES: Mapping[str, Decimal] = {}
ALONE: Mapping[Cause, Mapping[Cause, Decimal]] = {cause: {cause: ONE} for cause in Cause}  # what has one cause


@record
class Blocked:
    """A trade of one sleeve that is not made: its amount, above 0 a buy and below 0 a sell, and why."""

    sleeve: str
    symbol: str
    amount: Decimal
    block: Prohibition


def fills(case: Case, destined: Destined, held: Mapping[str, Held]) -> Iterator[tuple[str, SleeveTrades]]:
    """What every model sleeve that has to trade does, by its key (SLEEVE-2, SLEEVE-3, SLEEVE-4; SIGNAL-2)."""
    sleeves = {sleeve.key: sleeve for sleeve in case.snapshot.account.model_sleeves}
    market = case.snapshot.securities
    for each in destined.destinations:
        component = each.component
        if component.kind != "model":
            continue
        key = component.key
        sleeve = sleeves.get(key) or Sleeve(key, ZERO, ())
        if case.purpose.kind == "signal":
            if strays(case, sleeve):
                asked = case.aim(component.ref)
                yield (
                    key,
                    signals.fill_sleeve(sleeve, asked, component.value, market, case.allowed, held.get(key, NOT_HELD)),
                )
            continue
        full = case.purpose.kind == "full"
        closes = component.goes_to_zero and full
        if not (each.change or closes or (full and _idles(case, component, sleeve))) and not _must_leave(case, sleeve):
            continue
        yield key, _filled(case, each, sleeve, held.get(key, NOT_HELD))


def _filled(case: Case, each: Destination, sleeve: Sleeve, held: Held) -> SleeveTrades:
    """The trades of one sleeve, worked out once of the same change: most turns hold back or free but one position."""
    known = case.filled.setdefault((sleeve.key, each.change, each.made_whole), [])
    for other, trades in known:
        if other == held:
            return trades
    worth = case.valuation.holding_values.get(sleeve.key, NO_VALUES)
    trades = fill_sleeve(sleeve, worth, _task(case, each, sleeve), case.snapshot.securities, case.allowed, held)
    known.append((held, trades))
    return trades


def _task(case: Case, each: Destination, sleeve: Sleeve) -> Task:
    """What a sleeve is asked to do. One whose overdraft is made whole starts from there: that is no flow to invest."""
    component = each.component
    value, asked = component.value + each.made_whole, _aim(case, each, sleeve)
    smallest = ZERO if component.sleeve == "opening" else case.too_small
    idle = width(asked.cash_weight, case.policy) if asked else ZERO
    return Task(asked, value, each.change, smallest, idle, case.purpose.kind in ONE_WAY)


def _idles(case: Case, component: Component, sleeve: Sleeve) -> bool:
    """True where the sleeve's idle cash is to be invested (SLEEVE-3)."""
    if sleeve.cash <= 0 or component.goes_to_zero:
        return False
    return (
        idle_cash(sleeve, component.value, case.snapshot.models[component.ref], case.allowed, case.policy) is not None
    )


def strays(case: Case, sleeve: Sleeve) -> list[str] | None:
    """The holdings for which a signal trades this sleeve, or all of its model's; None where it is not its sleeve."""
    model_id = case.purpose.model_id
    if model_id is None or sleeve.key != model_key(model_id) or sleeve.key not in case.valuation.sleeve_values:
        return None
    asked = case.aim(model_id)
    if signals.is_large(case.purpose.largest_change or ZERO, case.policy):
        return sorted(asked.weights.keys() | {holding.symbol for holding in sleeve.holdings})
    value = case.valuation.sleeve_values[sleeve.key]
    return signals.outside(sleeve, value, asked, case.snapshot.securities, case.policy)


def _must_leave(case: Case, sleeve: Sleeve) -> bool:
    """True where a full rebalance finds something in the sleeve that restrictions take out of it."""
    if case.purpose.kind != "full" or not case.allowed.takes_out:
        return False
    leaving = case.allowed.leaving - case.allowed.no_sell.keys()
    return not leaving.isdisjoint(case.valuation.holdings.get(sleeve.key, ()))


def _aim(case: Case, each: Destination, sleeve: Sleeve) -> Aim | None:
    """What the sleeve aims at; None where everything is sold, what it holds in proportion where a part of it is."""
    if not each.component.goes_to_zero:
        return case.aim(each.component.ref)
    values = case.valuation.holding_values.get(sleeve.key, {})
    total = sum(values.values(), ZERO)
    if case.purpose.kind == "full" or not total:
        return None
    return Aim({symbol: worth / total for symbol, worth in values.items()}, ZERO, {})


def sleeve_trades(case: Case, destined: Destined, filled: Mapping[str, SleeveTrades]) -> list[Trade]:
    """The trades of every model sleeve, each with what makes it."""
    found: list[Trade] = []
    components = {each.component.key: each.component for each in destined.destinations}
    for key, fill in filled.items():
        there, component = case.valuation.holdings.get(key, {}), components[key]
        opens = component.sleeve == "opening"
        for symbol, quantity in fill.quantities.items():
            sells = quantity < ZERO
            causes = ALONE[fill.sold_for[symbol]] if sells else fill.bought_for
            completes = sells and -quantity == there[symbol].quantity
            if completes and fill.sold_for[symbol] is Cause.DESTINATION and not component.goes_to_zero:
                # Of what it is to keep, dust that would bring no cent stays.
                completes = -quantity * case.snapshot.prices[symbol] >= HALF_A_CENT
            found.append(Trade(key, symbol, quantity, key, opens, completes, causes))
    return found


def managed_trades(case: Case, destined: Destined) -> list[Trade]:
    """What the managed sleeve trades for the components that it holds itself: their changes are whole steps already."""
    held = case.valuation.holdings[MANAGED]
    trades = []
    for each in destined.destinations:
        component = each.component
        if not each.change or component.kind == "model":
            continue
        symbol, security = component.ref, case.snapshot.securities[component.ref]
        owned = held[symbol].quantity if symbol in held else ZERO
        completes = each.change < 0 and (not each.value or each.value < CENT <= component.value)  # but for cents, all
        if completes:
            quantity = -owned
        else:
            quantity = (each.change / security.step).to_integral_value() * security.quantity_increment
        leaves = each.change < 0 and case.allowed.takes_out and case.allowed.leaves(symbol)
        causes = ALONE[Cause.RESTRICTED if leaves else Cause.DESTINATION]
        trades.append(Trade(MANAGED, symbol, quantity, component.key, False, completes, causes))
    return trades


def blocked(case: Case, destined: Destined, filled: Mapping[str, SleeveTrades]) -> Iterator[Blocked]:
    """What restrictions and wash sales keep from being traded, in the order of components."""
    allowed = case.allowed
    for each in destined.destinations:
        component, amounts = each.component, dict[str, Decimal]()
        if component.kind == "model":
            amounts = dict(filled[component.key].blocked) if component.key in filled else {}
            if each.blocked < 0:  # the sleeve shrinks less than its band asks, as it may not sell all that it would
                amounts |= {
                    symbol: amount
                    for symbol, amount in _would_sell(case, each).items()
                    if symbol in allowed.no_sell and not allowed.kept(symbol)
                }
            if case.liquidation:  # which asks for what is kept as well
                worth = case.valuation.holding_values.get(component.key, {})
                amounts |= {symbol: -amount for symbol, amount in worth.items() if symbol in allowed.no_sell}
        elif each.blocked and not (each.blocked < 0 and allowed.kept(component.ref) and not case.liquidation):
            amounts = {component.ref: each.blocked}
        sleeve = component.key if component.kind == "model" else MANAGED
        for symbol, amount in amounts.items():
            block = (allowed.no_buy if amount > 0 else allowed.no_sell).get(symbol)
            if block:
                yield Blocked(sleeve, symbol, amount, block)


def _would_sell(case: Case, each: Destination) -> dict[str, Decimal]:
    """What a sleeve would sell, below 0, to come down to its band if nothing kept it from it."""
    component = each.component
    worth = case.valuation.holding_values[component.key]
    if component.goes_to_zero:
        return {symbol: -amount for symbol, amount in worth.items()}
    asked = case.aim(component.ref)
    values = {symbol: worth.get(symbol, ZERO) for symbol in asked.weights}
    invested = (each.value + each.blocked) * (ONE - asked.cash_weight)
    return {symbol: -amount for symbol, amount in Levels(values, asked.weights, invested, False).amounts().items()}
