"""What a year's totals cost: the table of the rule, and every total against the lines of Schedule D (TAX-1)."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.tax.lots import Gain
from domain.tax.netting import Assessment, assess, difference
from policy import in_force

POLICY = in_force(date(2026, 11, 20))  # 37 % and 20 %; 3,000.00 offset ordinary income

AMOUNTS = st.decimals(-60_000, 60_000, places=2)
TOTALS = st.builds(Gain, AMOUNTS, AMOUNTS)


def D(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


@pytest.mark.parametrize(
    ("short", "long", "tax", "carried_short", "carried_long"),
    [
        ("0", "0", "0", "0", "0"),
        ("4,000", "1,500", "1,780.00", "0", "0"),  # 4,000 × 37 % + 1,500 × 20 %
        ("-26,500", "26,500", "0.00", "0", "0"),
        ("4,000", "-1,500", "925.00", "0", "0"),  # 2,500 × 37 %
        ("-1,500", "4,000", "500.00", "0", "0"),  # 2,500 × 20 %
        ("-30,000", "20,000", "-1,110.00", "-7,000", "0"),  # 10,000 lost, 3,000 × 37 % saved
        ("20,000", "-30,000", "-1,110.00", "0", "-7,000"),
        ("-2,000", "-500", "-925.00", "0", "0"),  # 2,500 × 37 %, all within the limit
        ("-2,000", "-4,000", "-1,110.00", "0", "-3,000"),  # short first: 2,000, then 1,000 of the long
        ("-5,000", "-4,000", "-1,110.00", "-2,000", "-4,000"),
        ("0", "-1,000", "-370.00", "0", "0"),  # ordinary income is what it offsets, whatever the loss was
    ],
)
def test_the_table(short: str, long: str, tax: str, carried_short: str, carried_long: str) -> None:
    found = assess(Gain(D(short), D(long)), POLICY)
    assert found == Assessment(D(tax), Gain(D(carried_short), D(carried_long)))


def test_the_limit_is_policy() -> None:
    separate = POLICY.overridden({"ordinary_offset": Decimal(1500)})
    assert assess(Gain(D("-30,000"), D("20,000")), separate) == Assessment(D("-555.00"), Gain(D("-8,500"), D("0")))


def schedule_d(short: Decimal, long: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Tax, and the losses carried, by the form's lines and its worksheet for carryovers: losses above 0."""
    zero = Decimal(0)
    line_7, line_15 = short, long
    line_16 = line_7 + line_15
    if line_16 >= 0:
        capital = max(zero, min(line_15, line_16))  # what the worksheet for the tax takes at the capital gain rate
        return (line_16 - capital) * POLICY.tax_rate_short + capital * POLICY.tax_rate_long, zero, zero
    line_21 = min(-line_16, POLICY.ordinary_offset)
    sheet_5, sheet_6 = max(zero, -line_7), max(zero, line_15)
    carried_short = max(zero, sheet_5 - (line_21 + sheet_6))
    sheet_9, sheet_10, sheet_11 = max(zero, -line_15), max(zero, line_7), max(zero, line_21 - sheet_5)
    carried_long = max(zero, sheet_9 - (sheet_10 + sheet_11))
    return -line_21 * POLICY.tax_rate_short, carried_short, carried_long


@given(TOTALS)
@settings(max_examples=500)
def test_it_is_what_schedule_d_says(total: Gain) -> None:
    tax, short, long = schedule_d(total.short_term, total.long_term)
    found = assess(total, POLICY)
    assert abs(found.tax - tax) <= Decimal("0.005")
    assert (-found.carried.short_term, -found.carried.long_term) == (short, long)


@given(TOTALS)
def test_nothing_of_a_loss_goes_missing(total: Gain) -> None:
    """What is carried and what was offset are the net loss; a gain carries nothing."""
    found = assess(total, POLICY)
    offset = min(max(Decimal(0), -total.net), POLICY.ordinary_offset)
    assert found.carried.net == min(Decimal(0), total.net) + offset


@given(TOTALS, TOTALS)
def test_a_plan_costs_what_it_adds_to_the_year(year: Gain, plan: Gain) -> None:
    """By definition; and never more than its gains at the highest rate, nor less than its losses at it save."""
    found = difference(year, plan, POLICY)
    assert found.tax == assess(year + plan, POLICY).tax - assess(year, POLICY).tax
    gains = sum(max(Decimal(0), each) for each in (plan.short_term, plan.long_term))
    losses = sum(min(Decimal(0), each) for each in (plan.short_term, plan.long_term))
    cent = Decimal("0.01")
    assert losses * POLICY.tax_rate_short - cent <= found.tax <= gains * POLICY.tax_rate_short + cent
