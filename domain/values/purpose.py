"""Purpose: what a rebalance is for. A full one unless a person asks for cash, or a manager's signal comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

Kind = Literal["full", "raise_cash", "invest_cash", "signal"]
ONE_WAY: tuple[Kind, ...] = ("raise_cash", "invest_cash")
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a plan is made for.

    `amount` is how much cash to raise or to invest, in the account's currency; None as much as brings cash to its
    weight. `model_id` and `largest_change` are a signal's: the model, and by how much the weight of any of its holdings
    changes, as a fraction of one (SIGNAL-2).
    """

    kind: Kind = "full"
    amount: Decimal | None = None
    model_id: str | None = None
    largest_change: Decimal | None = None


FULL = Purpose()


def as_json(purpose: Purpose) -> dict[str, str | None]:
    """A purpose as it is kept with a rebalance: decimals as strings."""
    return {
        "kind": purpose.kind,
        "amount": None if purpose.amount is None else str(purpose.amount),
        "model_id": purpose.model_id,
        "largest_change": None if purpose.largest_change is None else str(purpose.largest_change),
    }


def from_json(raw: Mapping[str, Any] | None) -> Purpose:
    """What `as_json` made this of; nothing kept is a full rebalance."""
    if not raw:
        return FULL
    amount, change = raw["amount"], raw["largest_change"]
    return Purpose(
        raw["kind"],
        None if amount is None else Decimal(amount),
        raw["model_id"],
        None if change is None else Decimal(change),
    )
