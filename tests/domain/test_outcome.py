"""The status of an account, and of a request over several."""

import pytest

from domain.values import outcome
from domain.values.outcome import STATUSES, Status
from domain.values.rules import Finding, Rule, error, info, warning

RULE = Rule("X-1", "A rule.")


@pytest.mark.parametrize(
    ("findings", "executed", "status"),
    [
        ([], True, "COMPLETE"),
        ([], False, "COMPLETE"),  # nothing had to be done
        ([info(RULE, "a"), warning(RULE, "b")], False, "COMPLETE"),
        ([warning(RULE, "a"), error(RULE, "b")], True, "COMPLETE_WITH_ERRORS"),
        ([error(RULE, "b")], False, "FAILED"),
    ],
)
def test_of_an_account(findings: list[Finding], executed: bool, status: Status) -> None:
    assert outcome.of_account(findings, executed) == status


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["COMPLETE", "COMPLETE"], "COMPLETE"),
        (["FAILED", "FAILED"], "FAILED"),
        (["EXPIRED"], "EXPIRED"),
        (["CANCELED", "CANCELED"], "CANCELED"),
        (["COMPLETE", "FAILED"], "COMPLETE_WITH_ERRORS"),
        (["EXPIRED", "CANCELED"], "COMPLETE_WITH_ERRORS"),
        (["COMPLETE_WITH_ERRORS"], "COMPLETE_WITH_ERRORS"),
        (["COMPLETE_WITH_ERRORS", "COMPLETE"], "COMPLETE_WITH_ERRORS"),
        ([], "COMPLETE"),
    ],
)
def test_of_a_request(statuses: list[Status], status: Status) -> None:
    assert set(statuses) <= set(STATUSES)
    assert outcome.of_request(statuses) == status


def test_the_issue_is_the_first_error_and_how_many_more() -> None:
    assert outcome.issue([warning(RULE, "w")]) is None
    assert outcome.issue([info(RULE, "i"), error(RULE, "a")]) == "a (X-1)"
    assert (
        outcome.issue([error(RULE, "a"), warning(RULE, "w"), error(RULE, "b"), error(RULE, "c")])
        == "a (X-1) (and 2 more)"
    )
