"""household.yaml says what is true: its tables by plain arithmetic, where accounts end by the planner itself."""

import re
from decimal import Decimal
from math import ceil
from typing import Any

import pytest
import yaml

from domain.telling import plan_json
from domain.values.purpose import FULL, Purpose
from reading.files.what_if import plans as _plans
from tests.examples.test_examples import EXAMPLES, LINE, NO_BAND, bands, breach, values

PATH = EXAMPLES / "household.yaml"
TEXT = PATH.read_text()
BOOK: dict[str, Any] = yaml.load(TEXT, Loader=yaml.BaseLoader)
ACCOUNTS = {account["id"]: account for account in BOOK["accounts"]}
PRICE = {security["symbol"]: Decimal(security["price"]) for security in BOOK["securities"]}


def comment(account_id: str) -> str:
    """What stands above an account in household.yaml."""
    return TEXT.split(f"# ── {account_id} ·")[1].split("  - id: ")[0]


def planned(account_id: str, purpose: Purpose = FULL) -> dict[str, Any]:
    ((plan, _),) = _plans(PATH, account_id, "best_fit", purpose)
    return plan_json.as_json(plan)


def traded(plan: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(order["side"], order["quantity"], order["symbol"]) for order in plan["orders"]]


@pytest.mark.parametrize("account_id", ACCOUNTS)
def test_the_table_above_an_account_is_its_arithmetic(account_id: str) -> None:
    account, text = ACCOUNTS[account_id], comment(account_id)
    reserved = sum((Decimal(each["amount"]) for each in account.get("withdrawals", [])), Decimal(0))
    named = bands(BOOK, account["target"], Decimal(1), "0.20")
    held = values(BOOK, account | {"cash": str(Decimal(account["cash"]) - reserved)}, named)
    total = sum(held.values())
    lines = LINE.findall(text)
    assert {key: figures for key, *figures, _end, _breach in lines} == {
        key: [f"{value:,.2f}", f"{value / total * 100:.2f}"]
        + [f"{bound * 100:.2f}" if key in named else "" for bound in named.get(key, NO_BAND)[1:]]
        for key, value in held.items()
    }
    assert {line[0]: line[-1] for line in lines} == {key: breach(key, held[key] / total, named) for key in held}
    assert f"managed value {total:,.2f} = " in text


@pytest.mark.parametrize("account_id", ACCOUNTS)
def test_it_ends_where_the_table_says(account_id: str) -> None:
    text, plan = comment(account_id), planned(account_id)
    assert {line[0]: line[5] for line in LINE.findall(text)} == {
        each["component"]: f"{Decimal(each['planned_weight']) * 100:.2f}" for each in plan["components"]
    }
    stated = re.search(r"# Outcome +(\w+)(, with warnings|, no trade|)\n", text)
    assert stated
    warned = any(each["severity"] == "warning" for each in plan["findings"])
    assert stated[1] == plan["expected_status"]
    assert stated[2] == (", with warnings" if warned else "" if plan["orders"] else ", no trade")
    reasons = re.search(r"# Reasons +(.+)\n", text)
    assert reasons and reasons[1] == (", ".join(plan["queue_reasons"]) or "none")


def test_the_joint_account_trades_what_its_arithmetic_comes_to() -> None:
    plan = planned("M-1")
    sold = {symbol: Decimal(quantity) for side, quantity, symbol in traded(plan) if side == "sell"}
    bought = {symbol: Decimal(quantity) for side, quantity, symbol in traded(plan) if side == "buy"}
    recognised_loss = (200 - 80) * Decimal(5)  # of 80 SMOKE the loss is disallowed
    lacking = 16_800 - 8_000 - 308 * PRICE["SMOKE"]
    assert sold == {"OIL": 100, "SMOKE": 200 + 108, "WIND": 20, "OAK": ceil(lacking / PRICE["OAK"])}
    assert bought == {"INDEX": (13_400 + 1_200) / PRICE["INDEX"]}
    recognised = 100 * Decimal(10) + 20 * Decimal(5) + 53 * Decimal(12) + 108 * Decimal(8) - recognised_loss
    assert recognised == Decimal(ACCOUNTS["M-1"]["gain_budget"])
    assert Decimal(plan["gain"]["long_term"]) == recognised - 80 * Decimal(5)
    assert plan["cash"]["after"] == "5000.00"
    assert {(each["symbol"], each["amount"], each["rule"]) for each in plan["skipped"]} == {
        ("LEGACY", "1400.00", "RESTRICT-3"), ("BOND", "3400.00", "WASH-1"), ("SMOKE", "3840.00", "LOT-2"),
    }  # fmt: skip
    (washed,) = (each for each in plan["findings"] if each["rule"] == "WASH-2")
    assert Decimal(washed["evidence"]["disallowed_loss"]) == 80 * Decimal(5)


def test_the_exempt_account_alone_and_together() -> None:
    assert traded(planned("M-2")) == [
        ("buy", "25", "ELM"), ("buy", "30", "OAK"), ("buy", "9", "OIL"), ("buy", "37", "SMOKE"),
    ]  # fmt: skip
    together = {plan.account_id: plan_json.as_json(plan) for plan, _ in _plans(PATH, None, "best_fit", FULL)}
    assert "SMOKE" not in {symbol for side, _, symbol in traded(together["M-2"]) if side == "buy"}
    assert together["M-1"] == planned("M-1")


def test_the_trust_raises_cash_from_the_most_overweight_first() -> None:
    plan = planned("M-3", Purpose("raise_cash", Decimal(5000)))
    assert traded(plan) == [("sell", "2", "BOND"), ("sell", "44", "INDEX")]
    there = 2_000 - Decimal("0.015") * 100_000  # above cash's lower destination bound
    assert sum(Decimal(order["amount"]) for order in plan["orders"]) == 5_000 - there
