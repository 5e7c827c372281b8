"""What a request says of an account whose workflow did not come to one of the rule book's endings."""

from typing import Literal

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    TerminatedError,
    TimeoutError,
    is_cancelled_exception,
)

from domain.requests import BUSY

_AGAIN = "submit the account again, which brings the old one to its end"
_UNDER_WAY = "RebalanceUnderWay"  # the type of the failure where the books know of another rebalance


def told_of(fault: ChildWorkflowError) -> tuple[Literal["BUSY", "FAILED", "CANCELED"], str]:
    """Where the account stands, and its issue."""
    cause = fault.cause
    while isinstance(cause, ActivityError | ChildWorkflowError) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, TerminatedError):
        return "FAILED", f"its workflow was terminated: {_AGAIN}"
    if isinstance(fault.cause, TimeoutError):
        return "FAILED", f"its workflow did not end in time: {_AGAIN}"
    if is_cancelled_exception(fault):
        return "CANCELED", "its workflow was cancelled"
    if isinstance(cause, ApplicationError) and cause.type == _UNDER_WAY:
        return BUSY, cause.message
    told = cause.message if isinstance(cause, FailureError) else str(cause or fault)
    return "FAILED", f"{told}"
