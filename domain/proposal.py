"""The proposal: from what may open to orders, again and again until nothing it counts on is missing.

Asked by `plan` only. One round: component values (`destination`, or `one_way`), holdings (`filling`, or `signals`),
crossing and orders (`orders`), the gain budget, cash (`settlement`). A round that finds an opening unaffordable, or a
sell that is not made, leads to another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain import gain_budget, lots, minimums, one_way, signals
from domain.components import Component
from domain.destination import Destined, destine, openings_to_reject
from domain.filling import SLEEVE_2, Fill, fill_sleeve
from domain.lines import DESTINATION_1, Destination
from domain.money import ZERO
from domain.orders import Netted, Trade, minimum_trade, net
from domain.policy import Mode, Policy
from domain.purpose import ONE_WAY, Purpose
from domain.record import record
from domain.restrictions import RESTRICT_1, Aim, Block, Limits, aim
from domain.rounding import buy_quantities, shares_to_sell
from domain.rules import Finding, Rule
from domain.settlement import Settled, settle
from domain.snapshot import MANAGED, Sleeve, Snapshot, model_key, security_key
from domain.targets import Band
from domain.valuation import Valuation

MAX_ROUNDS = 60
NO_LIMIT = Decimal("1e30")


@record
class Blocked:
    """A trade of one sleeve that is not made: its amount, above 0 a buy and below 0 a sell, and why."""

    sleeve: str
    symbol: str
    amount: Decimal
    block: Block


@dataclass(slots=True)
class Proposal:
    """A plan on its way: what was decided, and what it does to the books."""

    destined: Destined
    netted: Netted
    after: Settled
    fills: Mapping[str, Fill]  # by model sleeve
    rejected: dict[str, Finding] = field(default_factory=dict)
    blocked: tuple[Blocked, ...] = ()


@record
class Case:
    """One account's case: what is known and what is asked, the same in every round."""

    snapshot: Snapshot
    valuation: Valuation
    known: Sequence[Component]
    policy: Policy
    mode: Mode
    purpose: Purpose
    allowed: Limits

    @property
    def smallest(self) -> Decimal:
        """The smallest order worth making (ORDER-3)."""
        return minimum_trade(self.valuation.managed_value, self.policy)


def propose(case: Case) -> Proposal:
    """Component values, sleeves' holdings, orders; again where a model can't open after all or a sell is not made.

    Every round rejects an opening or finds more that is not raised, so that buys only shrink: it ends. A buy that is
    cut crosses less, so which sells are too small is found anew in each.
    """
    models = case.snapshot.models
    rejected: dict[str, Finding] = {}
    if case.purpose.kind in {"full", "invest_cash"}:
        decisions = minimums.check(case.known, models, case.valuation.managed_value)
        rejected = {each.component: each.finding for each in decisions if each.finding}
    not_raised = ZERO
    for turn in range(MAX_ROUNDS):
        destined = _destined(case, rejected, not_raised)
        unaffordable = openings_to_reject(destined, models)
        if unaffordable:
            component, left = unaffordable
            rejected[component.key] = minimums.rejection_for_cash(component, models[component.ref], left)
            continue
        proposal = _trade(case, destined, not_raised)
        proposal.rejected = rejected
        missing = proposal.after.unpaid + _not_raised(proposal.netted, case) + _overdrawn(proposal.after, case)
        if missing <= not_raised:
            return proposal
        not_raised = max(not_raised, missing) if turn < MAX_ROUNDS - 2 else NO_LIMIT
    return proposal


def _destined(case: Case, rejected: Iterable[str], not_raised: Decimal) -> Destined:
    managed_value = case.valuation.managed_value
    if case.purpose.kind in ONE_WAY:
        return one_way.destine(case.known, rejected, managed_value, case.mode, case.purpose)
    if case.purpose.kind == "signal":
        still = tuple(Destination(component, ZERO, DESTINATION_1) for component in case.known[:-1])
        return Destined(still, case.valuation.cash, Band(ZERO, ZERO), ZERO)
    return destine(case.known, rejected, managed_value, case.mode, not_raised)


