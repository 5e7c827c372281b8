"""Lines: the components of a plan on their way to a destination, in steps that can really be traded.

A security that is held directly moves in whole increments, a model's sleeve by any cent, as far as its reach lets it.
Made by `reach`, moved by `moves`, and what becomes of them is a destination.
"""

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.targets.components import Component
from domain.targets.targets import Band
from domain.values.money import CENT, ZERO, down_to_cent, up_to_cent
from domain.values.policy import Mode
from domain.values.record import record
from domain.values.rules import Rule

DESTINATION_1 = Rule(
    "DESTINATION-1", "Inside its destination band a component is left alone; outside, it goes to the nearest edge."
)
DESTINATION_2 = Rule(
    "DESTINATION-2", "Cash ends inside its own destination band: for that, components are sold or bought further."
)
DESTINATION_5 = Rule(
    "DESTINATION-5",
    "Whole shares bring cash into its band too: no step leaves its component as far from its own band as it was.",
)

UNBOUNDED = Decimal("Infinity")
Part = tuple[Rule, Decimal]  # a rule, and what it moved: bought above 0, sold below


@record
class Destination:
    """Where one component goes. `change` is in the account's currency: bought where above 0, sold where below.

    `made_whole` is what the managed sleeve pays first, as the component's sleeve is overdrawn (SLEEVE-3).
    """

    component: Component
    change: Decimal
    parts: tuple[Part, ...] = ()
    blocked: Decimal = ZERO  # of the change that its band asks for, what a restriction does not let happen
    made_whole: Decimal = ZERO

    @property
    def value(self) -> Decimal:
        """The component's value afterwards, before the shares in a sleeve are rounded."""
        return self.component.value + self.made_whole + self.change

    @property
    def funding(self) -> Decimal:
        """What a sleeve receives from the managed one, below 0 what it pays (SLEEVE-1)."""
        return self.made_whole + self.change

    @property
    def rule(self) -> Rule:
        """The rule that moved it last: cash closes what its band began."""
        return self.parts[-1][0] if self.parts else DESTINATION_1


def destination_band(component: Component, mode: Mode) -> Band:
    """The weights between which a rebalance in this mode must land the component."""
    if mode == "exact":
        return Band(component.weight, component.weight)
    return component.precision if mode == "best_fit" else component.threshold


@record
class Reach:
    """How far one component can move: `least` and `most` are the values between which trades can take it.

    `step` is the price of one increment, None for a sleeve; `smallest` is what an order of it must come to (ORDER-3).
    `cents` is how far outside its band the cents of a plan's orders may have left a sleeve: nothing trades for that.
    """

    step: Decimal | None = None
    smallest: Decimal = ZERO
    least: Decimal = ZERO
    most: Decimal = UNBOUNDED
    cents: Decimal = CENT


@dataclass(slots=True)
class Line:
    """One component on its way: its bands in amounts, how far it can move, where it is planned and by which rules."""

    component: Component
    value: Decimal  # before; made whole where its sleeve is overdrawn
    wanted: Decimal  # weight × managed value
    lower: Decimal  # the destination band
    upper: Decimal
    low: Decimal  # the threshold
    high: Decimal
    reach: Reach
    planned: Decimal
    parts: list[Part] = field(default_factory=list)
    blocked: Decimal = ZERO

    @property
    def above(self) -> Decimal:
        """How far above its weight it is planned, relative to that weight; what has no weight counts as furthest."""
        if not self.wanted:
            return UNBOUNDED if self.planned > ZERO else ZERO
        return (self.planned - self.wanted) / self.wanted

    @property
    def buy(self) -> Decimal:
        """What is bought, below 0 what is sold."""
        return self.planned - self.value

    @property
    def opens(self) -> bool:
        """True for a sleeve that opens: it is funded at its weight or not at all."""
        return self.component.sleeve == "opening"

    def again(self, reach: Reach) -> "Line":
        """The same line where it is planned, free to move on by itself as far as another reach lets it."""
        return Line(
            self.component,
            self.value,
            self.wanted,
            self.lower,
            self.upper,
            self.low,
            self.high,
            reach,
            self.planned,
            list(self.parts),
            self.blocked,
        )

    def moved_by(self, rule: Rule) -> Decimal:
        """What a rule moved of it, 0 where it did nothing."""
        return sum([moved for other, moved in self.parts if other is rule], ZERO)

    def move(self, amount: Decimal, rule: Rule) -> None:
        """Plans so much more of it, below 0 less, by a rule."""
        self.planned += amount
        for at, (other, moved) in enumerate(self.parts):
            if other is rule:
                self.parts[at] = rule, moved + amount
                if not self.parts[at][1]:
                    del self.parts[at]
                return
        self.parts.append((rule, amount))

    def whole(self, amount: Decimal, rounding: str) -> Decimal:
        """The amount in whole steps, rounded up or down."""
        step = self.reach.step
        if step is None:
            return up_to_cent(amount) if rounding == ROUND_CEILING else down_to_cent(amount)
        return (amount / step).to_integral_value(rounding) * step

    def salable(self, edge: Decimal) -> Decimal:
        """What can be sold of it down to an edge, in whole steps; all of it where that is what the edge asks."""
        to = max(edge, self.reach.least)
        room = self.planned - to
        if room <= 0:
            return ZERO
        return room if to == 0 else self.whole(room, ROUND_FLOOR)

    def buyable(self, edge: Decimal) -> Decimal:
        """What can be bought of it up to an edge, in whole steps."""
        room = min(edge, self.reach.most) - self.planned
        return ZERO if room <= 0 else self.whole(room, ROUND_FLOOR)

    def ordered(self, amount: Decimal) -> bool:
        """True where moving it by so much leaves an order large enough, none, or the sale of all of it (ORDER-3)."""
        after = self.planned + amount
        change = abs(after - self.value)
        return not change or change >= self.reach.smallest or not after

    def note_blocked(self, asked: Decimal) -> None:
        """Notes what closing the plan would have bought (above 0) or sold of it, and a restriction forbids."""
        component = self.component
        if self.blocked or not (component.no_buy if asked > 0 else component.no_sell):
            return
        room = self.upper - self.planned if asked > 0 else self.planned - self.lower
        if room > 0:
            self.blocked = min(asked, room) if asked > 0 else -min(-asked, room)


def line(
    component: Component, managed_value: Decimal, mode: Mode, kept_out: frozenset[str], reach: Reach, value: Decimal
) -> Line:
    """The component where it is, with the bands that it must land in; what goes to zero, or can't open, has none."""
    band, threshold = destination_band(component, mode), component.threshold
    wanted = component.weight * managed_value
    if component.key in kept_out or component.goes_to_zero:
        return Line(component, value, ZERO, ZERO, ZERO, ZERO, ZERO, reach, value)
    lower, upper = band.lower * managed_value, band.upper * managed_value
    low, high = threshold.lower * managed_value, threshold.upper * managed_value
    return Line(component, value, wanted, lower, upper, low, high, reach, value)
