"""Shapes that more than one resource answers with. Decimals are texts, moments ISO 8601 with a Z."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object with exactly these keys."""

    model_config = ConfigDict(extra="forbid")


class Given(BaseModel):
    """What somebody sends: exactly these keys, and nothing turned into something else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RebalanceRow(Shape):
    """A rebalance, as in the history."""

    rebalance_id: str
    account_id: str
    status: str
    mode: str
    kind: str
    requested_by: str
    approved_by: str | None
    started_at: str
    ended_at: str | None
    issue: str | None
    request_id: str | None


class RequestRow(Shape):
    """A request, as in listings. `pending`: how many of its rebalances wait for approval."""

    request_id: str
    status: str
    requested_by: str
    kind: str
    amount: str | None
    accounts: int
    pending: int
    started_at: str
    ended_at: str | None


class Accepted(Shape):
    """Something was started, and can be looked at under its address."""

    id: str
    href: str


class Decided(Shape):
    """What came of a decision. `outcome` is `unanswered` where nobody took it up in time: it may still take effect."""

    outcome: Literal["executing", "approved", "cancelled", "unanswered"]
    id: str
    accounts: int | None = None
    refused: tuple[dict[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()
    opens_at: str | None = None
    why: str | None = None


UNANSWERED: dict[int | str, dict[str, Any]] = {
    202: {"model": Decided, "description": "It was sent, and nobody took it up in time: it may still take effect"}
}