def _not_raised(netted: Netted, case: Case) -> Decimal:
    """What sleeves do not get because their own sells were too small or beyond the gain budget.

    The managed sleeve's count here; model sleeves' show as unpaid, but for a signal's, which pays nothing to anybody.
    """
    return sum(
        (
            -trade.quantity * case.snapshot.price(order.symbol)
            for order in (*netted.skipped, *netted.cut)
            for trade in order.allocations
            if order.is_sell and (trade.sleeve == MANAGED or (case.purpose.kind == "signal" and order in netted.cut))
        ),
        ZERO,
    )


def _overdrawn(after: Settled, case: Case) -> Decimal:
    """By how much the account's cash, all sleeves together, would end below zero, or below the overdraft it had.

    Only where a sleeve is overdrawn: what another spends may be what covers it (ORDER-3).
    """
    before = case.valuation.sleeve_cash.values()
    if all(cash >= 0 for cash in before):
        return ZERO
    return max(ZERO, min(ZERO, sum(before, ZERO)) - sum(after.cash.values(), ZERO))


def _trade(case: Case, destined: Destined, not_raised: Decimal) -> Proposal:
    """Fills sleeves, crosses, nets and settles; cash left over buys single increments before (ORDER-1)."""
    market, account, smallest = case.snapshot.securities, case.snapshot.account, case.smallest
    fills = dict(_fills(case, destined, not_raised))
    trades = [*_sleeve_trades(case, destined, fills), *_managed_sells(case, destined)]
    goals = {
        each.component.ref: each.change
        for each in destined.destinations
        if each.component.kind == "security" and each.change > 0
    }
    if goals:
        floor = buy_quantities(goals, market, -NO_LIMIT)
        first = net([*trades, *_managed_buys(floor)], market, smallest, ZERO)
        cash = settle(account, first.orders, first.crossings, destined.destinations).cash[MANAGED]
        spare = cash - case.valuation.reserved - max(ZERO, destined.cash_band.lower)
        spare -= sum((goals[symbol] - floor[symbol] * case.snapshot.price(symbol) for symbol in goals), ZERO)
        trades += _managed_buys(buy_quantities(goals, market, spare))
    netted = net(trades, market, smallest, smallest)
    budget = gain_budget.budget_of(case.snapshot)
    if budget is not None:
        netted = gain_budget.cut_back(netted, budget, _relief(case), market, smallest, case.policy)
    after = settle(account, netted.orders, netted.crossings, destined.destinations)
    return Proposal(destined, netted, after, fills, blocked=tuple(_blocked(case, destined, fills)))


