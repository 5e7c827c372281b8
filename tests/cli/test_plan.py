"""`rebalancer plan`: the plan's public form, its exit status, and what it says of books that it can't use."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from domain.values.policy import OF_NO_PLAN, POLICY_KEYS
from tests.cli.conftest import Command

EXAMPLES = Path(__file__).parents[2] / "examples"
CASE, DEMO = str(EXAMPLES / "analyst-case.json"), str(EXAMPLES / "demo.yaml")
SOUND = json.loads((EXAMPLES / "analyst-case.json").read_text())
Json = dict[str, Any]

KEYS = {
    "plan": {
        "account_id", "as_of", "mode", "kind", "amount", "liquidation", "managed_value", "expected_status",
        "queue_reasons", "components", "orders", "transfers", "skipped", "cash", "gain", "tax", "findings", "policy",
    },
    "components": {
        "component", "weight", "lower", "upper", "precision_lower", "precision_upper", "current_value",
        "current_weight", "breach", "sleeve", "outcome", "planned_value", "planned_weight",
    },
    "orders": {
        "side", "symbol", "quantity", "price", "amount", "allocations", "lots", "gain", "rule", "reason",
    },
    "transfers": {"from", "to", "symbol", "quantity", "price", "amount", "lots", "rule", "reason"},
    "skipped": {"side", "symbol", "quantity", "amount", "rule", "reason"},
    "findings": {"rule", "severity", "message", "evidence"},
}  # fmt: skip


def in_lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


def shape(plan: Json) -> None:
    """Every key of the contract and no other, decimals as strings."""
    assert plan.keys() == KEYS["plan"]
    for part in ("components", "orders", "transfers", "skipped", "findings"):
        for each in plan[part]:
            opens = part == "components" and each["sleeve"] == "opening"  # it has a minimum to reach (MINIMUM-1)
            assert each.keys() == KEYS[part] | ({"investment_minimum"} if opens else set()), part
    for order in plan["orders"]:
        assert all(part.keys() == {"sleeve", "quantity"} for part in order["allocations"])
        assert all(lot.keys() == {"acquired", "quantity", "cost_per_share", "gain", "term"} for lot in order["lots"])
        assert order["gain"].keys() == {"short_term", "long_term"}
    assert plan["cash"].keys() == {"before", "after"}
    assert plan["policy"].keys() == set(POLICY_KEYS) - OF_NO_PLAN
    assert "." not in json.dumps(numbers(plan)), "a decimal is a string, never a float"


def numbers(value: Any) -> list[Any]:
    """Everything in a JSON value that is a bare number."""
    if isinstance(value, dict):
        return [each for item in value.values() for each in numbers(item)]
    if isinstance(value, list):
        return [each for item in value for each in numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@pytest.mark.parametrize(
    ("mode", "orders", "trees", "cash"),
    [
        ("best_fit", "sell 16 ASH, sell 16 ELM, sell 36 OAK, buy 21 INDEX", "10400.00", "2500.00"),
        ("min_transaction", "sell 20 OAK", "12000.00", "3000.00"),
        ("exact", "sell 20 ASH, sell 20 ELM, sell 40 OAK, buy 30 INDEX", "10000.00", "2000.00"),
    ],
)
def test_the_analysts_case(command: Command, mode: str, orders: str, trees: str, cash: str) -> None:
    """The figures of examples/README.md."""
    said = command("plan", "--book", CASE, "--account", "A-1", "--mode", mode, "--format", "json")
    assert (said.code, said.err) == (0, "")
    plan = said.json
    shape(plan)
    assert ", ".join(f"{each['side']} {each['quantity']} {each['symbol']}" for each in plan["orders"]) == orders
    assert plan["components"][0]["planned_value"] == trees
    assert plan["cash"] == {"before": "2000.00", "after": cash}
    assert (plan["managed_value"], plan["mode"], plan["queue_reasons"]) == ("100000.00", mode, ["OUTSIDE_TOLERANCE"])


def test_values_are_written_as_the_contract_has_them(command: Command) -> None:
    plan = command("plan", "--book", CASE, "--account", "A-1", "--format", "json").json
    assert plan["components"][0] == {
        "component": "model:TREES", "weight": "0.10", "lower": "0.08", "upper": "0.12", "precision_lower": "0.096",
        "precision_upper": "0.104", "current_value": "13000.00", "current_weight": "0.13", "breach": "above",
        "sleeve": "open", "outcome": "accepted", "planned_value": "10400.00", "planned_weight": "0.104",
    }  # fmt: skip
    oak = next(each for each in plan["orders"] if each["symbol"] == "OAK")
    assert oak["allocations"] == [{"sleeve": "model:TREES", "quantity": "36"}]
    assert oak["lots"] == [
        {"acquired": "2026-05-04", "quantity": "36", "cost_per_share": "45.00", "gain": "180.00", "term": "short"}
    ]
    assert (oak["price"], oak["amount"], oak["rule"]) == ("50.00", "1800.00", "DESTINATION-1")
    assert "13.00 % to 10.40 %" in oak["reason"]
    (funding,) = plan["transfers"]
    assert (funding["from"], funding["to"], funding["amount"]) == ("model:TREES", "managed", "2600.00")
    assert (funding["symbol"], funding["quantity"]) == (None, None)
    assert plan["gain"] == {"short_term": "180.00", "long_term": "160.00"}  # OAK 36 × 5; ASH 16 × 5, ELM 16 × 5


@pytest.fixture(scope="module")
def demo() -> dict[str, tuple[list[str], str]]:
    """By account: the reasons and the outcome that the table of examples/README.md has."""
    rows = [line.split(" | ") for line in (EXAMPLES / "README.md").read_text().splitlines() if line.startswith("| A-")]
    return {
        row[0].strip("| "): (
            [] if row[2].startswith("nothing") else row[2].split(", "),
            row[3].split(",")[0].strip(" |"),
        )
        for row in rows
    }


def test_the_demo_book_plans_as_its_table_says(command: Command, demo: dict[str, tuple[list[str], str]]) -> None:
    said = command("plan", "--book", DEMO, "--all", "--format", "jsonl")
    assert (said.code, said.err) == (0, "")
    plans = {plan["account_id"]: plan for plan in in_lines(said.out)}
    assert len(demo) == 14
    assert {
        account: (plan.get("queue_reasons", []), plan["expected_status"]) for account, plan in plans.items()
    } == demo
    for account, plan in plans.items():
        if account == "A-113":
            assert plan.keys() == {"account_id", "expected_status", "findings"}
            assert [each["severity"] for each in plan["findings"]] == ["error"]
        else:
            shape(plan)
    assert plans["A-106"]["liquidation"] is True
    assert any(each["symbol"] for each in plans["A-103"]["transfers"]), "a stock crosses between its sleeves"


def test_all_as_one_list_and_as_lines_are_the_same(command: Command) -> None:
    listed = command("plan", "--book", DEMO, "--all", "--format", "json").json
    assert listed == in_lines(command("plan", "--book", DEMO, "--all", "--format", "jsonl").out)
    (alone,) = in_lines(command("plan", "--book", DEMO, "--account", "A-103", "--format", "jsonl").out)
    assert alone in listed


def test_the_table_is_the_default_and_for_people(command: Command) -> None:
    said = command("plan", "--book", CASE, "--account", "A-1")
    assert (said.code, said.err) == (0, "")
    assert "A-1" in said.out
    assert "OAK" in said.out
    assert not said.out.startswith("{")


def test_an_account_that_is_not_there(command: Command) -> None:
    said = command("plan", "--book", CASE, "--account", "A-9", "--format", "json")
    assert said.code == 1
    assert said.json["expected_status"] == "FAILED"
    assert said.json.keys() == {"account_id", "expected_status", "findings"}
    (finding,) = said.json["findings"]
    assert (finding["rule"], finding["severity"]) == ("CHECK-1", "error")
    assert said.err.startswith("rebalancer: account A-9 is unknown")
    assert len(said.err.splitlines()) == 1


def test_an_account_that_can_not_be_planned(command: Command) -> None:
    said = command("plan", "--book", DEMO, "--account", "A-113", "--format", "json")
    assert said.code == 1
    assert said.json["findings"][0]["evidence"]["symbols"] == ["RRC"]
    assert "RRC (price of 2022-12-19)" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--book", CASE),
        ("--book", CASE, "--all", "--account", "A-1"),
        ("--book", CASE, "--all", "--mode", "best"),
        ("--book", CASE, "--all", "--format", "xml"),
        ("--account", "A-1"),
    ],
)
def test_wrong_usage(command: Command, arguments: tuple[str, ...]) -> None:
    said = command("plan", *arguments)
    assert (said.code, said.out) == (2, "")
    assert "Error:" in said.err
    assert "Traceback" not in said.err


def test_a_bad_book_is_refused_with_every_problem_and_its_path(command: Command, tmp_path: Path) -> None:
    book = copy.deepcopy(SOUND)
    book["securities"][2]["price"] = "abc"
    book["targets"][0]["components"][0]["weight"] = "0.2"
    book["accounts"][0]["shoe"] = "left"
    book["accounts"][0]["sleeves"][0]["holdings"][0]["symbol"] = "FIR"
    book["accounts"].append(copy.deepcopy(SOUND["accounts"][0]))
    path = tmp_path / "book.json"
    path.write_text(json.dumps(book))
    said = command("plan", "--book", str(path), "--all", "--format", "json")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        f"rebalancer: {path} refused, 5 problems; nothing was changed. Correct the file and try again:",
        '  securities[2].price: input should be a valid decimal, not "abc"',
        "  targets[0]: target CORE-PLUS: the weights sum to 110.00 %, 10.00 % too much (TARGET-1)",
        "  accounts[0].shoe: is not a key of the book format",
        '  accounts[0].sleeves[0].holdings[0].symbol: unknown symbol "FIR"',
        '  accounts[1].id: "A-1" is there twice',
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nan.json", '{"as_of": "2026-11-20", "securities": [{"symbol": "X", "price": NaN}]}'),
        ("empty.json", ""),
        ("text.json", "as_of: 2026-11-20"),
        ("lone.json", '{"as_of": "2026-11-20", "accounts": [{"id": "\\ud800", "\\udfff": 1}]}'),
        ("nobody.json", '{"as_of": "2026-11-20", "account_groups": [{"id": "G", "accounts": ["A-9"]}]}'),
        ("float.yaml", "as_of: 2026-11-20\nsecurities: [{symbol: X, price: .nan}]\n"),
        ("tag.yaml", "as_of: !!timestamp 2026-13-45\n"),
        ("deep.yaml", "[" * 50_000),
        ("late.json", '{"as_of": "9999-12-31"}'),
        ("early.json", '{"as_of": "1999-12-31"}'),
    ],
)
def test_no_bad_book_shows_a_traceback(command: Command, tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    said = command("plan", "--book", str(path), "--all")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("rebalancer: ")
    assert "Traceback" not in said.err


def test_a_binary_file_a_folder_and_nothing_at_all(command: Command, tmp_path: Path) -> None:
    binary = tmp_path / "book.json"
    binary.write_bytes(bytes(range(256)))
    for path, why in ((binary, "is not UTF-8 text"), (tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        said = command("plan", "--book", str(path), "--all")
        assert (said.code, said.out) == (1, "")
        assert why in said.err
        assert "Traceback" not in said.err


def test_numbers_as_large_as_the_format_allows_are_planned_exactly(command: Command, tmp_path: Path) -> None:
    book = copy.deepcopy(SOUND)
    book["securities"][0]["price"] = "9999999999999999.999999999999"
    book["accounts"][0]["sleeves"][0]["holdings"][0] = {"symbol": "OAK", "quantity": "9999999999999999.999999999999"}
    path = tmp_path / "book.json"
    path.write_text(json.dumps(book))
    plan = command("plan", "--book", str(path), "--account", "A-1", "--format", "json").json
    # (10^16 − 10^−12)² = 10^32 − 20,000.00 + 10^−24, and 93,000.00 of INDEX, ELM, ASH and cash
    assert plan["managed_value"] == "100000000000000000000000000073000.00"


def test_a_target_and_an_account_may_allow_older_prices(command: Command, tmp_path: Path) -> None:
    """Of 2026-11-13 is five trading days old; three are allowed."""
    book = copy.deepcopy(SOUND)
    book["securities"][0]["price_as_of"] = "2026-11-13"
    path = tmp_path / "book.json"

    def status() -> Any:
        path.write_text(json.dumps(book))
        return command("plan", "--book", str(path), "--account", "A-1", "--format", "json").json["expected_status"]

    assert status() == "FAILED"
    book["targets"][0]["policy"] = {"price_max_age_days": 5}
    assert status() == "COMPLETE"
    book["accounts"][0]["policy"] = {"price_max_age_days": 4}
    assert status() == "FAILED"


def test_the_household_s_losses_count(command: Command, tmp_path: Path) -> None:
    """WASH-1: INDEX would be bought, and another account of the group sold it at a loss."""
    book = copy.deepcopy(SOUND)
    sale = {"symbol": "INDEX", "date": "2026-11-10", "quantity": "1", "gain": "-5.00"}
    book["accounts"].append({"id": "A-2", "cash": "1.00", "recent_sales": [sale]})
    path = tmp_path / "book.json"
    path.write_text(json.dumps(book))
    assert (
        command("plan", "--book", str(path), "--account", "A-1", "--format", "json").json["expected_status"]
        == "COMPLETE"
    )
    book["account_groups"] = [{"id": "G", "accounts": ["A-1", "A-2"]}]
    path.write_text(json.dumps(book))
    plan = command("plan", "--book", str(path), "--account", "A-1", "--format", "json").json
    assert "INDEX" not in {order["symbol"] for order in plan["orders"]}
    (skipped,) = plan["skipped"]
    assert (skipped["side"], skipped["symbol"], skipped["rule"]) == ("buy", "INDEX", "WASH-1")
    assert "the sale of 1 INDEX on 2026-11-10 in account A-2; it may be bought from 2026-12-11" in skipped["reason"]


def test_the_same_book_gives_the_same_bytes(command: Command) -> None:
    first = command("plan", "--book", DEMO, "--all", "--format", "jsonl")
    again = command("plan", "--book", DEMO, "--all", "--format", "jsonl", PYTHONHASHSEED="7")
    assert first.out == again.out
