"""Scenarios: how unkind the paper venue is, order by order. For trying out what a real venue may do on a bad day.

The first line that matches an order, or a block, says what becomes of it; what none matches is filled whole at its
price.
What happens by chance is decided by the seed and the order's ID (the epoch aside, so that a seed means the same in
every installation), and a repeated order meets the same fate.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.values.money import ZERO, to_cent
from venues.port import VenueOrder

Share = Annotated[Decimal, Field(ge=0, le=2)]
Line = Annotated[str, Field(min_length=1, max_length=200)]


class ScenarioRefused(ValueError):
    """A scenario that can't be used: every problem, each with its place in the file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Costs(_Given):
    """What a fill costs besides its price (ALLOC-5): so much a fill, so much a share, such a share of the amount."""

    a_fill: Annotated[Decimal, Field(ge=0, le=1000)] = ZERO
    a_share: Annotated[Decimal, Field(ge=0, le=10)] = ZERO
    of_amount: Annotated[Decimal, Field(ge=0, le=1)] = ZERO

    def of(self, quantity: Decimal, amount: Decimal) -> Decimal:
        """What a fill costs, to the cent; nothing without one."""
        return to_cent(self.a_fill + quantity * self.a_share + amount * self.of_amount) if quantity else ZERO


FREE = Costs()


class Treatment(_Given):
    """One line: which orders (all that is given must match), and what becomes of them.

    `price` multiplies the order's own. With `fill` the rest is cancelled at once, or, with `cancel_at_close`, then;
    above 1 more is filled than was ordered. `late` are the seconds until it fills, `costs` what that costs.
    """

    account: Line | None = None
    symbol: Line | None = None
    side: Literal["sell", "buy"] | None = None
    chance: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)
    fill: Share | None = None
    price: Annotated[Decimal, Field(gt=0, le=10)] = Decimal(1)
    reject: Line | None = None
    never_fills: bool = False
    cancel_at_close: bool = False
    late: Annotated[int, Field(ge=1, le=86_400)] | None = None
    costs: Costs = FREE
    twice: bool = False
    lose_connection: Literal["before_accepting", "after_accepting"] | None = None
    times: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _one_end(self) -> "Treatment":
        filled = self.fill is not None or self.price != 1 or self.late is not None or self.costs != FREE
        ends = {"reject": self.reject is not None, "never_fills": self.never_fills}
        named = [name for name, given in ends.items() if given]
        if len(named) > 1 or (named and (filled or self.cancel_at_close)):
            raise ValueError(
                f"{named[0]} goes with no other fate: leave out fill, price, late, costs and cancel_at_close"
            )
        if self.times != 1 and not self.lose_connection:
            raise ValueError("times belongs to lose_connection")
        return self

    @property
    def waits(self) -> bool:
        """True where the order is open for a while."""
        return self.never_fills or self.cancel_at_close or self.late is not None

    def part(self, quantity: Decimal) -> Decimal:
        """How much of an order is filled: of a part, whole shares where it is more than one, else as it comes."""
        if self.fill is None:
            return quantity
        part = quantity * self.fill
        return part // 1 if part > 1 else part

    def matches(self, order: VenueOrder, seed: int, line: int) -> bool:
        """True where the line is about this order."""
        given = ((self.account, order.account_id), (self.symbol, order.symbol), (self.side, order.side))
        if any(wanted is not None and wanted != found for wanted, found in given):
            return False
        return self.chance == 1 or _fraction(f"{seed}/{line}/{_number(order)}") < self.chance


class BlockFill(_Given):
    """A part of a block's child: on its first, second, … day, so many shares, or such a share of it, at a price."""

    day: Annotated[int, Field(ge=1, le=1000)] = 1
    quantity: Annotated[Decimal, Field(gt=0)] | None = None
    share: Annotated[Decimal, Field(gt=0, le=1)] | None = None
    price: Annotated[Decimal, Field(gt=0)] | None = None  # the limit, where it is not given
    late: Annotated[int, Field(ge=0, le=86_400)] = 0

    @model_validator(mode="after")
    def _one_size(self) -> "BlockFill":
        if (self.quantity is None) == (self.share is None):
            raise ValueError("a fill needs quantity or share, one of them")
        return self


