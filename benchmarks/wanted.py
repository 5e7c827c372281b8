"""What rounding starts from: the desired value of every position of a plan, and the cash that is there for it.

The planner's own desired values, so that whoever rounds is measured against the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from domain.plan import examine
from domain.planning.proposal import propose
from domain.rebalance_plan import RebalancePlan
from domain.tax import lots
from domain.values.money import EXACT
from domain.values.policy import DEFAULT_MODE, Policy
from domain.values.purpose import FULL
from domain.values.snapshot import Snapshot

Place = tuple[str, str]  # sleeve and symbol


@dataclass(frozen=True)
class Position:
    """One holding of one sleeve: shares before, price, and the value it should have; amounts."""

    place: Place
    held: float
    price: float
    desired: float


@dataclass(frozen=True)
class Wanted:
    """An account's positions, and what each sleeve has for them: holdings and cash, after its funding."""

    managed_value: float
    positions: tuple[Position, ...]
    budgets: Mapping[str, float]

    @property
    def total(self) -> float:
        """The desired values together."""
        return sum(each.desired for each in self.positions)

    def residual(self, quantities: Mapping[Place, float]) -> float:
        """The sum of |value − desired| in basis points of managed value; a position not named is left as it is."""
        off = sum(abs(quantities.get(each.place, each.held) * each.price - each.desired) for each in self.positions)
        return off / self.managed_value * 10_000

    def turnover(self, quantities: Mapping[Place, float]) -> float:
        """What is bought and sold on the market, as a share of managed value; what sleeves could cross is not."""
        prices = {each.place[1]: each.price for each in self.positions}
        traded = sum(abs(net) * prices[symbol] for symbol, net in self.net(quantities).items())
        return traded / self.managed_value

    def net(self, quantities: Mapping[Place, float]) -> dict[str, float]:
        """Shares bought (above 0) or sold of each security, all sleeves together."""
        found: dict[str, float] = {}
        for each in self.positions:
            moved = quantities.get(each.place, each.held) - each.held
            found[each.place[1]] = found.get(each.place[1], 0.0) + moved
        return found


def by_target(snapshot: Snapshot, found: Wanted) -> Wanted:
    """The same positions at the weights of target and models, without bands: what rounding alone would trade to."""
    weights: dict[Place, Decimal] = {}
    for component in snapshot.target.components if snapshot.target else ():
        if component.kind == "model" and component.ref is not None:
            for line in snapshot.models[component.ref].holdings:
                weights[component.key, line.symbol] = component.weight * line.weight
    positions = tuple(
        replace(each, desired=float(weights.get(each.place, 0)) * found.managed_value) for each in found.positions
    )
    return replace(found, positions=positions)


def wanted(snapshot: Snapshot, policy: Policy) -> Wanted:
    """The positions of an account's model sleeves with the values that its plan wants before it rounds.

    What the rules ask of each, restrictions and all (SLEEVE-2, SLEEVE-4); what they leave alone is to stay as it is.
    """
    with localcontext(EXACT):
        case = examine(snapshot, policy, DEFAULT_MODE, frozenset(), FULL)
        if isinstance(case, RebalancePlan):
            raise ValueError(f"{snapshot.account.id} can't be planned: {case.findings[0].message}")
        proposal = propose(case)
    funded = {each.sleeve: each.amount for each in proposal.after.fundings}
    positions, budgets = [], {}
    for sleeve in snapshot.account.model_sleeves:
        fill = proposal.fills.get(sleeve.key)
        moved = fill.wanted if fill else {}
        held = {holding.symbol: holding.quantity for holding in sleeve.holdings}
        for symbol in sorted(held.keys() | moved.keys()):
            price, quantity = snapshot.price(symbol), held.get(symbol, Decimal(0))
            desired = quantity * price + moved.get(symbol, 0)
            positions.append(Position((sleeve.key, symbol), float(quantity), float(price), float(desired)))
        budgets[sleeve.key] = float(case.valuation.sleeve_values[sleeve.key] + funded.get(sleeve.key, 0))
    return Wanted(float(case.valuation.managed_value), tuple(positions), budgets)


def fifo_tax(snapshot: Snapshot, wanted: Wanted, quantities: Mapping[Place, float], policy: Policy) -> float:
    """The tax on what is sold, oldest lots first: what a custodian does who is told quantities alone."""
    owed = Decimal(0)
    for symbol, net in wanted.net(quantities).items():
        if net < 0:
            held = [
                lot
                for sleeve in snapshot.account.sleeves
                for holding in sleeve.holdings
                if holding.symbol == symbol
                for lot in holding.lots
            ]
            price = snapshot.price(symbol)
            sold, _ = lots.relieve(held, Decimal(round(-net)), price, snapshot.as_of, "fifo", policy)
            owed += tax(lots.gain(sold), policy)
    return float(owed)


def tax(gain: lots.Gain, policy: Policy) -> Decimal:
    """What a net gain costs at the policy's rates; below zero for a loss, which saves as much."""
    return gain.short_term * policy.tax_rate_short + gain.long_term * policy.tax_rate_long


def planned_quantities(snapshot: Snapshot, made: RebalancePlan) -> dict[Place, float]:
    """Shares of every sleeve after the plan's orders and crossings."""
    after = {
        (sleeve.key, held.symbol): held.quantity for sleeve in snapshot.account.sleeves for held in sleeve.holdings
    }
    for order in made.orders:
        for part in order.allocations:
            place = part.sleeve, order.symbol
            after[place] = after.get(place, Decimal(0)) + (part.quantity if order.side == "buy" else -part.quantity)
    for each in made.transfers:
        if each.symbol is not None and each.quantity is not None:
            for sleeve, quantity in ((each.source, -each.quantity), (each.destination, each.quantity)):
                after[sleeve, each.symbol] = after.get((sleeve, each.symbol), Decimal(0)) + quantity
    return {place: float(quantity) for place, quantity in after.items()}
