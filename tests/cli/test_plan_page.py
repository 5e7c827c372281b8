"""The page of a plan, as `rebalancer plan` prints it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_a_plan_as_a_page(inside: Command, examples: Path) -> None:
    said = inside("plan", "--book", str(examples / "demo.yaml"), "--account", "A-103")
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert lines[0].startswith("A-103 · plan as of 2022-12-28 · best_fit ─")
    assert lines[1] == "managed value 510,820.17 · queued for OUTSIDE_TOLERANCE · expected COMPLETE"
    growth = next(line for line in lines if line.startswith("model:LARGE-GROWTH"))
    assert growth.split("  ")[1:] == [
        "30.00 %",
        "24.00 % to 36.00 %",
        "198,743.62",
        "38.91 %",
        "▲ above",
        "",
        " 159,375.89",
        "31.20 %",
        "sold down",
    ]
    aapl = next(line for line in lines if " AAPL " in line)
    told = ["sell", "AAPL", "43", "125.67", "5,403.81", "−247.25", "long", "model:LARGE-GROWTH", "DESTINATION-1"]
    assert aapl.split() == told
    why = "why  model:LARGE-GROWTH goes from 38.91 % to 31.20 %: it is above its destination band around 30.00 %"
    assert why in lines
    assert sum("model:LARGE-GROWTH goes from" in line for line in lines) == 1, "each reason is told once"
    assert any(line.startswith("info  for cash to end between 7,662.30 and 12,770.50") for line in lines)


def test_errors_come_first(inside: Command, examples: Path) -> None:
    said = inside("plan", "--book", str(examples / "demo.yaml"), "--account", "A-110")
    told = [line.split()[0] for line in said.out.splitlines() if line.startswith(("error", "warning", "info"))]
    assert told[0] == "error"
    assert "rejected" in next(line for line in said.out.splitlines() if line.startswith("model:CONSUMER"))


@pytest.mark.parametrize("account", ["A-103", "A-106", "A-110"])
def test_it_fits_a_terminal_of_100_columns(inside: Command, examples: Path, account: str) -> None:
    said = inside("plan", "--book", str(examples / "demo.yaml"), "--account", account, COLUMNS="100")
    assert max(map(len, said.out.splitlines())) <= 100
    assert "threshold" in said.out
    assert "outcome" in said.out


def test_an_account_that_cannot_be_planned(inside: Command, examples: Path) -> None:
    said = inside("plan", "--book", str(examples / "demo.yaml"), "--account", "A-113")
    assert said.code == 1
    assert "can't be planned, ends FAILED" in said.out
    assert "RRC (price of 2022-12-19)" in said.out


def test_names_are_data_and_never_markup(inside: Command, tmp_path: Path) -> None:
    book = tmp_path / "odd.yaml"
    book.write_text(
        """
as_of: "2026-11-20"
securities: [{symbol: "[red]X", price: "10.00"}]
targets: [{id: "T", components: [{security: "[red]X", weight: "0.98"}]}]
accounts: [{id: "[bold]A:smile:", target: T, cash: "1000.00"}]
"""
    )
    said = inside("plan", "--book", str(book), "--all")
    assert "[bold]A:smile: · plan as of" in said.out
    assert "security:[red]X" in said.out
