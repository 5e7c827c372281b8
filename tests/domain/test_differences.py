"""Two plans compared: each difference by what it is about, both values shown."""

import copy
from typing import Any

import pytest

from domain.telling.differences import differences

PLAN: dict[str, Any] = {
    "managed_value": "100.00",
    "components": [{"component": "cash", "weight": "0.02"}, {"component": "model:M", "weight": "0.98"}],
    "orders": [{"side": "buy", "symbol": "X", "quantity": "1", "lots": [{"quantity": "1"}, {"quantity": "2"}]}],
    "queue_reasons": ["HIGH_CASH"],
    "gain": None,
}


def changed(**paths: Any) -> dict[str, Any]:
    return copy.deepcopy(PLAN) | paths


def test_the_same_is_no_difference() -> None:
    assert list(differences(PLAN, changed())) == []


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (changed(managed_value="100.0"), ["managed_value: 100.00, now 100.0"]),
        (changed(gain="1"), ["gain: nothing, now 1"]),
        (changed(components=PLAN["components"][::-1]), ["components: in another order: model:M, cash"]),
        (changed(components=PLAN["components"][:1]),
         ["components[model:M]: {'component': 'model:M', 'weight': '0.98'}, now not there"]),
        (changed(queue_reasons=["HIGH_CASH", "NO_TARGET"]), ["queue_reasons[1]: not there, now NO_TARGET"]),
        (changed(orders=[PLAN["orders"][0] | {"quantity": "2"}]), ["orders[buy X].quantity: 1, now 2"]),
        (changed(orders=[PLAN["orders"][0] | {"lots": [{"quantity": "1"}, {"quantity": "3"}]}]),
         ["orders[buy X].lots[1].quantity: 2, now 3"]),
        (changed(more=True), ["more: not there, now True"]),
        (dict(reversed(PLAN.items())), ["plan: its keys are in another order"]),
    ],
)  # fmt: skip
def test_each_place_is_named(again: dict[str, Any], told: list[str]) -> None:
    assert list(differences(PLAN, again)) == told
