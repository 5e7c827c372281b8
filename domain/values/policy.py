"""The numbers that the rules use, as one value.

Where they come from (the dated defaults, a firm's file, the book, the target, the account) is not the rules'
business: whoever calls passes the numbers in force, and every plan records them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Literal, get_args

Mode = Literal["exact", "best_fit", "min_transaction"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODE: Mode = "best_fit"


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers in force for one plan. Weights and rates are fractions of one, amounts the account's currency."""

    threshold_relative: Decimal
    precision_relative: Decimal
    cash_threshold_floor: Decimal
    cash_precision_floor: Decimal
    minimum_trade_amount: Decimal
    minimum_trade_weight: Decimal
    price_max_age_days: int
    signal_exact_change: Decimal
    tax_rate_short: Decimal
    tax_rate_long: Decimal
    wash_sale_days: int
    four_eyes: bool
    ordinary_offset: Decimal = Decimal(3000)  # records of before it was a number of the rules don't name it
    withdrawal_horizon_days: int = 30  # likewise
    price_coverage: Decimal = Decimal("0.95")  # decides about files of prices, and no plan names it
    price_jump: Decimal = Decimal("0.25")  # likewise

    def overridden(self, *overrides: Mapping[str, object]) -> "Policy":
        """The same policy with other numbers in place, the last override winning. Keys are checked when parsed."""
        changes: dict[str, object] = {}
        for override in overrides:
            changes |= override
        return replace(self, **changes) if changes else self  # type: ignore[arg-type]

    def as_json(self) -> dict[str, object]:
        """The numbers as a plan records them: decimals as strings."""
        values = {name: getattr(self, name) for name in POLICY_KEYS if name not in OF_NO_PLAN}
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> "Policy":
        """The numbers that a plan recorded."""
        return cls(**{name: Decimal(each) if isinstance(each, str) else each for name, each in raw.items()})  # type: ignore[arg-type]


OF_NO_PLAN = frozenset({"price_jump", "price_coverage"})
POLICY_KEYS: tuple[str, ...] = tuple(field.name for field in fields(Policy))
