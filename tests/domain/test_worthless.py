"""A worthless security is held at nothing, never traded, and never in the way (CHECK-1)."""

from datetime import date
from typing import Any

import pytest

from domain.books.book import BookRefused, read_account, read_market
from domain.evaluation import evaluate
from domain.plan import plan
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import kept, restored
from policy import in_force

DAY = date(2026, 11, 20)
SECURITIES = [
    {"symbol": "X", "price": "100.00"},
    {"symbol": "GONE", "price": "0", "worthless": True, "type": "stock", "asset_class": "equity"},
]
ACCOUNT = {
    "id": "A-1", "target": "T", "first_rebalanced": "2026-01-05", "cash": "200.00",
    "holdings": [{"symbol": "X", "quantity": "98"},
                 {"symbol": "GONE", "lots": [{"quantity": "500", "cost_per_share": "12", "acquired": "2019-01-02"}]}],
}  # fmt: skip
TARGET = {"id": "T", "components": [{"security": "X", "weight": "0.98"}]}


def snapshot(*, account: dict[str, Any] | None = None, target: dict[str, Any] | None = None) -> Snapshot:
    market = read_market({"as_of": str(DAY), "securities": SECURITIES, "targets": [target or TARGET]}, in_force(DAY))
    read = read_account(ACCOUNT | (account or {}), 0, market)
    return Snapshot(DAY, read, market.targets, market.models, market.securities, DAY)


@pytest.mark.parametrize("target", ["T", None])
def test_it_is_never_traded(target: str | None) -> None:
    made = plan(snapshot(account={"target": target}), in_force(DAY))
    assert made.can_be_planned
    assert {each.symbol for each in made.orders} == ({"X"} if target is None else set())
    assert not [each for each in made.skipped if each.symbol == "GONE"]
    assert made.managed_value == 10_000


def test_it_queues_nobody() -> None:
    assert evaluate(snapshot(), in_force(DAY)).kind == "inside"


def test_a_target_can_not_hold_it() -> None:
    of_both = {"id": "T", "components": [{"security": "X", "weight": "0.9"}, {"security": "GONE", "weight": "0.1"}]}
    made = plan(snapshot(target=of_both), in_force(DAY))
    assert not made.can_be_planned
    assert "its target holds GONE, which is worthless" in made.findings[0].message


def test_a_snapshot_keeps_it_and_what_says_nothing_is_not_kept() -> None:
    raw = kept(snapshot())
    assert raw["securities"]["GONE"]["worthless"] is True
    assert set(raw["securities"]["X"]) == {"symbol", "name", "price", "price_as_of", "quantity_increment"}
    assert kept(restored(raw)) == raw
    assert restored(raw).securities == snapshot().securities


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"price": "0"}, 'securities[0].price: input should be greater than 0, or "worthless": true beside it'),
        ({"price": "1", "worthless": True}, "securities[0].worthless: its price is 1: one of them is wrong"),
        ({"identifiers": {"cusip": "037833101"}}, "securities[0].identifiers.cusip: 037833101 is no cusip: its check"),
        ({"identifiers": {"ric": "X.N"}}, "securities[0].identifiers.ric: is not a key of the book format"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(security: dict[str, Any], told: str) -> None:
    with pytest.raises(BookRefused) as refused:
        read_market({"as_of": str(DAY), "securities": [{"symbol": "X"} | security]}, in_force(DAY))
    assert str(refused.value).startswith(told)


def test_a_name_is_of_one_security() -> None:
    twice = [{"symbol": each, "identifiers": {"aliases": ["SAME"]}} for each in ("X", "Y")]
    with pytest.raises(BookRefused, match=r'securities\[1\]\.identifiers\.aliases\[0\]: "SAME" is that of X already'):
        read_market({"as_of": str(DAY), "securities": twice}, in_force(DAY))
