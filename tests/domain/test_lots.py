"""Which lots a sale gives up, each as a story: before, what is sold, what is relieved, after."""

import functools
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.tax import lots
from domain.tax.lots import RELIEF, RelievedLot, Term, relieve
from domain.values.snapshot import Account, Lot, Sleeve
from policy import in_force
from tests.domain.numbers import number

POLICY = in_force(date(2026, 7, 15))
LOT = re.compile(r"([\d.,]+) (?:@ ([\d.,]+) (\S{10})|unknown)(?: gain (-?[\d.,]+) (short|long))?")
SALE = re.compile(r"([\d.,]+) @ ([\d.,]+) on (\S{10}), (\w+)(?:, rates ([\d.]+) short ([\d.]+) long)?")


def story(test: Callable[[], None]) -> Callable[[], None]:
    """Runs the sale that the test's docstring tells, and compares what it says is relieved and remains."""

    @functools.wraps(test)
    def told() -> None:
        parts: dict[str, list[str]] = {}
        word = ""
        for line in (test.__doc__ or "").strip().splitlines():
            found = re.match(r" {4}(before|sell|relieved|after)", line) or re.match(r"(before)", line)
            word = found[1] if found else word
            text = line.strip().removeprefix(word).strip()
            parts.setdefault(word, []).extend(each for each in re.split(r" {3,}", text) if each)
        sale = SALE.fullmatch(parts["sell"][0])
        assert sale, f"{parts['sell']} can't be understood"
        policy = POLICY.overridden(
            {"tax_rate_short": number(sale[5]), "tax_rate_long": number(sale[6])} if sale[5] else {}
        )
        before = [_relieved(text).lot for text in parts["before"]]
        given, left = relieve(before, number(sale[1]), number(sale[2]), date.fromisoformat(sale[3]), sale[4], policy)
        assert list(given) == [_relieved(text) for text in parts["relieved"]]
        assert list(left) == [_relieved(text).lot for text in parts.get("after", [])]

    return told


def _relieved(text: str) -> RelievedLot:
    """`500 @ 28.00 2026-01-05 gain 4,000.00 short`, or `500 unknown`."""
    found = LOT.fullmatch(text)
    assert found, f'"{text}" can\'t be understood'
    quantity, cost, day, gain, held = found.groups()
    lot = Lot(number(quantity), number(cost) if cost else None, date.fromisoformat(day) if day else None)
    term: Term | None = {"short": "short", "long": "long"}.get(held)  # type: ignore[assignment]
    return RelievedLot(lot, number(gain) if gain else None, term)


@story
def test_fifo_sells_the_oldest_first() -> None:
    """
    before   500 @ 28.00 2026-01-05   1000 @ 10.00 2021-01-04   1000 @ 25.00 2025-01-06
    sell     1500 @ 36.00 on 2026-07-15, fifo
    relieved 1000 @ 10.00 2021-01-04 gain 26,000.00 long   500 @ 25.00 2025-01-06 gain 5,500.00 long
    after    500 @ 28.00 2026-01-05   500 @ 25.00 2025-01-06
    """


@story
def test_lifo_sells_the_newest_first() -> None:
    """
    before   1000 @ 10.00 2021-01-04   1000 @ 25.00 2025-01-06   500 @ 28.00 2026-01-05
    sell     600 @ 36.00 on 2026-07-15, lifo
    relieved 500 @ 28.00 2026-01-05 gain 4,000.00 short   100 @ 25.00 2025-01-06 gain 1,100.00 long
    after    1000 @ 10.00 2021-01-04   900 @ 25.00 2025-01-06
    """


@story
def test_hifo_sells_the_dearest_first() -> None:
    """
    before   1000 @ 10.00 2021-01-04   1000 @ 25.00 2025-01-06   500 @ 28.00 2026-01-05
    sell     500 @ 36.00 on 2026-07-15, hifo
    relieved 500 @ 28.00 2026-01-05 gain 4,000.00 short
    after    1000 @ 10.00 2021-01-04   1000 @ 25.00 2025-01-06
    """


@story
def test_hifo_takes_the_older_of_two_as_dear() -> None:
    """
    before   10 @ 28.00 2026-01-05   10 @ 28.00 2025-01-06
    sell     5 @ 36.00 on 2026-07-15, hifo
    relieved 5 @ 28.00 2025-01-06 gain 40.00 long
    after    10 @ 28.00 2026-01-05   5 @ 28.00 2025-01-06
    """


