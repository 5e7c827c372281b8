"""What the query `progress` answers: public JSON, whose keys stay as they are; keys may be added."""

from typing import Any, TypedDict


class RebalanceProgress(TypedDict):
    """Where a rebalance stands, and for whose approval it waits."""

    account_id: str | None  # None before the input is read
    stage: str
    note: str
    rebalance_id: str | None  # None before the first step has made it
    round: int | None
    requested_by: str | None
    pending: bool
    plan: str | None  # the digest of what is pending: what an approval names (DECIDE-1)
    liquidation: bool | None
    four_eyes: bool | None
    expires_at: str | None  # of what is pending
    status: str | None  # once it has ended
    issue: str | None


class RequestProgress(TypedDict):
    """How the accounts of a request stand, and what they said of themselves."""

    request_id: str
    requested_by: str
    stage: str
    status: str | None  # once it has ended
    accounts: int
    counts: dict[str, int]  # by outcome
    ended: int
    pending: int
    plans: str | None  # the digest of the list of what is pending, liquidations left out; None where there is none
    liquidations: list[str]  # rebalances that wait for an approval by their own name
    issues: list[dict[str, Any]]  # the first accounts that have one
    issues_left_off: int


class SignalProgress(TypedDict):
    """How far a signal is."""

    model_id: str | None
    version: int | None
    largest_change: str | None
    sleeves: int | None  # that were open when it began
    cursor: str
    trading: list[str]
    traded: int
    skipped: int
    failed: int
