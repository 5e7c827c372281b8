"""Numbers: rounded to the side that is meant, shared out to the cent, and written in one way."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.values import money
from domain.values.money import share_out
from tests.domain.numbers import number


@pytest.mark.parametrize(
    ("amount", "nearest", "up", "down"),
    [
        ("1.005", "1.00", "1.01", "1.00"),  # halves to even
        ("1.015", "1.02", "1.02", "1.01"),
        ("-1.005", "-1.00", "-1.00", "-1.01"),
        ("1.01", "1.01", "1.01", "1.01"),
        ("0.0000001", "0.00", "0.01", "0.00"),
        (
            "12345678901234567890123456789012.345",
            "12345678901234567890123456789012.34",
            "12345678901234567890123456789012.35",
            "12345678901234567890123456789012.34",
        ),
    ],
)
def test_cents(amount: str, nearest: str, up: str, down: str) -> None:
    with localcontext(prec=5):  # whatever the caller counts with
        found = [money.to_cent(Decimal(amount)), money.up_to_cent(Decimal(amount)), money.down_to_cent(Decimal(amount))]
    assert [str(each) for each in found] == [nearest, up, down]


@pytest.mark.parametrize(
    ("quantity", "increment", "down", "up"),
    [
        ("10.37", "1", "10", "11"),
        ("10", "1", "10", "10"),
        ("0.1234", "0.001", "0.123", "0.124"),
        ("250", "100", "200", "300"),
        ("0", "1", "0", "0"),
    ],
)
def test_increments(quantity: str, increment: str, down: str, up: str) -> None:
    assert money.down_to_increment(Decimal(quantity), Decimal(increment)) == Decimal(down)
    assert money.up_to_increment(Decimal(quantity), Decimal(increment)) == Decimal(up)


@settings(derandomize=True, database=None)
@given(st.integers(-10_000_000, 10_000_000), st.lists(st.integers(1, 100_000), min_size=1, max_size=20))
def test_shares_sum_to_the_whole_and_none_is_a_cent_off(cents: int, parts: list[int]) -> None:
    total = Decimal(cents) / 100
    shares = share_out(total, [Decimal(part) / 1000 for part in parts])
    assert sum(shares) == total
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - total * part / sum(parts)) <= Decimal("0.01")
        assert share == money.to_cent(share)


@pytest.mark.parametrize(
    ("function", "given", "text"),
    [
        (money.money, "1234567.895", "1,234,567.90"),
        (money.money, "-0.5", "-0.50"),
        (money.percent, "0.104", "10.40 %"),
        (money.percent, "0.12345", "12.34 %"),
        (money.plain, "1200", "1200"),
        (money.plain, "1E+3", "1000"),
        (money.plain, "0.2500", "0.25"),
        (money.plain, "3.000", "3"),
        (money.cents, "-0.001", "0.00"),
        (money.cents, "1234.5", "1234.50"),
        (money.cents, "1E+3", "1000.00"),
        (money.weight_text, "0.2", "0.20"),
        (money.weight_text, "0.123456789012", "0.123456789"),
        (money.weight_text, "0.3333333333333", "0.3333333333"),
        (money.weight_text, "1", "1.00"),
    ],
)
def test_how_numbers_are_written(function: object, given: str, text: str) -> None:
    assert function(number(given)) == text  # type: ignore[operator]