@story
def test_min_tax_sells_losses_first() -> None:
    """
    before   10 @ 35.00 2021-01-04   10 @ 40.00 2021-01-04   10 @ 37.00 2026-01-05
    sell     15 @ 36.00 on 2026-07-15, min_tax
    relieved 10 @ 40.00 2021-01-04 gain -40.00 long   5 @ 37.00 2026-01-05 gain -5.00 short
    after    10 @ 35.00 2021-01-04   5 @ 37.00 2026-01-05
    """


@story
def test_min_tax_sells_long_before_short_at_equal_gain() -> None:
    """
    before   10 @ 30.00 2026-01-05   10 @ 30.00 2025-01-06
    sell     10 @ 36.00 on 2026-07-15, min_tax
    relieved 10 @ 30.00 2025-01-06 gain 60.00 long
    after    10 @ 30.00 2026-01-05
    """


@story
def test_min_tax_sells_long_before_short_where_there_is_no_gain() -> None:
    """
    before   10 @ 36.00 2026-01-05   10 @ 36.00 2025-01-06
    sell     10 @ 36.00 on 2026-07-15, min_tax
    relieved 10 @ 36.00 2025-01-06 gain 0.00 long
    after    10 @ 36.00 2026-01-05
    """


@story
def test_min_tax_weighs_the_gain_by_its_rate() -> None:
    """5.00 short cost 37 % = 1.85 of tax, 9.00 long 20 % = 1.80, 10.00 long 2.00.

    before   10 @ 26.00 2021-01-04   10 @ 31.00 2026-01-05   10 @ 27.00 2022-01-04
    sell     15 @ 36.00 on 2026-07-15, min_tax
    relieved 10 @ 27.00 2022-01-04 gain 90.00 long   5 @ 31.00 2026-01-05 gain 25.00 short
    after    10 @ 26.00 2021-01-04   5 @ 31.00 2026-01-05
    """


@story
def test_min_tax_sells_losses_first_where_long_gains_are_not_taxed() -> None:
    """
    before   10 @ 30.00 2020-01-06   10 @ 40.00 2021-01-04
    sell     10 @ 36.00 on 2026-07-15, min_tax, rates 0.37 short 0 long
    relieved 10 @ 40.00 2021-01-04 gain -40.00 long
    after    10 @ 30.00 2020-01-06
    """


@story
def test_min_tax_takes_an_unknown_basis_last_as_if_all_were_gain() -> None:
    """
    before   10 unknown   10 @ 1.00 2026-01-05
    sell     15 @ 36.00 on 2026-07-15, min_tax
    relieved 10 @ 1.00 2026-01-05 gain 350.00 short   5 unknown
    after    5 unknown
    """


@story
def test_hifo_takes_an_unknown_basis_last() -> None:
    """
    before   10 unknown   10 @ 1.00 2026-01-05
    sell     10 @ 36.00 on 2026-07-15, hifo
    relieved 10 @ 1.00 2026-01-05 gain 350.00 short
    after    10 unknown
    """


@story
def test_fifo_takes_an_unknown_basis_as_the_oldest() -> None:
    """
    before   10 @ 1.00 2021-01-04   10 unknown
    sell     10 @ 36.00 on 2026-07-15, fifo
    relieved 10 unknown
    after    10 @ 1.00 2021-01-04
    """


@story
def test_lifo_takes_an_unknown_basis_as_the_oldest() -> None:
    """
    before   10 unknown   10 @ 1.00 2021-01-04
    sell     10 @ 36.00 on 2026-07-15, lifo
    relieved 10 @ 1.00 2021-01-04 gain 350.00 long
    after    10 unknown
    """


@story
def test_lots_of_one_day_go_in_the_order_of_the_books() -> None:
    """
    before   10 @ 30.00 2021-01-04   10 @ 20.00 2021-01-04
    sell     15 @ 36.00 on 2026-07-15, fifo
    relieved 10 @ 30.00 2021-01-04 gain 60.00 long   5 @ 20.00 2021-01-04 gain 80.00 long
    after    5 @ 20.00 2021-01-04
    """


@story
def test_all_is_sold_with_its_fraction() -> None:
    """
    before   10 @ 30.00 2021-01-04   0.37 @ 20.00 2021-01-04
    sell     10.37 @ 36.00 on 2026-07-15, fifo
    relieved 10 @ 30.00 2021-01-04 gain 60.00 long   0.37 @ 20.00 2021-01-04 gain 5.92 long
    """


