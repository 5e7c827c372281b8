"""Outcome: the one status in which an account's rebalance, or a request over several, ends.

Asked by every plan (what is expected), by the end of every rebalance, and by a request over its accounts.
"""

from collections.abc import Collection, Iterable
from typing import Literal, get_args

from domain.values.rules import Finding, Noted

Status = Literal["COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED"]
STATUSES: tuple[Status, ...] = get_args(Status)


def of_account(findings: Iterable[Finding | Noted], something_executed: bool) -> Status:
    """COMPLETE without an error finding; with one, by whether anything was executed."""
    if not any(finding.severity == "error" for finding in findings):
        return "COMPLETE"
    return "COMPLETE_WITH_ERRORS" if something_executed else "FAILED"


def of_request(statuses: Collection[Status]) -> Status:
    """One status for many: theirs where all share COMPLETE, FAILED, EXPIRED or CANCELED; else with errors."""
    kinds = set(statuses)
    if not kinds:
        return "COMPLETE"
    return kinds.pop() if len(kinds) == 1 else "COMPLETE_WITH_ERRORS"


def issue(findings: Iterable[Finding]) -> str | None:
    """The line that listings show: the first error, and how many more there are; None where nothing is wrong."""
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if not errors:
        return None
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return errors[0] + more
