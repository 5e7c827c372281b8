"""The proposal: from what may open to orders, again and again until nothing it counts on is missing.

Asked by `plan` only. One round: component values (`destination`), holdings (`filling`), crossing and orders
(`orders`), cash (`settlement`). A round that finds an opening unaffordable, or a sell too small, leads to another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain import minimums
from domain.components import Component
from domain.destination import Destined, destine, openings_to_reject
from domain.filling import buy_quantities, fill_sleeve, shares_to_sell
from domain.money import ZERO
from domain.orders import MarketOrder, Netted, Trade, minimum_trade, net
from domain.policy import Mode, Policy
from domain.rules import Finding
from domain.settlement import Settled, settle
from domain.snapshot import MANAGED, Sleeve, Snapshot, security_key
from domain.valuation import Valuation

MAX_ROUNDS = 60
NO_LIMIT = Decimal("1e30")


@dataclass(slots=True)
class Proposal:
    """A plan on its way: what was decided, and what it does to the books."""

    destined: Destined
    netted: Netted
    after: Settled
    rejected: dict[str, Finding] = field(default_factory=dict)
    given_up: dict[str, Mapping[str, Decimal]] = field(default_factory=dict)


def propose(
    snapshot: Snapshot, valuation: Valuation, known: Sequence[Component], policy: Policy, mode: Mode
) -> Proposal:
    """Component values, sleeves' holdings, orders; again where a model can't open after all or a sell is too small.

    Every round rejects an opening or finds more that is not raised, so that buys only shrink: it ends. A buy that is
    cut crosses less, so which sells are too small is found anew in each.
    """
    decisions = minimums.check(known, snapshot.models, valuation.managed_value)
    rejected = {each.component: each.finding for each in decisions if each.finding}
    not_raised = ZERO
    for turn in range(MAX_ROUNDS):
        destined = destine(known, rejected, valuation.managed_value, mode, not_raised)
        unaffordable = openings_to_reject(destined, snapshot.models)
        if unaffordable:
            component, left = unaffordable
            rejected[component.key] = minimums.rejection_for_cash(component, snapshot.models[component.ref], left)
            continue
        proposal = _trade(snapshot, valuation, destined, policy)
        proposal.rejected = rejected
        missing = proposal.after.unpaid + _managed_not_raised(proposal.netted.skipped, snapshot)
        if missing <= not_raised:
            return proposal
        not_raised = max(not_raised, missing) if turn < MAX_ROUNDS - 2 else NO_LIMIT
    return proposal


def _managed_not_raised(skipped: Iterable[MarketOrder], snapshot: Snapshot) -> Decimal:
    """What the managed sleeve does not get because its own sells were too small; model sleeves' show as unpaid."""
    return sum(
        (
            -trade.quantity * snapshot.price(order.symbol)
            for order in skipped
            for trade in order.allocations
            if order.is_sell and trade.sleeve == MANAGED
        ),
        ZERO,
    )


def _trade(snapshot: Snapshot, valuation: Valuation, destined: Destined, policy: Policy) -> Proposal:
    """Fills sleeves, crosses, nets and settles; then lets cash left over buy single increments (ORDER-1)."""
    minimum = minimum_trade(valuation.managed_value, policy)
    market, account = snapshot.securities, snapshot.account
    sleeve_trades, given_up = _sleeve_trades(snapshot, destined, minimum)
    goals = {
        each.component.ref: each.change
        for each in destined.destinations
        if each.component.kind == "security" and each.change > 0
    }
    sells = _managed_sells(snapshot, destined)

    def netted(bought: Mapping[str, Decimal], smallest_buy: Decimal) -> Netted:
        buys = [
            Trade(MANAGED, symbol, quantity, security_key(symbol)) for symbol, quantity in bought.items() if quantity
        ]
        return net([*sleeve_trades, *sells, *buys], market, minimum, smallest_buy)

    floor = buy_quantities(goals, market, -NO_LIMIT)
    first = netted(floor, ZERO)
    cash = settle(account, first.orders, first.crossings, destined.destinations, market).cash[MANAGED]
    spare = cash - valuation.reserved - max(ZERO, destined.cash_band.lower)
    shortfalls = sum((goals[symbol] - floor[symbol] * snapshot.price(symbol) for symbol in goals), ZERO)
    final = netted(buy_quantities(goals, market, spare - shortfalls), minimum)
    after = settle(account, final.orders, final.crossings, destined.destinations, market)
    return Proposal(destined, final, after, given_up=given_up)


def _sleeve_trades(
    snapshot: Snapshot, destined: Destined, minimum: Decimal
) -> tuple[list[Trade], dict[str, Mapping[str, Decimal]]]:
    """The trades inside model sleeves, and what they gave up as too small (SLEEVE-2, SLEEVE-3, SLEEVE-4)."""
    trades: list[Trade] = []
    given_up: dict[str, Mapping[str, Decimal]] = {}
    sleeves = {sleeve.key: sleeve for sleeve in snapshot.account.model_sleeves}
    for each in destined.destinations:
        component = each.component
        if component.kind != "model" or (each.change == 0 and component.sleeve != "closing"):
            continue
        opening = component.sleeve == "opening"
        sleeve = sleeves.get(component.key) or Sleeve(component.key, ZERO, ())
        held = {holding.symbol: holding.quantity for holding in sleeve.holdings}
        model = None if component.goes_to_zero else snapshot.models[component.ref]
        smallest = ZERO if opening else minimum
        filled = fill_sleeve(sleeve, model, component.value, each.change, snapshot.securities, smallest)
        if filled.given_up:
            given_up[component.key] = filled.given_up
        trades += [
            Trade(component.key, symbol, quantity, component.key, opening, -quantity == held.get(symbol))
            for symbol, quantity in filled.quantities.items()
        ]
    return trades, given_up


def _managed_sells(snapshot: Snapshot, destined: Destined) -> list[Trade]:
    """What the managed sleeve sells: rounded up to the increment, so that the component lands inside its band."""
    held = {holding.symbol: holding.quantity for holding in snapshot.account.managed.holdings}
    trades = []
    for each in destined.destinations:
        component = each.component
        if component.kind not in {"security", "unassigned"} or component.ref not in held:
            continue
        security = snapshot.securities[component.ref]
        quantity = (
            held[component.ref] if each.value == 0 else shares_to_sell(-each.change, held[component.ref], security)
        )
        if quantity:
            completes = quantity == held[component.ref]
            trades.append(Trade(MANAGED, component.ref, -quantity, component.key, completes=completes))
    return trades
