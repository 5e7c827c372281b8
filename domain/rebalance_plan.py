"""The plan as a value: what is shown, kept, executed and recomputed. `plan_json` gives it its public form."""

from collections.abc import Callable
from dataclasses import field
from datetime import date
from decimal import Decimal, localcontext
from typing import Literal, Protocol

from domain.targets.components import Breach
from domain.targets.sleeves import SleeveState
from domain.targets.targets import Band
from domain.tax.lots import Gain, RelievedLot, gain
from domain.tax.tax_year import PlanTax
from domain.values.money import EXACT, ZERO
from domain.values.outcome import Status
from domain.values.policy import Mode, Policy
from domain.values.purpose import Purpose
from domain.values.record import record
from domain.values.rules import Finding, Noted
from domain.values.snapshot import Lot

Side = Literal["sell", "buy"]
Sentence = Callable[[], str]  # words are made when somebody reads them: an evaluation plans a million accounts unread


@record
class ComponentOutcome:
    """One component before and after: values in the account's currency, weights as shares of managed value."""

    component: str
    weight: Decimal
    threshold: Band
    precision: Band
    current_value: Decimal
    breach: Breach | None
    sleeve: SleeveState | None
    outcome: Literal["accepted", "rejected"]
    planned_value: Decimal
    share: Callable[[Decimal], Decimal] = field(repr=False, compare=False)  # of managed value, of an amount
    investment_minimum: Decimal | None = None  # of a sleeve that opens

    @property
    def current_weight(self) -> Decimal:
        """What it is of the account before the plan."""
        return self.share(self.current_value)

    @property
    def planned_weight(self) -> Decimal:
        """What it is of the account after the plan."""
        return self.share(self.planned_value)


@record
class Allocation:
    """A sleeve's share of an order."""

    sleeve: str
    quantity: Decimal


class Because(Protocol):
    """Why an order exists, found out when somebody reads it, from what decided it (ORDER-5)."""

    @property
    def rule(self) -> str:
        """The code of the rule behind it."""

    @property
    def reason(self) -> str:
        """Why it exists, in words with its numbers."""


@record
class Order:
    """What goes to the market for one security, and why (ORDER-5). Quantity and amount are above 0."""

    side: Side
    symbol: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    allocations: tuple[Allocation, ...]
    lots: tuple[RelievedLot, ...]
    because: Because = field(repr=False, compare=False)

    @property
    def gain(self) -> Gain:
        """What its lots gain, those whose cost is known."""
        with localcontext(EXACT):
            return gain(self.lots)

    @property
    def rule(self) -> str:
        """The rule behind the order, by its code."""
        return self.because.rule

    @property
    def reason(self) -> str:
        """Why the order exists, in words with its numbers (ORDER-5)."""
        return self.because.reason


@record
class Transfer:
    """What moves inside the account: cash where `symbol` is None, else shares with their lots, paid by the buyer."""

    source: str
    destination: str
    symbol: str | None
    quantity: Decimal | None
    amount: Decimal
    rule: str
    say: Sentence = field(repr=False, compare=False)
    lots: tuple[Lot, ...] = ()
    price: Decimal | None = None

    @property
    def reason(self) -> str:
        """Why it moves, in words."""
        return self.say()


@record
class SkippedTrade:
    """A trade that the plan wanted and does not make, and why."""

    side: Side
    symbol: str
    quantity: Decimal
    amount: Decimal
    rule: str
    say: Sentence = field(repr=False, compare=False)

    @property
    def reason(self) -> str:
        """Why it is not made, in words with its numbers."""
        return self.say()


@record
class RebalancePlan:
    """What a rebalance would do to one account. One that can't be planned has findings and nothing else."""

    account_id: str
    as_of: date
    mode: Mode
    policy: Policy
    purpose: Purpose
    liquidation: bool
    expected_status: Status
    noted: tuple[Finding | Noted, ...]
    managed_value: Decimal | None = None
    queue_reasons: tuple[str, ...] = ()
    components: tuple[ComponentOutcome, ...] = ()
    orders: tuple[Order, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    skipped: tuple[SkippedTrade, ...] = ()
    cash_before: Decimal = ZERO
    cash_after: Decimal = ZERO
    taxed: Callable[[], PlanTax | None] | None = field(default=None, repr=False, compare=False)

    @property
    def tax(self) -> PlanTax | None:
        """What the sells make of the account group's tax year, worked out when asked (TAX-1); None where untaxed."""
        return self.taxed() if self.taxed else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the plan has to say, in words."""
        return tuple([each.say() if isinstance(each, Noted) else each for each in self.noted])

    @property
    def can_be_planned(self) -> bool:
        """False where a check refused the account: there is no value, no component, no order."""
        return self.managed_value is not None

    @property
    def trades(self) -> bool:
        """True where there is anything to execute."""
        return bool(self.orders or self.transfers)

    @property
    def gain(self) -> Gain:
        """The estimated gain of all sells."""
        return sum((order.gain for order in self.orders), Gain())
