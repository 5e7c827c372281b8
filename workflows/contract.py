"""What operators and scripts send to workflows and get back. Names and types here are public and stay as they are.

Workflows take their input raw and read it here, so that what a person typed wrong ends the workflow at once with a
sentence that names the field, instead of a task that fails for ever.
"""

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from temporalio.exceptions import ApplicationError

from activities.messages import EvaluationResult, RebalanceResult
from activities.request_messages import RequestResult
from activities.signal_messages import SignalResult
from domain.approvals import SHORTEST
from domain.queue import REASONS
from domain.values.policy import Mode
from identity.claims import LONGEST

TASK_QUEUE = "rebalancer"
EVALUATION_ID = "daily-target-evaluation"
ARCHIVE_ID = "archive-histories"
WEBHOOK_QUEUE = "rebalancer-webhooks"  # of its own: a receiver that is slow takes no rebalance's place
BAD_INPUT = "BadInput"

__all__ = [
    "Approval",
    "Cancellation",
    "EvaluationInput",
    "EvaluationResult",
    "ModelSignalInput",
    "RebalanceInput",
    "RebalanceResult",
    "RecoveryInput",
    "RequestApproval",
    "RequestCancellation",
    "RequestInput",
    "RequestResult",
    "SenderInput",
    "SignalResult",
    "Steering",
    "read",
    "unreadable",
]

ModelT = TypeVar("ModelT", bound=BaseModel)


def signal_workflow_id(model_id: str, version: int) -> str:
    """A version of a model is traded once: its workflow's id says so."""
    return f"model-signal/{model_id}/{version}"


def rebalance_workflow_id(account_id: str) -> str:
    """One rebalance at a time an account: its workflow's id says so."""
    return f"rebalance/{account_id}"


def recovery_workflow_id(rebalance_id: str) -> str:
    """One recovery at a time a rebalance."""
    return f"recover/{rebalance_id}"


def sender_workflow_id(webhook_id: str) -> str:
    """One sender a webhook: its workflow's id says so."""
    return f"webhook/{webhook_id}"


def request_workflow_id(request_id: str) -> str:
    """One workflow a request; its id names it."""
    return f"rebalance-request/{request_id}"


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# A name or an id: one line, without what no database and no terminal takes.
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _real_day(text: str) -> str:
    """A day between the years that prices and calendars know."""
    day = date.fromisoformat(text)
    if not 1990 <= day.year <= 2100:
        raise ValueError("a day from 1990 to 2100 is needed")
    return text


class SignalTraded(_Given):
    """Which model's version an account's sleeve is traded to. `largest_change` of any weight, a fraction of one."""

    model: Line
    version: int = Field(ge=1)
    largest_change: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]


class RebalanceInput(_Given):
    """Starts `RebalanceAccount`. `override` names checks that a person sets aside, like `open_break` (CHECK-1)."""

    account_id: Line
    requested_by: Line
    mode: Mode = "best_fit"
    approval: Literal["required", "automatic"] = "required"
    kind: Literal["full", "raise_cash", "invest_cash", "signal"] = "full"
    amount: Decimal | None = Field(default=None, gt=0)
    request_id: Line | None = None
    override: tuple[Literal["open_break"], ...] = ()
    signal: SignalTraded | None = None  # of kind `signal`, which `ApplyModelSignal` starts

    @model_validator(mode="after")
    def _signal_whole(self) -> "RebalanceInput":
        if (self.kind == "signal") is (self.signal is None):
            raise ValueError('"signal" goes with "kind" signal')
        return self


def _known_reason(code: str) -> str:
    """A reason for which an account is queued."""
    if code not in REASONS:
        raise ValueError(f"a reason is needed, one of {', '.join(REASONS)}")
    return code


class QueueChoice(_Given):
    """The accounts that are in the queue for one of the reasons; without reasons, all that are in it."""

    reasons: tuple[Annotated[str, AfterValidator(_known_reason)], ...] = ()


# The digest of a plan, or of a list of them, or enough of its characters to name it (DECIDE-1).
Shown = Annotated[str, Field(pattern=rf"^[0-9a-fA-F]{{{SHORTEST},64}}$")]


# A decision of somebody who signed in: a JWS that is good for two minutes (docs/deploying.md).
Signed = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[A-Za-z0-9_.-]+$")]


class _OfAccounts(_Given):
    by: Line
    signed: Signed | None = None
    account_ids: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50_000)] | None = None


