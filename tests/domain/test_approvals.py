"""Approvals: names, and what was shown (DECIDE-1)."""

import hashlib

import pytest

from domain.approvals import is_shown, listed, may_ask_for_automatic, same_person

DIGEST = "1f3870be274f6c49b3e31a0c6728957f1f3870be274f6c49b3e31a0c6728957f"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ann", "ann", True),
        ("ann", " Ann\t", True),
        ("STRASSE", "straße", True),
        ("ann", "anna", False),
        ("ann b", "annb", False),
    ],
)
def test_names_are_compared_without_case_and_the_space_around_them(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same_person(other, one) is same


@pytest.mark.parametrize(
    ("names", "may"), [(["*"], True), (["ben", "ANN "], True), (["ben"], False), ([], False), (["a*"], False)]
)
def test_who_may_ask_for_automatic_approval(names: list[str], may: bool) -> None:
    assert may_ask_for_automatic("ann", names) is may


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (DIGEST, True),
        (DIGEST[:8], True),
        (DIGEST[:8].upper(), True),
        (DIGEST[:7], False),
        ("", False),
        (DIGEST[1:9], False),
        (DIGEST + "0", False),
    ],
)
def test_eight_characters_name_a_plan(given: str, shown: bool) -> None:
    assert is_shown(given, DIGEST) is shown


def test_no_digest_names_nothing() -> None:
    """Of an empty list there is nothing that could be approved."""
    assert not is_shown("00000000", "")


def test_a_list_can_be_gone_on_with() -> None:
    """The first step is over nothing; the list of two is the list of the second, from that of the first on."""
    plans = [("R-000001", "aa"), ("R-000002", "bb"), ("R-000003", "cc")]
    first = hashlib.sha256(b" R-000001 aa").hexdigest()
    assert listed(plans[:1]) == first
    assert listed(plans[:2]) == hashlib.sha256(f"{first} R-000002 bb".encode()).hexdigest()
    for at in range(len(plans) + 1):
        assert listed(plans[at:], listed(plans[:at])) == listed(plans)
    assert listed([]) == ""
    assert listed(reversed(plans)) != listed(plans)
