"""What operators and scripts send to workflows and get back. Names and types here are public and stay as they are.

Workflows take their input raw and read it here, so that what a person typed wrong ends the workflow at once with a
sentence that names the field, instead of a task that fails for ever.
"""

from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from temporalio.exceptions import ApplicationError

from activities.messages import EvaluationResult, RebalanceResult
from domain.policy import Mode

TASK_QUEUE = "rebalancer"
EVALUATION_ID = "daily-target-evaluation"
BAD_INPUT = "BadInput"

__all__ = [
    "Approval",
    "Cancellation",
    "EvaluationInput",
    "EvaluationResult",
    "RebalanceInput",
    "RebalanceResult",
    "read",
    "unreadable",
]

ModelT = TypeVar("ModelT", bound=BaseModel)


def rebalance_workflow_id(account_id: str) -> str:
    """One rebalance at a time an account: its workflow's id says so."""
    return f"rebalance/{account_id}"


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RebalanceInput(_Given):
    """Starts `RebalanceAccount`. `override` names checks that a person sets aside, like `open_break` (CHECK-1)."""

    account_id: str = Field(min_length=1, max_length=100)
    requested_by: str = Field(min_length=1, max_length=200)
    mode: Mode = "best_fit"
    approval: Literal["required", "automatic"] = "required"
    kind: Literal["full", "raise_cash", "invest_cash"] = "full"
    amount: Decimal | None = Field(default=None, gt=0)
    request_id: str | None = Field(default=None, min_length=1, max_length=100)
    override: tuple[Literal["open_break"], ...] = ()


class EvaluationInput(_Given):
    """Starts `DailyTargetEvaluation`. Without `as_of` it is the day of the last book loaded."""

    as_of: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    page_size: int = Field(default=200, ge=1, le=5000)
    progress: dict[str, Any] | None = None  # what a page-wise run hands to the next; not for people


class Approval(_Given):
    """The update `approve`."""

    by: str = Field(min_length=1, max_length=200)


class Cancellation(_Given):
    """The update `cancel`."""

    by: str = Field(min_length=1, max_length=200)
    reason: str | None = Field(default=None, max_length=2000)


EXAMPLES: dict[type[BaseModel], tuple[str, str]] = {
    RebalanceInput: ("rebalance", '\'{"account_id": "A-100", "requested_by": "ann"}\''),
    EvaluationInput: ("evaluation", '\'{"as_of": "2026-11-20"}\''),
    Approval: ("approval", '\'{"by": "ben"}\''),
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
    field = ".".join(str(step) for step in flaw["loc"])
    if flaw["type"] == "missing":
        return f'"{field}" is missing'
    if flaw["type"] == "extra_forbidden":
        return f'"{field}" is not a field of it'
    shown = str(flaw["input"])
    return f'"{field}": {flaw["msg"][:1].lower()}{flaw["msg"][1:]}, not {shown[:60]!r}'