class RequestApproval(_OfAccounts):
    """The update `approve` of a request: all that is pending in it, or the accounts named.

    `plan` is the digest of the list of plans that was shown (`progress.plans`); it has a liquidation only where
    `liquidations` names its rebalance. `unseen` says that nobody looked at them, which is recorded.
    """

    plan: Shown | None = None
    liquidations: Annotated[tuple[Line, ...], Field(max_length=1000)] = ()
    unseen: bool = False


class RequestCancellation(_OfAccounts):
    """The update `cancel` of a request: what is pending and what was not started, all of it or the accounts named."""

    reason: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = None


class RequestSoFar(_Given):
    """What a run of a request hands to the next; not for people."""

    accounts: int = Field(ge=0)
    cursor: int = Field(ge=0)
    paused: bool = False
    lenient: bool = False
    stopped: RequestCancellation | None = None


class RequestInput(_Given):
    """Starts `RebalanceRequest`. One of `account_ids`, `queue` and `failed_of` says which accounts.

    `priority` says who goes first where many wait for a worker; without it, a person unless a schedule started it.
    """

    request_id: Line
    requested_by: Line
    account_ids: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50_000)] | None = None
    queue: QueueChoice | None = None
    failed_of: Line | None = None  # a request: its accounts that FAILED, were busy or never started
    mode: Mode = "best_fit"
    approval: Literal["required", "automatic"] = "required"
    kind: Literal["full", "raise_cash", "invest_cash"] = "full"
    amount: Decimal | None = Field(default=None, gt=0)
    override: tuple[Literal["open_break"], ...] = ()
    priority: Literal["person", "schedule"] | None = None
    window: int = Field(default=100, ge=1, le=200)  # accounts that are planned or executed at the same time
    accounts_a_run: int = Field(default=500, ge=1, le=1000)  # then the workflow continues as new
    signed: Signed | None = None  # over the digest of all of this but itself
    progress: RequestSoFar | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> "RequestInput":
        given = [name for name in ("account_ids", "queue", "failed_of") if getattr(self, name) is not None]
        if self.progress is None and len(given) != 1:
            told = f"not {' and '.join(given)}" if given else "none is given"
            raise ValueError(f'one of "account_ids", "queue" and "failed_of" is needed, {told}')
        if self.kind == "full" and self.amount is not None:
            raise ValueError('"amount" goes with "kind" raise_cash or invest_cash')
        return self


class Steering(_Given):
    """The updates `pause` and `resume` of a request."""

    by: Line
    signed: Signed | None = None


class EvaluationInput(_Given):
    """Starts `DailyTargetEvaluation`. Without `as_of` it is the day of the last book loaded.

    The rest is for whoever tunes it: accounts a range, accounts a page, and how many ranges are evaluated at once.
    """

    as_of: Annotated[str, AfterValidator(_real_day)] | None = None
    range_size: int = Field(default=25_000, ge=1, le=1_000_000)
    page_size: int = Field(default=25_000, ge=1, le=50_000)
    at_once: int = Field(default=4, ge=1, le=100)


class SweepSoFar(_Given):
    """How far a sweep that went on as a new run had come."""

    since: str | None
    until: str
    token: str | None
    seen: int
    archived: int


class ArchiveInput(_Given):
    """Starts `ArchiveHistories`. Without `since` it looks at what closed since the schedule's last sweep."""

    since: Annotated[str, AfterValidator(_real_day)] | None = None
    page_size: int = Field(default=100, ge=1, le=1000)
    progress: SweepSoFar | None = None  # what a run hands to the next; not for people


class DeskInput(_Given):
    """Starts `VenueDesk`."""

    venue: Line


class BlockInput(_Given):
    """Starts `TradeBlock`."""

    block_id: Annotated[str, Field(pattern=r"^B-[0-9]{1,18}$")]


class SenderInput(_Given):
    """Starts `SendEvents`. `gives_up_after`: seconds without an event taken; three days outlast a weekend."""

    webhook_id: Line
    gives_up_after: int = Field(default=3 * 24 * 3600, ge=1, le=366 * 24 * 3600)


class RecoveryInput(_Given):
    """Starts `RecoverRebalance`: a rebalance whose workflow is gone is brought to its end."""

    rebalance_id: Line
    requested_by: Line


class SignalSoFar(_Given):
    """What a run of a signal hands to the next; not for people. `handed` are accounts that still trade, each with the
    workflow that is to be told afterwards.
    """

    begun: dict[str, Any]
    cursor: str
    counts: dict[str, int]
    handed: dict[str, str | None] = {}


