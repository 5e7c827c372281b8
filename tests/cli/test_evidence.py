"""Evidence in words."""

from typing import Any

import pytest

from reading.evidence import in_words


def measured(weight: str, breach: str, lower: str = "0.16", upper: str = "0.24") -> dict[str, str]:
    return {
        "value": "1.00",
        "weight": weight,
        "target_weight": "0.20",
        "lower": lower,
        "upper": upper,
        "breach": breach,
    }


@pytest.mark.parametrize(
    ("code", "evidence", "told"),
    [
        ("NO_TARGET", {"symbols": ["GE", "KO"]}, ["no target, and it holds GE, KO"]),
        ("FIRST_REBALANCE", {"target": "GROWTH", "version": 1}, ["never rebalanced to GROWTH"]),
        ("TARGET_CHANGED", {"from": "GROWTH", "to": None}, ["target GROWTH was removed"]),
        ("TARGET_CHANGED", {"from": "GROWTH", "to": "INCOME"}, ["target GROWTH was replaced by INCOME"]),
        ("TARGET_CHANGED", {"from": None, "to": "INCOME"}, ["target INCOME was assigned"]),
        (
            "TARGET_CHANGED",
            {"target": "GROWTH", "version": 2, "previous_version": 1},
            ["target GROWTH is at version 2, it was 1"],
        ),
        ("LOW_CASH", measured("0.0042", "below", lower="0.01"), ["cash 0.42 % is below 1.00 %"]),
        ("OUTSIDE_TOLERANCE", {"model:LCG": measured("0.25", "above")}, ["model:LCG 25.00 % is above 24.00 %"]),
        ("TOGGLED_ON", {"switched_by": "ann"}, ["switched on by ann"]),
        ("MANUAL", {"requested_by": "ann"}, ["submitted by ann"]),
        ("MANUAL", {"of": "another release"}, ["of another release"]),
        ("LATER", {"known": "to nobody"}, ["known to nobody"]),
    ],
)
def test_each_reason(code: str, evidence: dict[str, Any], told: list[str]) -> None:
    assert in_words(code, evidence) == told


def test_as_many_decimals_as_show_the_difference() -> None:
    told = in_words("OUTSIDE_TOLERANCE", {"model:LCG": measured("0.24000049", "above")})
    assert told == ["model:LCG 24.00005 % is above 24.00000 %"]


def test_the_furthest_first_and_the_rest_counted() -> None:
    weights = {"a": "0.25", "b": "0.40", "c": "0.26", "d": "0.30"}
    evidence = {key: measured(weight, "above") for key, weight in weights.items()}
    assert [line.split()[0] for line in in_words("OUTSIDE_TOLERANCE", evidence)] == ["b", "d", "c", "a"]
    assert in_words("OUTSIDE_TOLERANCE", evidence, few=True)[2:] == ["and 2 more"]