class BlockTreatment(_Given):
    """One line: which blocks, and what becomes of them. Without a fate they fill whole at their limit.

    `dies` are the seconds after which the venue cancels what is open; `reduce` is what it makes of an account's
    leaving; the custodian takes no allocation of the accounts in `refuse`. `costs` are those of each fill.
    """

    symbol: Line | None = None
    side: Literal["sell", "buy"] | None = None
    chance: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)
    fills: tuple[BlockFill, ...] = ()
    reject: Line | None = None
    never_fills: bool = False
    dies: Annotated[int, Field(ge=0, le=86_400)] | None = None
    reduce: Literal["confirmed", "in_part", "refused"] = "confirmed"
    refuse: tuple[Line, ...] = ()
    costs: Costs = FREE
    twice: bool = False
    lose_connection: Literal["before_accepting", "after_accepting"] | None = None
    times: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _one_end(self) -> "BlockTreatment":
        if self.reject is not None and (self.fills or self.never_fills or self.dies is not None):
            raise ValueError("reject goes with no other fate: leave out fills, never_fills and dies")
        if self.never_fills and self.fills:
            raise ValueError("never_fills goes with no fills")
        if (self.reject is not None or self.never_fills) and self.costs != FREE:
            raise ValueError("costs belong to what fills")
        if self.times != 1 and not self.lose_connection:
            raise ValueError("times belongs to lose_connection")
        return self

    def matches(self, order: VenueOrder, seed: int, line: int) -> bool:
        """True where the line is about this block: all its children meet the same fate."""
        given = ((self.symbol, order.symbol), (self.side, order.side))
        if any(wanted is not None and wanted != found for wanted, found in given):
            return False
        return self.chance == 1 or _fraction(f"{seed}/blocks/{line}/{order.account_id}") < self.chance


class Scenario(_Given):
    """A whole scenario. `close` is when the venue closes; without it, the exchange's next close after each order."""

    seed: int = 0
    close: datetime | None = None
    orders: tuple[Treatment, ...] = Field(min_length=1)
    blocks: tuple[BlockTreatment, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _blocks_alone(cls, given: Any) -> Any:
        """Where blocks have lines, orders need none: they fill whole."""
        if isinstance(given, dict) and given.get("blocks") and not given.get("orders"):
            return {**given, "orders": (KIND,)}
        return given

    @model_validator(mode="after")
    def _close_in_a_zone(self) -> "Scenario":
        if self.close is not None and self.close.tzinfo is None:
            raise ValueError("close needs its time zone, like 2026-11-20T21:00:00Z")
        return self

    def treatment(self, order: VenueOrder) -> Treatment:
        """What becomes of an order."""
        for line, each in enumerate(self.orders):
            if each.matches(order, self.seed, line):
                return each
        return KIND

    def block_treatment(self, order: VenueOrder) -> BlockTreatment:
        """What becomes of a block."""
        for line, each in enumerate(self.blocks):
            if each.matches(order, self.seed, line):
                return each
        return KIND_TO_BLOCKS


KIND = Treatment()
KIND_TO_BLOCKS = BlockTreatment()


def read(raw: Any, accounts: Collection[str], symbols: Collection[str]) -> Scenario:
    """A scenario from a file's raw values. Raises ScenarioRefused with all problems, unknown names among them."""
    if not isinstance(raw, dict):
        raise ScenarioRefused(["the file is not an object with seed, close and orders"])
    try:
        scenario = Scenario.model_validate(raw)
    except ValidationError as flaw:
        raise ScenarioRefused([_told(each) for each in flaw.errors(include_url=False)]) from flaw
    problems = []
    for at, each in enumerate(scenario.orders):
        if each.account is not None and each.account not in accounts:
            problems.append(f'orders[{at}].account: the paper custodian has no account "{each.account}"')
        if each.symbol is not None and each.symbol not in symbols:
            problems.append(f'orders[{at}].symbol: unknown symbol "{each.symbol}"')
    for at, line in enumerate(scenario.blocks):
        if line.symbol is not None and line.symbol not in symbols:
            problems.append(f'blocks[{at}].symbol: unknown symbol "{line.symbol}"')
        unknown = [each for each in line.refuse if each not in accounts]
        problems += [f'blocks[{at}].refuse: the paper custodian has no account "{each}"' for each in unknown]
    if problems:
        raise ScenarioRefused(problems)
    return scenario


def _told(flaw: Any) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in flaw["loc"]).lstrip(".")
    said = {"missing": "is missing", "extra_forbidden": "is no key of a scenario"}.get(flaw["type"], flaw["msg"])
    return f"{place}: {said.removeprefix('Value error, ')}" if place else said.removeprefix("Value error, ")


def _number(order: VenueOrder) -> str:
    """The rebalance and the leg of an order's ID."""
    return "R-" + order.client_order_id.rpartition("R-")[2]


def _fraction(text: str) -> Decimal:
    """A number from 0 to 1 that the text alone decides."""
    return Decimal(int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])) / Decimal(1 << 48)