class ModelSignalInput(_Given):
    """Starts `ApplyModelSignal`: the sleeves of a model are traded to a version of it (SIGNAL-1)."""

    model_id: Line
    version: int = Field(ge=1, lt=2**31)
    page_size: int = Field(default=200, ge=1, le=2000)
    window: int = Field(default=50, ge=1, le=200)  # accounts that are traded at the same time
    accounts_a_run: int = Field(default=400, ge=1, le=1000)  # then the workflow continues as new
    progress: SignalSoFar | None = None


class Approval(_Given):
    """The update `approve`. `plan` is the digest of what was shown (`progress.plan`), or 8 characters or more of it.

    `unseen` says that nobody looked at it, which is recorded, and never does for a liquidation. With `rebalance_id` and
    `round` it is taken only for that rebalance and round. `signed` is the decision of somebody who signed in.
    """

    by: Line
    signed: Signed | None = None
    plan: Shown | None = None
    unseen: bool = False
    rebalance_id: str | None = None
    round: int | None = None


class Cancellation(_Given):
    """The update `cancel`. With `rebalance_id` and `round` it is taken only for that plan."""

    by: Line
    signed: Signed | None = None
    reason: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = None
    rebalance_id: str | None = None
    round: int | None = None

    @property
    def told(self) -> str:
        """Who cancelled, and why, in one line."""
        return f"cancelled by {self.by}{f': {self.reason}' if self.reason else ''}"


EXAMPLES: dict[type[BaseModel], tuple[str, str]] = {
    RebalanceInput: ("rebalance", '\'{"account_id": "A-100", "requested_by": "ann"}\''),
    ArchiveInput: ("archive", '\'{"since": "2026-11-20"}\''),
    ModelSignalInput: ("model signal", '\'{"model_id": "LCG", "version": 2}\''),
    DeskInput: ("desk", '\'{"venue": "PAPER"}\''),
    SenderInput: ("sender", '\'{"webhook_id": "WH-0123456789ab"}\''),
    BlockInput: ("block", '\'{"block_id": "B-000001"}\''),
    RecoveryInput: ("recovery", '\'{"rebalance_id": "R-000001", "requested_by": "ann"}\''),
    RequestInput: ("request", '\'{"request_id": "Q-1", "requested_by": "ann", "account_ids": ["A-100"]}\''),
    RequestApproval: ("approval", '\'{"by": "ben", "plan": "1f3870be"}\''),
    RequestCancellation: ("cancellation", '\'{"by": "ben", "reason": "client called"}\''),
    Steering: ("pause or resume", '\'{"by": "ben"}\''),
    EvaluationInput: ("evaluation", '\'{"as_of": "2026-11-20"}\''),
    Approval: ("approval", '\'{"by": "ben", "plan": "1f3870be"}\''),
    Cancellation: ("cancellation", '\'{"by": "ben", "reason": "client called"}\''),
}


def unreadable(model: type[BaseModel], given: object) -> str | None:
    """What is wrong with an input, in one line with an example; None where it can be read."""
    name, example = EXAMPLES[model]
    if not isinstance(given, dict):
        return f"{name} refused: the input must be one JSON object. Example: --input {example}"
    try:
        model.model_validate(given)
    except ValidationError as flaw:
        told = "; ".join(_told(each) for each in flaw.errors(include_url=False))
        return f"{name} refused: {told}. Example: --input {example}"
    return None


def read(model: type[ModelT], given: object) -> ModelT:
    """The input as a value, or a failure that no retry repeats."""
    wrong = unreadable(model, given)
    if wrong:
        raise ApplicationError(wrong, type=BAD_INPUT, non_retryable=True)
    return model.model_validate(given)


def _told(flaw: Any) -> str:
    # A name that somebody else chose: on one line, whatever is in it.
    field = json.dumps(".".join(str(step) for step in flaw["loc"]), ensure_ascii=False)[1:-1][:200]
    if not flaw["loc"]:  # about several fields together
        return str(flaw["msg"].removeprefix("Value error, "))
    if flaw["type"] == "missing":
        return f'"{field}" is missing'
    if flaw["type"] == "extra_forbidden":
        return f'"{field}" is not a field of it'
    shown = str(flaw["input"])
    return f'"{field}": {flaw["msg"][:1].lower()}{flaw["msg"][1:]}, not {shown[:60]!r}'
