"""Which losses are disallowed, share for share: the rule as stories, and a slow matching of single shares (WASH-2)."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.tax.wash_matching import Acquisition, LotSale, matched
from domain.values.money import to_cent

TODAY = date(2026, 11, 20)
LONG_AGO = date(2024, 1, 2)
DAYS = 30


def sold(
    shares: int, each: str, account: str = "A-1", acquired: date = LONG_AGO, day: date = TODAY, cost: str = "20"
) -> LotSale:
    """Shares of X sold on a day, with the gain a share."""
    return LotSale(account, "X", day, Decimal(shares), shares * Decimal(each), Decimal(cost), acquired)


def bought(
    shares: int,
    day: date,
    account: str = "A-1",
    status: str = "taxable",
    cost: str | None = "9",
    until: date | None = None,
) -> Acquisition:
    """Shares of X bought on a day."""
    at = None if cost is None else Decimal(cost)
    return Acquisition(account, status, "X", day, Decimal(shares), at, until)  # type: ignore[arg-type]


def test_the_rules_own_figure() -> None:
    """100 sold at −10.00 each; 10 reinvested, 30 bought in the IRA, 25 in the spouse's account."""
    [found] = matched(
        [sold(100, "-10.00")],
        [
            bought(10, date(2026, 11, 2)),
            bought(30, date(2026, 11, 3), "IRA", "deferred"),
            bought(25, date(2026, 11, 4), "A-2"),
        ],
        DAYS,
    )
    assert [(each.by.account_id, each.loss, each.is_lost) for each in found.replaced] == [
        ("A-1", Decimal("100.00"), False),
        ("IRA", Decimal("300.00"), True),
        ("A-2", Decimal("250.00"), False),
    ]
    assert (found.deferred, found.lost, found.allowed) == (Decimal(350), Decimal(300), Decimal(350))
    assert found.recognised == Decimal(-350)


def test_what_is_deferred_is_added_to_the_cost_and_the_days_held_are_taken_over() -> None:
    """Held from 2026-11-10 less the 1,053 days from 2024-01-02 to 2026-11-20 (26 U.S.C. 1223(3))."""
    [found] = matched([sold(40, "-10.00")], [bought(40, date(2026, 11, 10), cost="9")], DAYS)
    [by] = found.replaced
    assert (by.cost_per_share, by.holding_from) == (Decimal(19), date(2026, 11, 10) - timedelta(1053))


@pytest.mark.parametrize("status", ["exempt", "deferred", "roth"])
def test_in_an_exempt_account_it_is_lost(status: str) -> None:
    [found] = matched([sold(5, "-10.00")], [bought(5, TODAY, "IRA", status)], DAYS)
    assert (found.lost, found.deferred, found.replaced[0].cost_per_share) == (Decimal(50), Decimal(0), None)


@pytest.mark.parametrize(
    ("day", "washed"),
    [
        (date(2026, 10, 20), False),
        (date(2026, 10, 21), True),  # 30 days before
        (date(2026, 11, 20), True),
        (date(2026, 12, 20), True),  # 30 days after
        (date(2026, 12, 21), False),
    ],
)
def test_the_window_is_61_days(day: date, washed: bool) -> None:
    [found] = matched([sold(1, "-10.00")], [bought(1, day)], DAYS)
    assert bool(found.replaced) is washed


def test_the_turn_of_the_year_makes_no_difference() -> None:
    [found] = matched([sold(1, "-10.00", day=date(2026, 12, 20))], [bought(1, date(2027, 1, 19))], DAYS)
    assert found.disallowed == 10


def test_an_acquired_share_is_used_once_over_all_sales() -> None:
    """25 in the IRA, 100 sold in each of two accounts: 25 × 10.00 in all, the first account's."""
    first, second = matched(
        [sold(100, "-10.00", "A-1"), sold(100, "-10.00", "A-2")], [bought(25, TODAY, "IRA", "exempt")], DAYS
    )
    assert (first.disallowed, second.disallowed) == (Decimal(250), Decimal(0))


def test_an_earlier_sale_comes_first() -> None:
    early = date(2026, 11, 1)
    late, earlier = matched([sold(30, "-1.00"), sold(20, "-2.00", day=early)], [bought(25, date(2026, 11, 5))], DAYS)
    assert (late.disallowed, earlier.disallowed) == (Decimal(5), Decimal(40))


def test_on_one_day_the_shares_bought_first_come_first() -> None:
    newer, older = matched([sold(10, "-1.00", acquired=date(2025, 5, 5)), sold(10, "-2.00")], [bought(15, TODAY)], DAYS)
    assert (newer.disallowed, older.disallowed) == (Decimal(5), Decimal(20))


def test_acquired_shares_are_taken_in_order_of_acquisition() -> None:
    [found] = matched([sold(10, "-1.00")], [bought(8, TODAY), bought(8, date(2026, 11, 1), "A-2")], DAYS)
    assert [(each.by.account_id, each.shares) for each in found.replaced] == [("A-2", 8), ("A-1", 2)]


