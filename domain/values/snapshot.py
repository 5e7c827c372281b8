"""What a decision is made from: one account, its target, the models, the prices, as they were at one moment.

A snapshot is taken once for a rebalance and kept; every step, every retry and every later audit reads it again.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from typing import Literal

from domain.values.keys import CASH, MANAGED, PROTECTED, model_key, security_key, unassigned_key
from domain.values.memo import remembered
from domain.values.money import ZERO
from domain.values.policy import Policy
from domain.values.record import record

__all__ = ["CASH", "MANAGED", "PROTECTED", "model_key", "security_key", "unassigned_key"]

ComponentKind = Literal["model", "security", "target", "cash"]
Day = date  # where a field is named `date`
TaxStatus = Literal["taxable", "exempt", "deferred", "roth"]  # the last two are exempt, and say which


@record
class Security:
    """Something with a symbol and a price. `price` is None where none is known; `price_as_of` is its date.

    One that is `worthless` has the price 0 on every day, and is never traded (CHECK-1). All securities of an
    `identical_group` are one security for wash sales (WASH-3).
    """

    symbol: str
    name: str
    price: Decimal | None
    price_as_of: date
    quantity_increment: Decimal = Decimal(1)
    type: str | None = None
    asset_class: str | None = None
    identical_group: str | None = None
    worthless: bool = False

    @property
    def priced(self) -> Decimal:
        """The price, which the checks have found present (CHECK-1). Raises LookupError where there is none."""
        if self.price is None:
            raise LookupError(f"{self.symbol} has no price: check the snapshot before valuing it (CHECK-1)")
        return self.price

    @property
    def step(self) -> Decimal:
        """What one increment is worth: the least amount that can be traded."""
        return self.priced * self.quantity_increment

    def worth(self, quantity: Decimal) -> Decimal:
        """What a quantity of it is worth, in the account's currency, not rounded."""
        return quantity * self.priced


@record
class ModelHolding:
    """A symbol and its share of the model."""

    symbol: str
    weight: Decimal


@record
class Model:
    """A manager's strategy. The weights of its holdings and its cash weight sum to one."""

    id: str
    name: str
    manager: str
    investment_minimum: Decimal
    version: int
    holdings: tuple[ModelHolding, ...]
    cash_weight: Decimal = ZERO


@record
class BandGiven:
    """A band as a target states it: a share of the component's weight, or absolute lower and upper weights."""

    relative: Decimal | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None


@record
class TargetComponent:
    """A line of a target. `ref` is the model's id, the symbol or the sub-target's id; None for cash."""

    kind: ComponentKind
    ref: str | None
    weight: Decimal
    threshold: BandGiven | None = None
    precision: BandGiven | None = None

    @property
    def key(self) -> str:
        """The component's name in plans and listings."""
        return CASH if self.kind == "cash" else f"{self.kind}:{self.ref}"


@record
class Target:
    """The desired allocation of an account, and its version: every edit is a new one."""

    id: str
    name: str
    components: tuple[TargetComponent, ...]
    version: int = 1
    policy: Mapping[str, object] = field(default_factory=dict)


@record
class Lot:
    """Shares bought together. Cost and date are None where the basis is unknown."""

    quantity: Decimal
    cost_per_share: Decimal | None = None
    acquired: date | None = None


@record
class Holding:
    """A quantity of a security in one sleeve, and the lots that make it up (quantities sum to the holding's)."""

    symbol: str
    quantity: Decimal
    lots: tuple[Lot, ...]


@record
class Sleeve:
    """A separately accounted part of an account. `key` is `managed` or `model:ID`."""

    key: str
    cash: Decimal
    holdings: tuple[Holding, ...]


@record
class Restriction:
    """A client's wish about one symbol, in force from `start` until `until` (open-ended where None)."""

    type: Literal["exclude", "substitute", "no_buy", "no_sell", "no_trade"]
    symbol: str
    start: date | None = None
    until: date | None = None
    to: Literal["pro_rata", "cash"] | None = None
    by: str | None = None
    hold: bool = False

    def in_force(self, day: date) -> bool:
        """True where the restriction binds on that day; both ends are included."""
        return (self.start is None or self.start <= day) and (self.until is None or day <= self.until)


@record
class Withdrawal:
    """Cash that the client takes out; pending until paid."""

    amount: Decimal
    due: date


