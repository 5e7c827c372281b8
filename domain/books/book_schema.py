"""The book file's form: which keys there are, of which type. Shape only; `book` decides whether it makes sense.

Decimals are strings; a number written bare is taken exactly as written, never through a float. Unknown keys are
refused.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _exact(value: Any) -> Any:
    """Refuses what is not a plain decimal number before pydantic would accept it."""
    if isinstance(value, bool):
        raise ValueError("a decimal number is needed, not true or false")
    if isinstance(value, float):
        raise ValueError(f'write the decimal as a string, "{value}"')
    if isinstance(value, str | int | Decimal):
        text = str(value)
        if not text.isascii() or len(text) > 40 or text != text.strip() or "_" in text:
            shown = text[:40].encode("ascii", "backslashreplace").decode()  # half a character can't be told
            raise ValueError(f'"{shown}" is not a decimal number')
        return text
    raise ValueError(f"a decimal number is needed, not {type(value).__name__}")


def _day(value: Any) -> Any:
    if isinstance(value, str | date):
        return value
    raise ValueError("a date is needed, like 2026-11-20")


# The limits stand before the check of the spelling, on the number itself: there pydantic's fast core applies them.
Number = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=12), BeforeValidator(_exact)]
NonNegative = Annotated[
    Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=12, ge=0), BeforeValidator(_exact)
]
Positive = Annotated[
    Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=12, gt=0), BeforeValidator(_exact)
]
Weight = Annotated[
    Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=12, ge=0, le=1), BeforeValidator(_exact)
]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31)), BeforeValidator(_day)]  # calendars end
Days = Annotated[int, Field(ge=0, le=3660, strict=True)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/\x00-\x1f][^/\x00-\x1f]*$")]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifiersForm(_Form):
    """What a security is called elsewhere; their check digits are verified."""

    cusip: Id | None = None
    isin: Id | None = None
    sedol: Id | None = None
    figi: Id | None = None
    occ: Id | None = None
    aliases: list[Text] = []


class SecurityForm(_Form):
    """A line of `securities`. Without a price it can't be valued; with the price 0 it has to be worthless."""

    symbol: Id
    name: Text = ""
    price: NonNegative | None = None
    price_as_of: Day | None = None
    quantity_increment: Positive = Decimal(1)
    type: Text | None = None
    asset_class: Text | None = None
    identical_group: Id | None = None
    identifiers: IdentifiersForm | None = None
    worthless: Annotated[bool, Field(strict=True)] = False


class ModelHoldingForm(_Form):
    """A line of a model: a symbol or cash, and its weight."""

    symbol: Id | None = None
    cash: Literal[True] | None = None
    weight: Weight


class ModelForm(_Form):
    """A manager's model."""

    id: Id
    name: Text = ""
    manager: Text = ""
    investment_minimum: NonNegative = Decimal(0)
    version: Annotated[int, Field(ge=1, lt=2**31, strict=True)] = 1
    holdings: list[ModelHoldingForm]


class BandForm(_Form):
    """A band: a share of the weight, or two absolute weights."""

    relative: NonNegative | None = None
    lower: Number | None = None
    upper: Number | None = None


class ComponentForm(_Form):
    """A line of a target."""

    model: Id | None = None
    security: Id | None = None
    target: Id | None = None
    cash: Literal[True] | None = None
    weight: Number
    threshold: BandForm | None = None
    precision: BandForm | None = None


class PolicyForm(_Form):
    """Numbers that replace the firm's, each optional."""

    threshold_relative: Weight | None = None
    precision_relative: Weight | None = None
    cash_threshold_floor: Weight | None = None
    cash_precision_floor: Weight | None = None
    minimum_trade_amount: NonNegative | None = None
    minimum_trade_weight: Weight | None = None
    price_max_age_days: Days | None = None
    signal_exact_change: Weight | None = None
    tax_rate_short: Weight | None = None
    tax_rate_long: Weight | None = None
    wash_sale_days: Days | None = None
    withdrawal_horizon_days: Days | None = None
    four_eyes: Annotated[bool, Field(strict=True)] | None = None
    price_coverage: Weight | None = None
    ordinary_offset: NonNegative | None = None
    price_jump: Weight | None = None


class TargetForm(_Form):
    """A target."""

    id: Id
    name: Text = ""
    components: list[ComponentForm]
    policy: PolicyForm = PolicyForm()


class GroupForm(_Form):
    """A tax household."""

    id: Id
    name: Text = ""
    accounts: list[Id]


class LotForm(_Form):
    """Shares bought together."""

    quantity: Positive
    cost_per_share: NonNegative
    acquired: Day


class HoldingForm(_Form):
    """A holding: its lots, or its quantity alone where the basis is unknown."""

    symbol: Id
    quantity: NonNegative | None = None
    lots: list[LotForm] | None = None


class SleeveForm(_Form):
    """An open model sleeve."""

    model: Id
    cash: Number = Decimal(0)
    holdings: list[HoldingForm] = []


class RestrictionForm(_Form):
    """A client's restriction. `to`: where an excluded weight goes; `by`: the substitute; `hold`: keep what is held."""

    type: Literal["exclude", "substitute", "no_buy", "no_sell", "no_trade"]
    symbol: Id
    to: Literal["pro_rata", "cash"] | None = None
    by: Id | None = None
    hold: bool = False
    start: Day | None = Field(default=None, alias="from")
    until: Day | None = None


class WithdrawalForm(_Form):
    """Cash that a client takes out."""

    amount: Positive
    due: Day


class SaleForm(_Form):
    """A recent sale: of a security, or of one lot of it where `acquired` says which."""

    symbol: Id
    date: Day
    quantity: Positive
    gain: Number
    cost_per_share: NonNegative | None = None
    acquired: Day | None = None


class AccountForm(_Form):
    """A client's account."""

    id: Id
    name: Text = ""
    custodian: Text = "PAPER"
    custodian_account: Id | None = None
    tax_status: Literal["taxable", "exempt", "deferred", "roth"] = "taxable"
    status: Literal["open", "frozen", "closed"] = "open"
    lot_relief: Literal["fifo", "lifo", "hifo", "min_tax"] | None = None
    gain_budget: NonNegative | None = None
    rebalancing: Annotated[bool, Field(strict=True)] = True
    target: Id | None = None
    first_rebalanced: Day | None = None
    cash: Number = Decimal(0)
    holdings: list[HoldingForm] = []
    sleeves: list[SleeveForm] = []
    protected: list[HoldingForm] = []
    restrictions: list[RestrictionForm] = []
    withdrawals: list[WithdrawalForm] = []
    recent_sales: list[SaleForm] = []
    policy: PolicyForm = PolicyForm()


class MarketForm(_Form):
    """Everything of a book but its accounts."""

    as_of: Day
    historical: Annotated[bool, Field(strict=True)] = False
    policy: PolicyForm = PolicyForm()
    securities: list[SecurityForm] = []
    models: list[ModelForm] = []
    targets: list[TargetForm] = []
    account_groups: list[GroupForm] = []