def _fills(case: Case, destined: Destined, not_raised: Decimal) -> Iterator[tuple[str, Fill]]:
    """What every model sleeve that has to trade does (SLEEVE-2, SLEEVE-3, SLEEVE-4; SIGNAL-2)."""
    sleeves = {sleeve.key: sleeve for sleeve in case.snapshot.account.model_sleeves}
    market = case.snapshot.securities
    for each in destined.destinations:
        component = each.component
        if component.kind != "model":
            continue
        sleeve = sleeves.get(component.key) or Sleeve(component.key, ZERO, ())
        if case.purpose.kind == "signal":
            if strays(case, sleeve):
                asked = aim(case.snapshot.models[component.ref], case.allowed)
                yield (
                    component.key,
                    signals.fill_sleeve(
                        sleeve, asked, component.value, market, case.smallest, case.allowed, not_raised
                    ),
                )
            continue
        if each.change == 0 and component.sleeve != "closing" and not _must_leave(case, sleeve):
            continue
        smallest = ZERO if component.sleeve == "opening" else case.smallest
        wanted = _aim(case, each, sleeve)
        yield (
            component.key,
            fill_sleeve(sleeve, wanted, component.value, each.change, market, smallest, case.allowed),
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
    if case.purpose.kind != "full" or not (case.allowed.excluded or case.allowed.substitutes):
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
    if each.value <= 0 or not total:
        return None
    return Aim({symbol: worth / total for symbol, worth in values.items()}, ZERO, {})


def _sleeve_trades(case: Case, destined: Destined, fills: Mapping[str, Fill]) -> list[Trade]:
    trades: list[Trade] = []
    held = {sleeve.key: {each.symbol: each.quantity for each in sleeve.holdings} for sleeve in _sleeves(case, fills)}
    destinations = {each.component.key: each for each in destined.destinations}
    restricting = bool(case.allowed.excluded or case.allowed.substitutes)
    for key, filled in fills.items():
        there, each = held.get(key, {}), destinations[key]
        opens = each.component.sleeve == "opening"
        own: Rule | None = None
        if not each.change and each.component.sleeve != "closing":  # a signal, or what restrictions take out
            own = signals.SIGNAL_2 if case.purpose.kind == "signal" else RESTRICT_1
        for symbol, quantity in filled.quantities.items():
            rule = case.allowed.rule_of(symbol) if restricting and case.allowed.leaves(symbol) else own
            if rule is None and quantity * each.change < 0:  # what its model dropped, or restrictions bring back in
                rule = SLEEVE_2 if quantity < 0 else RESTRICT_1
            trades.append(Trade(key, symbol, quantity, key, opens, -quantity == there.get(symbol), rule))
    return trades


def _sleeves(case: Case, fills: Mapping[str, Fill]) -> Iterator[Sleeve]:
    return (sleeve for sleeve in case.snapshot.account.model_sleeves if sleeve.key in fills)


def _managed_buys(bought: Mapping[str, Decimal]) -> list[Trade]:
    return [Trade(MANAGED, symbol, quantity, security_key(symbol)) for symbol, quantity in bought.items() if quantity]


def _managed_sells(case: Case, destined: Destined) -> list[Trade]:
    """What the managed sleeve sells: rounded up to the increment, so that the component lands inside its band."""
    held = {holding.symbol: holding.quantity for holding in case.snapshot.account.managed.holdings}
    trades = []
    for each in destined.destinations:
        component = each.component
        if not each.change or component.kind == "model" or component.ref not in held:
            continue
        whole, security = held[component.ref], case.snapshot.securities[component.ref]
        quantity = whole if each.value == 0 else shares_to_sell(-each.change, whole, security)
        if quantity:
            left = case.allowed.leaves(component.ref)
            rule = case.allowed.rule_of(component.ref) if left else None
            trades.append(Trade(MANAGED, component.ref, -quantity, component.key, False, quantity == whole, rule))
    return trades


def _blocked(case: Case, destined: Destined, fills: Mapping[str, Fill]) -> Iterator[Blocked]:
    """What restrictions and wash sales keep from being traded, in the order of components."""
    allowed = case.allowed
    for each in destined.destinations:
        component = each.component
        block = component.no_buy if each.blocked > 0 else component.no_sell
        if each.blocked and block is not None and not (each.blocked < 0 and allowed.kept(component.ref)):
            yield Blocked(MANAGED, component.ref, each.blocked, block)
    for key, filled in fills.items():
        for symbol, amount in filled.blocked.items():
            yield Blocked(key, symbol, amount, (allowed.no_buy if amount > 0 else allowed.no_sell)[symbol])


def _relief(case: Case) -> gain_budget.Relieve:
    """Which lots a sell to the market gives up."""
    account, snapshot = case.snapshot.account, case.snapshot
    held = {(sleeve.key, holding.symbol): holding.lots for sleeve in account.sleeves for holding in sleeve.holdings}
    method = lots.method_of(account)

    def relieve(trade: Trade) -> Sequence[lots.RelievedLot]:
        price = snapshot.price(trade.symbol)
        given, _ = lots.relieve(
            held[trade.sleeve, trade.symbol], -trade.quantity, price, snapshot.as_of, method, case.policy
        )
        return given

    return relieve
