"""The examples say what is true: prices against the source, and every figure in the tables of demo.yaml's comments.

Plain arithmetic with Decimal on purpose, without the domain: a witness that shares no code with what it checks.
"""

import csv
import gzip
import json
import re
import runpy
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = (EXAMPLES / "demo.yaml").read_text()
BOOK: dict[str, Any] = yaml.load(TEXT, Loader=yaml.BaseLoader)  # every scalar stays the string that was written
CASE: dict[str, Any] = json.loads((EXAMPLES / "analyst-case.json").read_text())
ACCOUNTS = {account["id"]: account for account in BOOK["accounts"]}
MINIMUMS = {model["id"]: Decimal(model["investment_minimum"]) for model in BOOK["models"]}
with (EXAMPLES / "prices" / "us-large-caps.csv").open(newline="") as _file:
    CLOSES = {(row["symbol"], row["date"]): row["close"] for row in csv.DictReader(_file)}

Band = tuple[Decimal, Decimal, Decimal]  # weight, lower and upper threshold
NO_BAND: Band = (Decimal(0), Decimal(0), Decimal(0))
LINE = re.compile(  # component, value, weight, lower and upper threshold, where it ends, breach
    r"  #   (\S+) +([\d,.]+) +([\d.]+) % +(?:([\d.]+) % to ([\d.]+) %|none) +([\d.]+) %(?: +(\w+))?$", re.M
)


def comment(account_id: str) -> str:
    """What stands above an account in demo.yaml."""
    return TEXT.split(f"# ── {account_id} ·")[1].split("  - id: ")[0]