@record
class RecentSale:
    """A sale already made, with the gain it realised (negative: a loss); of one lot where that is known.

    Cost a share and day of purchase are None where only the sale is known. `rebalance_id` is the rebalance of ours that
    sold; None where a book states the sale. `planned`: by a plan of the same pass, beside the one that is made.
    """

    symbol: str
    date: date
    quantity: Decimal
    gain: Decimal
    account_id: str = ""
    cost_per_share: Decimal | None = None
    acquired: Day | None = None
    rebalance_id: str | None = None
    planned: bool = False


@record
class RecentBuy:
    """Shares bought a short while ago in another account of the household, and held there."""

    symbol: str
    date: date
    quantity: Decimal
    account_id: str
    tax_status: TaxStatus = "taxable"
    cost_per_share: Decimal | None = None


@record
class Account:
    """A client's account at a custodian, as the books have it."""

    id: str
    name: str
    custodian: str
    tax_status: TaxStatus
    status: Literal["open", "frozen", "closed"]
    rebalancing: bool
    target_id: str | None
    managed: Sleeve
    model_sleeves: tuple[Sleeve, ...] = ()
    protected: tuple[Holding, ...] = ()
    first_rebalanced: date | None = None
    lot_relief: str | None = None
    gain_budget: Decimal | None = None
    restrictions: tuple[Restriction, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    recent_sales: tuple[RecentSale, ...] = ()
    policy: Mapping[str, object] = field(default_factory=dict)
    custodian_account: str | None = None  # its number at the custodian

    @property
    def sleeves(self) -> tuple[Sleeve, ...]:
        """The sleeves that are counted and traded: the managed one first, then the models'."""
        return (self.managed, *self.model_sleeves)

    @property
    def holds_securities(self) -> bool:
        """True where there is anything but cash that a liquidation would sell."""
        return any(sleeve.holdings for sleeve in self.sleeves)


@record
class RebalancedTo:
    """The target and its version that the account was last rebalanced to, and when it first was."""

    target_id: str | None
    version: int


@record
class Snapshot:
    """Everything a plan is made from. The mappings may hold more than the account needs.

    `fresh_from` is the oldest date that a price may have (QUEUE-3); whoever knows the exchange's calendar sets it.
    `open_breaks` are the ids of reconciliation breaks that nobody has resolved; `rebalanced_to` is None where the
    books do not know (a book file says only `first_rebalanced`). `household_sales` and `household_buys` are what the
    other accounts of the tax household sold (the taxable ones) and bought lately, orders under way included (WASH-1);
    `household_plans_buy` is what of the latter others' plans of the same pass buy.
    """

    as_of: date
    account: Account
    targets: Mapping[str, Target]
    models: Mapping[str, Model]
    securities: Mapping[str, Security]
    fresh_from: date
    open_breaks: tuple[str, ...] = ()
    rebalanced_to: RebalancedTo | None = None
    household_sales: tuple[RecentSale, ...] = ()
    household_buys: tuple[RecentBuy, ...] = ()
    household_plans_buy: tuple[RecentBuy, ...] = ()
    trade_date: date = date.min  # on which the plan's orders would trade (DAY-2); `as_of`, where nobody says

    def __post_init__(self) -> None:
        if self.trade_date == date.min:
            self.trade_date = self.as_of  # type: ignore[misc]  # while it is made

    @property
    def target(self) -> Target | None:
        """The account's target, or None: an account without one is liquidated (CHECK-3)."""
        return None if self.account.target_id is None else self.targets[self.account.target_id]

    def numbers(self, policy: Policy) -> Policy:
        """The policy with what the target and, above it, the account override."""
        return policy.overridden(self.target.policy if self.target else {}, self.account.policy)

    def price(self, symbol: str) -> Decimal:
        """The price of a symbol that the checks have found present (CHECK-1)."""
        return self.securities[symbol].priced

    @property
    def prices(self) -> Mapping[str, Decimal]:
        """The prices there are, by symbol."""
        return prices_of(self.securities)


@remembered
def prices_of(securities: Mapping[str, Security]) -> Mapping[str, Decimal]:
    """The prices there are, by symbol; one that a plan needs and that is not there is a fault (CHECK-1)."""
    return {symbol: each.price for symbol, each in securities.items() if each.price is not None}


@remembered
def increments_of(securities: Mapping[str, Security]) -> Mapping[str, Decimal]:
    """The quantity increments, by symbol."""
    return {symbol: each.quantity_increment for symbol, each in securities.items()}


@remembered
def step_costs_of(securities: Mapping[str, Security]) -> Mapping[str, Decimal]:
    """What one increment costs, by symbol."""
    increments = increments_of(securities)
    return {symbol: price * increments[symbol] for symbol, price in prices_of(securities).items()}
