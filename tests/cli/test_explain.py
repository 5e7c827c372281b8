"""`rebalancer plan --explain`: how one account's plan comes about, for people and in JSON."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

EXAMPLES = Path(__file__).parents[2] / "examples"
HOUSEHOLD, DEMO, CASE = (str(EXAMPLES / name) for name in ("household.yaml", "demo.yaml", "analyst-case.json"))
Json = dict[str, Any]


def by_title(derivation: list[Json]) -> dict[str, list[Json]]:
    """The rows of each step, as objects by column name."""
    return {
        each["title"]: [dict(zip((c["name"] for c in each["columns"]), row, strict=True)) for row in each["rows"]]
        for each in derivation
    }


def notes(derivation: list[Json]) -> str:
    return "\n".join(note for each in derivation for note in each["notes"])


def explained(command: Command, *arguments: str) -> Json:
    said = command("plan", *arguments, "--explain", "--format", "json")
    assert (said.code, said.err) == (0, "")
    found: Json = said.json
    return found


def test_the_whole_derivation_of_a_restricted_account(command: Command) -> None:
    """The figures that stand above M-1 in the book."""
    plan = explained(command, "--book", HOUSEHOLD, "--account", "M-1")
    steps = by_title(plan["derivation"])
    assert list(steps) == [
        "What the account is worth",
        "What the target asks, and where the account is",
        "What restrictions and wash sales change",
        "What the bands force",
        "What is traded for cash",
        "Inside model:GROVE, from 100,000.00 to 83,200.00",
        "What the managed sleeve trades",
        "From trades to orders",
        "Lots relieved, and their gains",
        "What is not traded",
        "Cash, before and after",
        "Where it ends",
    ]
    becomes = {row["holding"]: row["becomes"] for row in steps["What restrictions and wash sales change"]}
    assert becomes == {"OAK": "0.50", "ELM": "0.25", "WIND": "0.25", "OIL": "0", "SMOKE": "0"}
    forced = {row["component"]: row["change"] for row in steps["What the bands force"]}
    assert forced["model:GROVE"] == "-16800.00"
    assert (forced["security:INDEX"], forced["security:BOND"], forced["security:LEGACY"]) == (
        "13400.00",
        "0.00",
        "0.00",
    )
    closed = {row["component"]: (row["for cash"], row["change"]) for row in steps["What is traded for cash"]}
    assert closed["security:INDEX"] == ("1200.00", "14600.00")
    inside = {row["holding"]: row["shares"] for row in steps["Inside model:GROVE, from 100,000.00 to 83,200.00"]}
    assert inside == {"OAK": "-53", "ELM": "", "WIND": "", "OIL": "-100", "SMOKE": "-308"}
    net = {row["security"]: (row["crosses"], row["ordered"], row["not made"]) for row in steps["From trades to orders"]}
    assert net["WIND"] == ("", "-20", "")
    assert net["SMOKE"] == ("", "-308", "-192")
    lots = [(row["security"], row["quantity"], row["gain"]) for row in steps["Lots relieved, and their gains"]]
    assert lots == [
        ("OAK", "53", "636.00"), ("OIL", "100", "1000.00"), ("SMOKE", "200", "-1000.00"), ("SMOKE", "108", "864.00"),
        ("WIND", "20", "100.00"),
    ]  # fmt: skip
    cash = steps["Cash, before and after"][0]
    assert (cash["before"], cash["buys"], cash["crossings"], cash["funding"], cash["after"]) == (
        "2000.00", "-14600.00", "", "16800.00", "5000.00",
    )  # fmt: skip
    said = notes(plan["derivation"])
    for sentence in (
        "after what the bands force cash would be 6,200.00, above its 5,000.00",
        "λ = 84,720.00",
        "0.00 + 16,810.00 from its trades − 16,800.00 to the managed sleeve = 10.00 (SLEEVE-1)",
        "BOND may not be bought: buying it would wash the loss of 1,400.00",
        "the gain budget is 2,000.00: 0.00 of it is left (LOT-2)",
        "400.00 of the loss from selling SMOKE is disallowed",
    ):
        assert sentence in said


def test_the_plan_itself_is_the_same_with_and_without_it(command: Command) -> None:
    plan = explained(command, "--book", HOUSEHOLD, "--account", "M-1")
    del plan["derivation"]
    assert plan == command("plan", "--book", HOUSEHOLD, "--account", "M-1", "--format", "json").json


def test_raising_cash(command: Command) -> None:
    asked = ("--book", HOUSEHOLD, "--account", "M-3", "--kind", "raise_cash", "--amount", "5000")
    derivation = explained(command, *asked)["derivation"]
    rows = {row["component"]: row for row in by_title(derivation)["What raises the cash"]}
    assert (rows["security:INDEX"]["change"], rows["security:BOND"]["change"]) == ("-4400.00", "-100.00")
    said = notes(derivation)
    assert (
        "asked to raise 5,000.00: 500.00 was there above the 1,500.00 that cash keeps, the plan raises 4,500.00" in said
    )
    assert "106,000.00 − 6,000.00 that pending withdrawals reserve (CASH-1) = 100,000.00" in said


def test_investing_cash(command: Command) -> None:
    asked = ("--book", HOUSEHOLD, "--account", "M-2", "--kind", "invest_cash", "--amount", "1000")
    derivation = explained(command, *asked)["derivation"]
    rows = {row["component"]: row for row in by_title(derivation)["What the cash buys"]}
    assert rows["model:GROVE"]["change"] == "1000.00"
    assert rows["security:BOND"]["because"].endswith("that may not be (WASH-1)")


def test_openings_and_minimums(command: Command) -> None:
    derivation = explained(command, "--book", DEMO, "--account", "A-110")["derivation"]
    rows = {row["component"]: row for row in by_title(derivation)["What may open"]}
    assert {key for key, row in rows.items() if row["it"] == "can't open"} == {"model:CONSUMER"}
    assert rows["model:CONSUMER"]["minimum"] == "100000.00"
    forced = {row["component"]: row["because"] for row in by_title(derivation)["What the bands force"]}
    assert forced["model:CONSUMER"] == "it can't open: its weight stays in cash"


def test_a_liquidation(command: Command) -> None:
    derivation = explained(command, "--book", DEMO, "--account", "A-106")["derivation"]
    forced = by_title(derivation)["What the bands force"]
    assert {row["because"] for row in forced[:-1]} <= {"its sleeve closes", "the target does not name it: sold"}
    assert {row["ends at"] for row in by_title(derivation)["Where it ends"][:-1]} == {"0.00"}
    assert "protected, so neither counted nor traded" in notes(derivation)


@pytest.mark.parametrize(("book", "account"), [(DEMO, "A-113"), (DEMO, "A-999")])
@pytest.mark.parametrize("form", ["json", "jsonl", "table"])
def test_what_can_not_be_planned_says_why(command: Command, book: str, account: str, form: str) -> None:
    said = command("plan", "--book", book, "--account", account, "--explain", "--format", form)
    assert said.code == 1
    assert said.err.startswith(f"rebalancer: account {account} ")
    if form == "table":
        assert "What the checks say  CHECK-1" in said.out
        return
    (step,) = said.json["derivation"]
    assert step["notes"][0] == said.json["findings"][0]["message"]
    assert step["notes"][-1] == "so nothing is planned and nothing trades"


def test_a_line_of_json(command: Command) -> None:
    said = command("plan", "--book", CASE, "--account", "A-1", "--explain", "--format", "jsonl")
    assert len(said.out.splitlines()) == 1
    assert said.json == explained(command, "--book", CASE, "--account", "A-1")


def test_it_is_for_one_account(command: Command) -> None:
    said = command("plan", "--book", CASE, "--all", "--explain")
    assert said.code == 2
    assert "--explain is for one account" in said.err


@pytest.mark.parametrize("width", ["100", "120", "160"])
@pytest.mark.parametrize(("book", "account"), [(HOUSEHOLD, "M-1"), (DEMO, "A-103"), (DEMO, "A-110"), (DEMO, "A-106")])
def test_it_fits_its_width_and_no_number_is_cut(inside: Command, book: str, account: str, width: str) -> None:
    said = inside("plan", "--book", book, "--account", account, "--explain", COLUMNS=width)
    assert max(map(len, said.out.splitlines())) <= int(width)
    assert "…" not in said.out
    whole = inside("plan", "--book", book, "--account", account, "--explain", COLUMNS="240")

    def figures(text: str) -> list[str]:
        from_here = text.partition("How this plan comes about")[2]
        return sorted(word for word in from_here.split() if word[-1:].isdigit())

    assert figures(said.out) == figures(whole.out)
