"""Blocks: who goes with whom, what is stated, who leaves, what is carried over (BLOCK-1 to BLOCK-6, ROT-1)."""

from datetime import date
from decimal import Decimal

import pytest

from domain.executing import blocks
from domain.executing.allocation import DayFilled, capacity, cumulative, days
from domain.executing.blocks import Offer, Side, formed
from domain.executing.booking import ExecutablePlan, Fill, Leg
from domain.executing.execution import resized_buys
from domain.values.money import ZERO
from tests.domain.planning import snapshot_of


def offer(
    account: str,
    quantity: str,
    side: Side = "buy",
    symbol: str = "VTI",
    price: str = "288",
    increment: str = "1",
    leg: int = 1,
) -> Offer:
    """A leg of an account's rebalance."""
    return Offer(account, f"R-{account}", leg, side, symbol, Decimal(quantity), Decimal(increment), Decimal(price))


def _told(*offers: Offer) -> list[tuple[str, str, Decimal, int]]:
    return [(each.side, each.symbol, each.price, each.units) for each in formed(offers)]


def test_one_block_for_each_security_side_and_limit_sells_first() -> None:
    """BLOCK-1, BLOCK-4"""
    told = _told(
        offer("1", "5"),
        offer("2", "6"),
        offer("3", "7", price="289"),
        offer("1", "4", "sell", "XOM"),
        offer("2", "1", symbol="AAA"),
    )
    assert told == [
        ("sell", "XOM", Decimal(288), 4),
        ("buy", "AAA", Decimal(288), 1),
        ("buy", "VTI", Decimal(288), 11),
        ("buy", "VTI", Decimal(289), 7),
    ]


def test_an_account_is_in_a_block_once() -> None:
    """BLOCK-1: what it offers besides is in the next one."""
    assert _told(offer("1", "5", leg=1), offer("1", "9", leg=2)) == [("buy", "VTI", Decimal(288), 5)]


@pytest.mark.parametrize(
    ("quantity", "increment", "units", "tail"),
    [
        ("12", "1", 12, "0"),
        ("12.345", "0.001", 12, "0.345"),  # whole shares in the block, the tail on its own
        ("0.9", "0.1", 0, "0.9"),
        ("30", "10", 3, "0"),  # units of ten shares
        ("35.5", "10", 3, "5.5"),  # a whole holding is sold, odd lot and fraction included
        ("2.5", "0.3", 8, "0.1"),  # one share is no multiple of it
    ],
)
def test_whole_increments_and_a_tail(quantity: str, increment: str, units: int, tail: str) -> None:
    """BLOCK-2"""
    assert blocks.divided(Decimal(quantity), blocks.unit_of(Decimal(increment))) == (units, Decimal(tail))


def test_what_is_less_than_a_unit_forms_no_block() -> None:
    assert formed([offer("1", "0.9", increment="0.1")]) == ()
    (block,) = formed([offer("1", "0.9", increment="0.1"), offer("2", "1.25", increment="0.01")])
    assert [(each.offer.account, each.units, each.tail) for each in block.members] == [("2", 1, Decimal("0.25"))]


def test_the_statement_says_who_takes_part_and_its_digest_holds_it() -> None:
    """BLOCK-3"""
    (block,) = formed([offer("B", "6"), offer("A", "5")])
    told = blocks.statement("B-000001", "PAPER", block)
    assert [(each["account_id"], each["units"]) for each in told["accounts"]] == [("A", 5), ("B", 6)]
    assert told["total"] == 11
    assert told["digest"] == blocks.digest(told)
    told["accounts"][0]["units"] = 6
    assert told["digest"] != blocks.digest(told)
    assert blocks.first_segment(told).targets == (("A", 6), ("B", 6))


def test_who_leaves_before_the_release_is_not_in_it() -> None:
    """BLOCK-5"""
    (block,) = formed([offer("B", "6"), offer("A", "5")])
    assert blocks.without(block, "A").units == 6


def test_leaving_twice_at_the_same_fill() -> None:
    """BLOCK-5: the segment that nothing was filled in gives way to the next."""
    first = blocks.first_segment({"block_id": "B-1", "accounts": [{"account_id": a, "units": 10} for a in "ABC"]})
    at = 6
    had = cumulative((first,), at)
    once = blocks.left("B-1", (first,), "A", at, 10 - had["A"])
    twice = blocks.left("B-1", once, "B", at, 10 - had["B"])
    assert [each.name for each in twice] == ["B-1/1", "B-1/3"]
    assert cumulative(twice, capacity(twice)) == {"A": had["A"], "B": had["B"], "C": 10}
    none = blocks.left("B-1", twice, "C", at, 10 - had["C"])
    assert capacity(none) == at
    assert cumulative(none, at) == had


