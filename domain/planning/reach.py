"""Reach: every component but cash as a line, with how far trades can take it.

Asked by `proposal` at the start of each turn. Restrictions, what a sleeve can't sell and what earlier turns found not
to trade bound it; `lines` keeps to these bounds.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from domain.planning.case import Case
from domain.planning.lines import UNBOUNDED, Line, Reach, line
from domain.planning.spreading import Held
from domain.targets.components import Component
from domain.values.money import CENT, HALF_A_CENT, ZERO
from domain.values.snapshot import MANAGED, Holding

NOWHERE = Reach(most=ZERO)
NO_HOLDINGS: Mapping[str, Holding] = {}
BackBy = dict[str, Held]  # by sleeve: what was found not to trade, or only in part


def lines_of(case: Case, rejected: frozenset[str], back: BackBy) -> tuple[list[Line], frozenset[str]]:
    """Every component but cash with how far it can move; the keys of what can't open as nothing of it is buyable."""
    market, smallest, managed_value = case.snapshot.securities, case.too_small, case.valuation.managed_value
    lines, shut, free = [], set[str](), not case.allowed.no_buy
    for component in case.known[:-1]:
        kind, value = component.kind, component.value
        if kind == "model":
            value -= min(ZERO, case.valuation.sleeve_cash.get(component.key, ZERO))
            reach = (
                NOWHERE  # a weight of nothing opens no sleeve, whatever its bands are
                if component.sleeve is None
                else _any_cent(len(case.valuation.holdings.get(component.key, NO_HOLDINGS)))
                if free and not component.stays and component.key not in back
                else _sleeves_reach(case, component, value, back.get(component.key))
            )
            if component.sleeve == "opening" and reach.most <= value:
                shut.add(component.key)
        else:
            security = market[component.ref]
            if security.price is None:  # of no weight and not held, else it would have been refused (CHECK-1)
                lines.append(line(component, managed_value, case.mode, rejected, Reach(most=ZERO), value))
                continue
            reach = _directs_reach(component, security.step, smallest, back.get(MANAGED), case)
        lines.append(line(component, managed_value, case.mode, rejected | shut, reach, value))
    return lines, frozenset(shut)


def unfunded(case: Case, lines: Iterable[Line]) -> dict[str, Decimal]:
    """What open sleeves lack to their weights though nothing of their models may be bought, in amounts, by key: it
    stays in the account's cash and counts there (RESTRICT-1).
    """
    if not case.allowed.no_buy:
        return {}
    found = {}
    for each in lines:
        component = each.component
        if component.sleeve == "open" and not component.goes_to_zero and each.wanted > each.value:
            weights = case.aim(component.ref).weights
            if weights.keys() <= case.allowed.no_buy.keys():
                found[component.key] = each.wanted - each.value
    return found


def _directs_reach(component: Component, step: Decimal, smallest: Decimal, back: Held | None, case: Case) -> Reach:
    value, symbol = component.value, component.ref
    least = value if component.no_sell else ZERO
    most = value if component.no_buy else UNBOUNDED
    if back is not None:
        price = case.snapshot.securities[symbol].priced
        if symbol in back.sold:
            least = max(least, value - back.sold[symbol] * price)
        if symbol in back.bought:
            most = min(most, value + back.bought[symbol] * price)
    return Reach(step, smallest, least, most)


def _sleeves_reach(case: Case, component: Component, value: Decimal, back: Held | None) -> Reach:
    """A sleeve keeps what it can't sell, and grows only where something of its model may be bought."""
    no_buy = case.allowed.no_buy
    buyable = component.goes_to_zero or not case.aim(component.ref).weights.keys() <= no_buy.keys()
    holdings = case.valuation.holdings.get(component.key, NO_HOLDINGS)
    if back is None and buyable and not component.stays:
        return _any_cent(len(holdings))  # as nearly always
    prices, least, most = case.snapshot.prices, component.stays, UNBOUNDED
    if back is not None:
        for symbol, sold in back.sold.items():
            if symbol in holdings and symbol not in case.allowed.no_sell:
                least += (holdings[symbol].quantity - sold) * prices[symbol]
    if not component.goes_to_zero:
        bought = back.bought if back is not None else {}
        weights = case.aim(component.ref).weights
        if all(symbol in no_buy or symbol in bought for symbol in weights):
            most = value + sum([bought[s] * prices[s] for s in bought if s not in no_buy], ZERO)
    return Reach(least=min(least, max(value, ZERO)), most=most, cents=_any_cent(len(holdings)).cents)


@lru_cache(maxsize=256)
def _any_cent(holdings: int) -> Reach:
    """A sleeve that nothing holds back: half a cent of each holding's order and of its funding are no distance."""
    return Reach(cents=max(CENT, HALF_A_CENT * (1 + holdings)))