def test_a_share_does_not_replace_its_own_purchase() -> None:
    day = date(2026, 11, 1)
    [found] = matched([sold(60, "-1.00", acquired=day, cost="9")], [bought(10, day, cost="9")], DAYS)
    assert found.replaced == ()
    [other] = matched([sold(60, "-1.00", acquired=day, cost="9")], [bought(10, day, cost="8")], DAYS)
    assert other.disallowed == 10


def test_shares_that_are_gone_replace_nothing_but_what_was_sold_before() -> None:
    """Bought on the 5th and sold on the 15th: they replaced what was sold on the 10th, and nothing sold on the 20th."""
    late, early = matched(
        [sold(10, "-1.00"), sold(10, "-1.00", day=date(2026, 11, 10))],
        [bought(20, date(2026, 11, 5), until=date(2026, 11, 15))],
        DAYS,
    )
    assert (late.disallowed, early.disallowed) == (Decimal(0), Decimal(10))


def test_a_gain_and_an_unknown_cost_wash_nothing() -> None:
    sales = [sold(10, "1.00"), LotSale("A-1", "X", TODAY, Decimal(10), None)]
    found = matched(sales, [bought(20, TODAY)], DAYS)
    assert [each.replaced for each in found] == [(), ()]
    assert [(each.recognised, each.allowed) for each in found] == [(Decimal(10), 0), (None, 0)]


def test_thirds_of_a_cent_sum_to_the_loss() -> None:
    """0.01 over three shares replaced by three purchases: 0.00, 0.01 and 0.00, never 0.00 in all."""
    sale = LotSale("A-1", "X", TODAY, Decimal(3), Decimal("-0.01"), None, LONG_AGO)
    [found] = matched([sale], [bought(1, TODAY - timedelta(each)) for each in range(3)], DAYS)
    assert (found.disallowed, found.allowed) == (Decimal("0.01"), 0)


# --- against single shares ---------------------------------------------------------------------------------------

ACCOUNTS = {"A-1": "taxable", "A-2": "taxable", "IRA": "roth"}
NEAR = st.integers(-40, 40).map(lambda days: TODAY + timedelta(days))
SALES = st.builds(
    lambda shares, each, account, acquired, day: sold(shares, str(each), account, min(acquired, day), day, cost="9"),
    st.integers(1, 6),
    st.integers(-4, 1),
    st.sampled_from(["A-1", "A-2"]),
    st.one_of(st.just(LONG_AGO), NEAR),
    st.integers(0, 40).map(lambda days: TODAY - timedelta(days)),
)
BUYS = st.builds(
    lambda shares, day, account, held: bought(shares, day, account, ACCOUNTS[account], until=held and day + held),
    st.integers(1, 6),
    NEAR,
    st.sampled_from(sorted(ACCOUNTS)),
    st.one_of(st.none(), st.integers(1, 40).map(timedelta)),
)


def share_by_share(sales: Sequence[LotSale], buys: Sequence[Acquisition]) -> list[tuple[int, int]]:
    """For each sale, the shares of it that are deferred and lost: one share after the other looks for its own."""
    shares = [
        buy
        for buy in sorted(buys, key=lambda each: (each.day, each.account_id, each.until or date.max))
        for _ in range(int(buy.quantity))
    ]
    used = [False] * len(shares)
    found = [(0, 0)] * len(sales)
    order = sorted(range(len(sales)), key=lambda at: (sales[at].day, sales[at].acquired, sales[at].account_id))
    for at in order:
        sale = sales[at]
        for _ in range(int(sale.quantity) if sale.gain is not None and sale.gain < 0 else 0):
            for place, buy in enumerate(shares):
                inside = -DAYS <= (buy.day - sale.day).days <= DAYS
                there = buy.until is None or buy.until > sale.day
                itself = (buy.account_id, buy.day) == (sale.account_id, sale.acquired)
                if inside and there and not itself and not used[place]:
                    used[place] = True
                    deferred, lost = found[at]
                    taxable = buy.tax_status == "taxable"
                    found[at] = (deferred + taxable, lost + (not taxable))
                    break
    return found


@given(st.lists(SALES, min_size=1, max_size=5), st.lists(BUYS, max_size=5))
@settings(max_examples=400)
def test_it_is_what_single_shares_say(sales: list[LotSale], buys: list[Acquisition]) -> None:
    for settled, (deferred, lost) in zip(matched(sales, buys, DAYS), share_by_share(sales, buys), strict=True):
        a_share = -(settled.sale.gain or Decimal(0)) / settled.sale.quantity
        assert settled.deferred == to_cent(deferred * a_share)
        assert settled.lost == to_cent(lost * a_share)
        assert settled.allowed == max(Decimal(0), -(settled.sale.gain or 0)) - settled.disallowed