def test_more_than_an_account_lacks_is_not_taken_out() -> None:
    first = blocks.first_segment({"block_id": "B-1", "accounts": [{"account_id": "A", "units": 10}]})
    with pytest.raises(ValueError, match="A lacked 4 units, not 5"):
        blocks.left("B-1", (first,), "A", 6, 5)


def test_what_a_day_leaves_goes_on_as_a_child_or_ends() -> None:
    """BLOCK-6"""
    first = blocks.first_segment({"block_id": "B-000001", "accounts": [{"account_id": "A", "units": 10}]})
    assert blocks.carried((first,), 6, "carry") == 4
    assert blocks.carried((first,), 6, "end") == 0
    assert [blocks.child("B-000001", day) for day in (1, 2)] == ["B-000001", "B-000001/2"]


@pytest.mark.parametrize(
    ("legs", "side"),
    [
        ([("sell", False), ("buy", False)], "sell"),
        ([("sell", True), ("sell", False), ("buy", False)], "sell"),
        ([("sell", True), ("buy", False)], "buy"),
        ([("buy", False)], "buy"),
        ([("sell", True), ("buy", True)], None),
    ],
)
def test_an_account_joins_buys_when_its_own_sells_are_done(legs: list[tuple[Side, bool]], side: Side | None) -> None:
    """BLOCK-4"""
    assert blocks.joins(legs) == side


def test_a_buy_is_sized_on_the_accounts_own_part_of_the_sells() -> None:
    """BLOCK-4, ORDER-4: 96 of 160 are sold at 50.005; A's 60 brought 3,000.30, and 17 VTI at 288.00 become 10."""
    sold = blocks.first_segment(
        {"block_id": "B-000002", "accounts": [{"account_id": "A", "units": 100}, {"account_id": "B", "units": 60}]}
    )
    (_, parts), *_ = days((sold,), [DayFilled(date(2026, 11, 20), 96, Decimal("4800.48"))])
    held = {"symbol": "OLD", "lots": [{"quantity": "100", "cost_per_share": "40.00", "acquired": "2024-01-02"}]}
    snapshot, _ = snapshot_of(
        {
            "as_of": "2026-11-20",
            "securities": [{"symbol": "OLD", "price": "50.005"}, {"symbol": "VTI", "price": "288.00"}],
            "accounts": [{"id": "A", "custodian": "PAPER", "cash": "0.00", "holdings": [held]}],
        }
    )
    legs = (
        Leg(1, "sell", "OLD", Decimal(100), Decimal("50.005"), (("managed", Decimal(100)),), "DESTINATION-1", ""),
        Leg(2, "buy", "VTI", Decimal(17), Decimal("288.00"), (("managed", Decimal(17)),), "DESTINATION-1", ""),
    )
    plan = ExecutablePlan(legs, (), {}, frozenset(), frozenset(), ZERO)
    sells = {1: Fill(Decimal(parts["A"].units), parts["A"].amount)}
    sized = resized_buys(snapshot.account, plan, sells, {"OLD": Decimal(1), "VTI": Decimal(1)})
    assert sells[1] == Fill(Decimal(60), Decimal("3000.30"))
    assert sized.legs[1].quantity == 10


def test_custodians_take_turns_at_being_first() -> None:
    """ROT-1"""
    turns = [blocks.in_turn(["C", "A", "B", "A"], version) for version in (3, 4, 5, 6)]
    assert turns == [("A", "B", "C"), ("B", "C", "A"), ("C", "A", "B"), ("A", "B", "C")]
    assert blocks.in_turn([], 4) == ()


def test_a_restored_number_of_a_block_is_no_name_that_was_told_before() -> None:
    """Custodians take what they were told once for told: numbers of blocks are given twice after a restore."""
    day = date(2026, 11, 20)
    assert blocks.alloc_id("B-000001", day, None, None) == "B-000001/20261120"
    assert blocks.alloc_id("B-000001", day, 2, None) == "B-000001/20261120/2"
    assert blocks.alloc_id("B-000001", day, None, "7XK2M") == "B-000001/20261120/7XK2M"
    assert blocks.alloc_id("B-000001", day, 2, "7XK2M") == "B-000001/20261120/2/7XK2M"
