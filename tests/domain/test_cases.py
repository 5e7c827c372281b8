"""Every case of tests/cases holds; and a case that is wrong, or misspelt, says so."""

import pytest

from tests.domain.cases import Case, cases, read
from tests.domain.expectations import differences

CASES = list(cases())
ALMOST = """
- name: a minimum
  rule: MINIMUM-1
  account: {cash: 50,000.00, target: [20 % model M, 78 % X, 2 % cash]}
  models: {M: {minimum: 10,000, holdings: [100 % Y]}}
  expect: {EXPECTED}
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    found = differences(case)
    assert not found, "\n".join([f"{case.file}.yaml: {case.name} ({case.mode}; {', '.join(case.rules)})", *found])


def test_no_two_cases_have_the_same_name() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def _expecting(text: str) -> list[str]:
    (case,) = read(ALMOST.replace("EXPECTED", text), "almost")
    return differences(case)


@pytest.mark.parametrize(
    "expected",
    [
        "model M: {outcome: accepted, planned: 10,000.00}, status: COMPLETE",
        "model M: {at: 20 %, threshold: 16 % to 24 %, sleeve: opening, breach: below}, X: {sleeve: none}",
        "orders: [buy 390 X, buy 200 Y], skipped: [], findings: [], absent: [Y], queue: [HIGH_CASH, OUTSIDE_TOLERANCE]",
    ],
)
def test_what_holds_is_no_difference(expected: str) -> None:
    assert _expecting(expected) == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("model M: {planned: 10,000.01}", "model M, planned: expected 10000.01, the plan has 10000"),
        ("model M: {at: 20.1 %}", "model M, at: expected 20.1 %, the plan has 0.2"),
        ("model M: {threshold: 16 % to 25 %}", "model M, threshold: expected 16 % to 25 %, the plan has 16 % to 24 %"),
        ("Y: {planned: 1}", "Y is not in the plan"),
        ("absent: [X]", "X is in the plan"),
        ("status: FAILED", "status: expected FAILED, the plan has COMPLETE"),
        ("orders: [buy 387 X]", "orders: expected [buy 387 X], the plan has [buy 390 X, buy 200 Y]"),
        ("allocations: {X: {managed: 390}}", "allocations: expected {X: {managed: 390}}, the plan has"),
        ("findings: [error MINIMUM-1]", "findings: expected [error MINIMUM-1], the plan has []"),
        ("says: [can't open]", 'nothing says "can\'t open"'),
        ("refused: [excess]", "the book is accepted, but a refusal is expected"),
    ],
)
def test_what_does_not_hold_is_told_with_both_figures(expected: str, told: str) -> None:
    assert told in _expecting(expected)[0]


@pytest.mark.parametrize("expected", ["stauts: COMPLETE", "model M: {plannd: 1}", "says: some"])
def test_a_misspelt_expectation_is_refused(expected: str) -> None:
    with pytest.raises(ValueError, match=r"README|list"):
        _expecting(expected)


@pytest.mark.parametrize("wrong", ["rule: A", "expct: {}", "account: {cash: 1}"])
def test_a_misspelt_case_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="missing"):
        list(read(f"- name: n\n  {wrong}\n", "wrong"))
