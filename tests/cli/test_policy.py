"""`rebalancer policy`: the numbers in force, with what each means."""

from pathlib import Path
from typing import Any

import yaml

from domain.values.policy import POLICY_KEYS
from policy import CHOICES, DEFAULTS, KEEPING, NAMES
from tests.cli.conftest import Command, Said

FIRM = """
minimum_trade_amount:
  says: The smallest amount that an order may have.
  rule: ORDER-3
  unit: account currency
  values:
    - {from: 2020-01-01, value: "250.00", because: "ticket charges of our custodian"}
    - {from: 2026-07-01, value: "50.00", because: "ticket charges were dropped"}
"""


def by_key(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    return {each["key"]: each for each in said.json}


def test_every_number_with_its_meaning(command: Command) -> None:
    listed = by_key(command("policy", "--format", "json"))
    assert list(listed) == list(yaml.safe_load(DEFAULTS.read_text())), "in the order of the file, related ones together"
    assert listed.keys() == {*POLICY_KEYS, *NAMES, *CHOICES, *KEEPING}
    assert listed["four_eyes"]["value"] is True
    assert listed["price_max_age_days"]["value"] == 3
    found = listed["threshold_relative"]
    assert found.pop("says").startswith("How far a component may drift from its weight")
    assert found == {
        "key": "threshold_relative",
        "value": "0.20",
        "unit": "share of the component's weight",
        "rule": "TARGET-3",
        "since": "2000-01-01",
        "because": "the default of large platforms for target components",
        "source": "defaults.yaml",
    }


def test_the_firms_file_by_date(command: Command, tmp_path: Path) -> None:
    """
    firm     250.00 since 2020-01-01, 50.00 since 2026-07-01
    asked    2026-06-30, 2026-07-01
    """
    firm = tmp_path / "firm.yaml"
    firm.write_text(FIRM)
    asked = ("policy", "--format", "json", "--as-of")
    before = by_key(command(*asked, "2026-06-30", REBALANCER_POLICY=str(firm)))["minimum_trade_amount"]
    after = by_key(command(*asked, "2026-07-01", REBALANCER_POLICY=str(firm)))["minimum_trade_amount"]
    assert (before["value"], before["since"], before["source"]) == ("250.00", "2020-01-01", "firm.yaml")
    assert (after["value"], after["since"]) == ("50.00", "2026-07-01")


def test_what_the_last_book_overrides(command: Command, database_url: str, tmp_path: Path) -> None:
    book = tmp_path / "book.yaml"
    book.write_text('as_of: "2026-11-20"\npolicy: {minimum_trade_amount: "40.00"}\naccounts: [{id: A-1}]\n')
    assert command("load", str(book), REBALANCER_DATABASE_URL=database_url).code == 0
    listed = by_key(command("policy", "--format", "json", REBALANCER_DATABASE_URL=database_url))
    found = listed["minimum_trade_amount"]
    assert (found["value"], found["firm_value"], found["source"]) == ("40.00", "100.00", "book of 2026-11-20")


def test_a_database_that_does_not_answer_is_no_reason_to_fail(command: Command) -> None:
    said = command("policy", REBALANCER_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert said.code == 0
    assert "minimum_trade_amount" in said.out
    assert "what the last book overrides is not shown" in said.err


def test_what_is_no_day(command: Command) -> None:
    assert command("policy", "--as-of", "yesterday").code == 2
    said = command("policy", "--as-of", "1999-12-31")
    assert (said.code, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert "the first is of 2000-01-01" in said.err
