"""The numbers of the rules: dated, with unit and meaning; a firm's file comes before the defaults."""

from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from domain.values.policy import OF_NO_PLAN, Policy
from domain.values.rules import catalogue
from policy import CHOICES, FIRM_FILE, KEEPING, NAMES, PolicyRefused, in_force, numbers

DAY = date(2026, 11, 20)
NUMBER = """
minimum_trade_amount:
  says: The smallest amount that an order may have.
  rule: ORDER-3
  unit: account currency
  values:
    - {from: 2026-01-01, value: "250.00", because: "ticket charges"}
    - {from: 2025-01-01, value: "200", because: "as before"}
"""


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a firm's file is expected."""
    path = tmp_path / "firm.yaml"
    monkeypatch.setenv(FIRM_FILE, str(path))
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold_relative", "0.20"),
        ("precision_relative", "0.04"),
        ("cash_threshold_floor", "0.01"),
        ("cash_precision_floor", "0.005"),
        ("minimum_trade_amount", "100.00"),
        ("minimum_trade_weight", "0.0005"),
        ("price_max_age_days", 3),
        ("signal_exact_change", "0.005"),
        ("tax_rate_short", "0.37"),
        ("tax_rate_long", "0.20"),
        ("wash_sale_days", 30),
        ("four_eyes", True),
        ("ordinary_offset", "3000.00"),
    ],
)
def test_the_defaults(key: str, value: str | int | bool) -> None:
    wanted = Decimal(value) if isinstance(value, str) else value
    found = getattr(in_force(DAY), key)
    assert (found, type(found)) == (wanted, type(wanted))


def test_every_number_has_a_meaning_a_unit_a_rule_and_a_reason() -> None:
    known = {rule.code for rule, _ in catalogue()} | {"SIGNAL-2"}
    assert list(numbers()) == [*(field.name for field in fields(Policy)), *NAMES, *CHOICES, *KEEPING]
    for number in numbers().values():
        assert number.says.endswith(".")
        assert number.unit
        assert number.rule in known
        assert all(each.because for each in number.values)


def test_a_plan_records_every_number() -> None:
    assert in_force(DAY).as_json().keys() == numbers().keys() - {*NAMES, *CHOICES, *KEEPING} - OF_NO_PLAN


@pytest.mark.parametrize(
    ("day", "amount"),
    [(date(2025, 1, 1), "200"), (date(2025, 12, 31), "200"), (date(2026, 1, 1), "250.00"), (DAY, "250.00")],
)
def test_a_firms_number_counts_from_its_day(firm: Path, day: date, amount: str) -> None:
    firm.write_text(NUMBER)
    assert in_force(day).minimum_trade_amount == Decimal(amount)
    assert in_force(day).threshold_relative == Decimal("0.20")


def test_before_its_first_day_a_number_has_no_value(firm: Path) -> None:
    firm.write_text(NUMBER)
    with pytest.raises(
        PolicyRefused, match=r"firm.yaml: minimum_trade_amount has no value for 2024-12-31; the first is"
    ):
        in_force(date(2024, 12, 31))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "an object of policy keys is needed"),
        ("", "an object of policy keys is needed"),
        ("a: [", "can't be read"),
        ("minimum_trade: {}", "unknown key minimum_trade; known are threshold_relative"),
        ("minimum_trade_amount: 3", "minimum_trade_amount: an object is needed"),
        (NUMBER.replace("says", "say"), "minimum_trade_amount: 'says' is missing"),
        (NUMBER.replace("because", "why"), "minimum_trade_amount: 'because' is missing"),
        (NUMBER.replace('"250.00"', "250.5"), 'minimum_trade_amount: write the number as a string, "250.5"'),
        (NUMBER.replace('"250.00"', '"-1"'), "minimum_trade_amount: a number of 0 or more is needed, not -1"),
        (NUMBER.replace('"250.00"', "NaN"), "minimum_trade_amount: a number of 0 or more is needed, not NaN"),
        (NUMBER.replace('"250.00"', '"much"'), "minimum_trade_amount: "),
        (NUMBER.replace("2026-01-01", "soon"), "minimum_trade_amount: "),
        (NUMBER[: NUMBER.index("values")] + "values: []\n", "minimum_trade_amount: it has no values"),
        (NUMBER.replace("minimum_trade_amount", "four_eyes"), "four_eyes: true or false is needed"),
        (NUMBER.replace("minimum_trade_amount", "tax_rate_long"), "tax_rate_long: a share of one is needed, like 0.20"),
        (
            NUMBER.replace("minimum_trade_amount", "wash_sale_days").replace("250.00", "30.5"),
            "wash_sale_days: a whole number is needed, not 30.5",
        ),
    ],
)
def test_a_firms_file_that_can_not_be_used_says_why(firm: Path, text: str, said: str) -> None:
    firm.write_text(text)
    with pytest.raises(PolicyRefused) as refused:
        in_force(DAY)
    assert said in str(refused.value)


def test_a_firms_file_that_is_not_there(firm: Path) -> None:
    with pytest.raises(PolicyRefused, match=r"firm.yaml can't be read"):
        in_force(DAY)


def test_overrides_replace_and_the_last_wins() -> None:
    policy = in_force(DAY).overridden({"tax_rate_long": Decimal(1), "four_eyes": False}, {"tax_rate_long": Decimal(0)})
    assert (policy.tax_rate_long, policy.tax_rate_short) == (Decimal(0), Decimal("0.37"))
    assert not policy.four_eyes
    assert in_force(DAY).overridden({}) == in_force(DAY)