def lots(account: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    held = [*account.get("holdings", []), *account.get("protected", [])]
    held += [holding for sleeve in account.get("sleeves", []) for holding in sleeve["holdings"]]
    return [(holding["symbol"], lot) for holding in held for lot in holding.get("lots", [])]


def worth(book: dict[str, Any], holdings: list[dict[str, Any]]) -> Decimal:
    price = {security["symbol"]: Decimal(security["price"]) for security in book["securities"]}
    return sum(
        (
            Decimal(part["quantity"]) * price[holding["symbol"]]
            for holding in holdings
            for part in holding.get("lots", [holding])
        ),
        Decimal(0),
    )


def bands(book: dict[str, Any], target_id: str, share: Decimal, default: str) -> dict[str, Band]:
    """Weight and threshold of every component, sub-targets flattened; cash is what the others leave."""
    targets = {target["id"]: target["components"] for target in book["targets"]}
    flat: dict[str, Band] = {}
    for part in targets.get(target_id, []):
        weight, threshold = share * Decimal(part["weight"]), part.get("threshold", {})
        relative = threshold.get("relative", default)
        if "target" in part:
            flat |= bands(book, part["target"], weight, relative)
        elif "cash" not in part:
            key = f"model:{part['model']}" if "model" in part else f"security:{part['security']}"
            lower = Decimal(threshold.get("lower", weight * (1 - Decimal(relative))))
            flat[key] = (weight, lower, Decimal(threshold.get("upper", weight * (1 + Decimal(relative)))))
    if share == 1 and flat:
        cash = 1 - sum((band[0] for band in flat.values()), Decimal(0))
        half = max(cash / 5, Decimal("0.01"))
        flat["cash"] = (cash, cash - half, cash + half)
    return flat


def values(book: dict[str, Any], account: dict[str, Any], named: dict[str, Band]) -> dict[str, Decimal]:
    """What each component is worth; nothing for one that the account doesn't hold."""
    held = {key: Decimal(0) for key in named} | {"cash": Decimal(account["cash"])}
    for sleeve in account.get("sleeves", []):
        held[f"model:{sleeve['model']}"] = Decimal(sleeve["cash"]) + worth(book, sleeve["holdings"])
    for holding in account.get("holdings", []):
        key = f"security:{holding['symbol']}"
        held[key if key in named else f"unassigned:{holding['symbol']}"] = worth(book, [holding])
    return held


def test_prices_and_lot_costs_are_the_closes_of_their_day() -> None:
    for security in BOOK["securities"]:
        assert CLOSES[security["symbol"], security.get("price_as_of", BOOK["as_of"])] == security["price"], security
    for account in BOOK["accounts"]:
        for symbol, lot in lots(account):
            assert CLOSES[symbol, lot["acquired"]] == lot["cost_per_share"], (account["id"], symbol, lot)


def test_every_model_adds_up_to_the_whole_and_no_target_beyond() -> None:
    for group, parts in (("models", "holdings"), ("targets", "components")):
        for item in BOOK[group] + CASE[group]:
            total = sum(Decimal(part["weight"]) for part in item[parts])
            assert total == 1 if group == "models" else total <= 1, (item["id"], total)


def breach(key: str, weight: Decimal, named: dict[str, Band]) -> str:
    _, lower, upper = named.get(key, (weight, weight, weight))
    return "below" if weight < lower else "above" if weight > upper else ""


@pytest.mark.parametrize("account_id", ACCOUNTS)
def test_the_table_above_an_account_is_its_arithmetic(account_id: str) -> None:
    text = comment(account_id)
    named = bands(BOOK, ACCOUNTS[account_id]["target"], Decimal(1), "0.20")
    held = values(BOOK, ACCOUNTS[account_id], named)
    total = sum(held.values())
    lines = LINE.findall(text)
    assert {key: figures for key, *figures, _end, _breach in lines} == {
        key: [f"{value:,.2f}", f"{value / total * 100:.2f}"]
        + [f"{bound * 100:.2f}" if key in named else "" for bound in named.get(key, NO_BAND)[1:]]
        for key, value in held.items()
    }
    assert {line[0]: line[-1] for line in lines} == {key: breach(key, held[key] / total, named) for key in held}
    assert f"managed value {total:,.2f} = " in text
    ends = [Decimal(line[5]) for line in lines]  # a planner confirms them; here, that they are the whole account
    assert sum(ends) == pytest.approx(100, abs=Decimal("0.03"))


@pytest.mark.parametrize("account_id", ACCOUNTS)
def test_the_reasons_follow_from_the_table(account_id: str) -> None:
    account, lines = ACCOUNTS[account_id], LINE.findall(comment(account_id))
    reasons = {
        {"cash below": "LOW_CASH", "cash above": "HIGH_CASH"}.get(f"{key} {out}", "OUTSIDE_TOLERANCE")
        for key, *_, out in lines
        if out or key.startswith("unassigned:")
    }
    if account["target"] == "null":
        reasons = {"NO_TARGET"}
    elif account["first_rebalanced"] == "null":
        reasons |= {"FIRST_REBALANCE"}
    stated = re.search(r"# Reasons +([^;]*?)(;|\n  # [^ ]|\n  #\n)", comment(account_id))
    assert stated
    assert set(re.findall(r"[A-Z_]{2,}", stated[1])) == (reasons if account["rebalancing"] == "true" else set())


@pytest.mark.parametrize("account_id", ACCOUNTS)
def test_the_outcome_follows_from_the_minimums(account_id: str) -> None:
    account = ACCOUNTS[account_id]
    named = bands(BOOK, account["target"], Decimal(1), "0.20")
    total = sum(values(BOOK, account, named).values())
    models = {key[6:]: weight for key, (weight, _, _) in named.items() if key.startswith("model:")}
    opening = set(models) - {sleeve["model"] for sleeve in account.get("sleeves", [])}
    missed = {model for model in opening if models[model] * total < MINIMUMS[model]}
    expected = "COMPLETE" if not missed else "FAILED" if missed == set(models) else "COMPLETE_WITH_ERRORS"
    stated = re.search(r"# Outcome +(\w+)", comment(account_id))
    assert stated and stated[1] == ("FAILED" if account_id == "A-113" else expected)


def test_a_minimum_is_met_to_the_cent() -> None:
    assert Decimal(ACCOUNTS["A-102"]["cash"]) * Decimal("0.20") == MINIMUMS["LARGE-GROWTH"]


def test_only_the_account_that_cannot_be_checked_holds_the_stale_price() -> None:
    (stale,) = (security for security in BOOK["securities"] if "price_as_of" in security)
    days = {date for _, date in CLOSES if stale["price_as_of"] < date <= BOOK["as_of"]}
    assert len(days) == 6
    assert {account["id"] for account in BOOK["accounts"] if stale["symbol"] in dict(lots(account))} == {"A-113"}


def test_the_protected_holding_would_matter_if_it_counted() -> None:
    account, named = ACCOUNTS["A-112"], bands(BOOK, "BALANCED", Decimal(1), "0.20")
    held = values(BOOK, account, named)
    inflated = sum(held.values()) + worth(BOOK, account["protected"])
    assert all(held[key] / inflated < named[key][1] for key in named if key != "cash")


def test_the_analysts_case_is_in_round_numbers() -> None:
    named = bands(CASE, "CORE-PLUS", Decimal(1), "0.20")
    held = values(CASE, CASE["accounts"][0], named)
    assert held == {"model:TREES": 13000, "security:INDEX": 85000, "cash": 2000}
    assert held["model:TREES"] / sum(held.values()) > named["model:TREES"][2]


def test_the_extract_keeps_the_days_it_says_and_rounds_to_cents(tmp_path: Path) -> None:
    extract = runpy.run_path(str(EXAMPLES / "prices" / "extract.py"))
    days = [f"2022-{month:02}-{day:02},1.005,2.3" for month in (11, 12) for day in range(1, 21)]
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        table = "\n".join(["Date,BBB,AAA", "2014-06-16,1.004,1", "2014-06-17,1,1", *days])
        wheel.writestr(extract["DATASET"], gzip.compress(table.encode()))
    rows = extract["closes"](tmp_path / "a.whl")
    assert len(rows) == 2 * (1 + 36)
    assert rows[0] == ("AAA", "2014-06-16", Decimal("1.00"))
    assert rows[-1] == ("BBB", "2022-12-20", Decimal("1.01"))