@story
def test_a_gain_is_in_cents_for_each_lot() -> None:
    """0.333 × 1.005 = 0.334665, and 0.125 × −0.10 = −0.0125.

    before   0.333 @ 34.995 2021-01-04   0.125 @ 36.10 2026-01-05
    sell     0.458 @ 36.00 on 2026-07-15, fifo
    relieved 0.333 @ 34.995 2021-01-04 gain 0.33 long   0.125 @ 36.10 2026-01-05 gain -0.01 short
    """


@pytest.mark.parametrize(
    ("acquired", "sold", "held"),
    [
        ("2025-07-15", "2026-07-14", "short"),
        ("2025-07-15", "2026-07-15", "short"),  # a year is not more than a year
        ("2025-07-15", "2026-07-16", "long"),
        ("2025-12-31", "2026-12-31", "short"),
        ("2025-12-31", "2027-01-01", "long"),
        ("2024-02-29", "2025-02-28", "short"),  # the day before its year is over
        ("2024-02-29", "2025-03-01", "long"),
        ("2023-02-28", "2024-02-28", "short"),
        ("2023-02-28", "2024-02-29", "short"),  # its year began on 1 March 2023
        ("2023-02-28", "2024-03-01", "long"),
        ("2024-02-28", "2025-02-28", "short"),
        ("2024-02-28", "2025-03-01", "long"),
        ("2023-03-01", "2024-03-01", "short"),
        ("2023-03-01", "2024-03-02", "long"),
        ("2026-07-15", "2026-07-15", "short"),
    ],
)
def test_held_more_than_one_year_is_long_term(acquired: str, sold: str, held: str) -> None:
    assert lots.term(date.fromisoformat(acquired), date.fromisoformat(sold)) == held


def test_more_than_is_held_can_not_be_sold() -> None:
    with pytest.raises(ValueError, match="the lots hold 10, less than the 11 sold"):
        relieve([Lot(Decimal(10))], Decimal(11), Decimal(1), date(2026, 7, 15), "fifo", POLICY)


@pytest.mark.parametrize(
    ("tax_status", "own", "method"),
    [("taxable", None, "min_tax"), ("exempt", None, "fifo"), ("taxable", "hifo", "hifo"), ("exempt", "lifo", "lifo")],
)
def test_the_method_is_the_accounts_own_or_its_tax_statuss(tax_status: str, own: str | None, method: str) -> None:
    empty = Sleeve("managed", Decimal(0), ())
    account = Account("A", "", "", tax_status, "open", True, None, empty, lot_relief=own)  # type: ignore[arg-type]
    assert lots.method_of(account) == method


DAYS = st.dates(date(2019, 1, 1), date(2026, 7, 15))
LOTS = st.lists(
    st.builds(Lot, st.integers(1, 50).map(Decimal), st.one_of(st.none(), st.integers(1, 60).map(Decimal)), DAYS),
    min_size=1,
    max_size=6,
)


@settings(derandomize=True, database=None, deadline=None)
@given(LOTS, st.integers(0, 100), st.sampled_from(sorted(RELIEF)))
def test_what_is_relieved_and_what_remains_are_what_was_there(held: list[Lot], percent: int, method: str) -> None:
    total = sum((lot.quantity for lot in held), Decimal(0))
    sold = total * percent / 100
    given, left = relieve(held, sold, Decimal(30), date(2026, 7, 15), method, POLICY)
    assert sum((each.lot.quantity for each in given), Decimal(0)) == sold
    for cost, day in {(lot.cost_per_share, lot.acquired) for lot in held}:

        def quantity(among: list[Lot], cost: Decimal | None = cost, day: date | None = day) -> Decimal:
            return sum((lot.quantity for lot in among if (lot.cost_per_share, lot.acquired) == (cost, day)), Decimal(0))

        assert quantity(held) == quantity([each.lot for each in given]) + quantity(list(left))


@settings(derandomize=True, database=None, deadline=None)
@given(LOTS, st.integers(1, 100))
def test_no_method_costs_less_tax_than_min_tax(held: list[Lot], percent: int) -> None:
    known = [Lot(lot.quantity, lot.cost_per_share or Decimal(5), lot.acquired) for lot in held]
    sold = sum((lot.quantity for lot in known), Decimal(0)) * percent / 100

    def tax(method: str) -> Decimal:
        given, _ = relieve(known, sold, Decimal(30), date(2026, 7, 15), method, POLICY)
        gain = lots.gain(given)
        return gain.short_term * POLICY.tax_rate_short + gain.long_term * POLICY.tax_rate_long

    cent = Decimal("0.01") * len(known)  # gains are rounded for each lot
    assert all(tax("min_tax") <= tax(method) + cent for method in RELIEF)
