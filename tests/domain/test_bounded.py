"""The planner ends by construction, however many openings cash can't carry (LAW-12)."""

from typing import Any

from tests.domain.planning import planned

OPENINGS = 61


def test_every_opening_that_cash_cant_carry_is_rejected() -> None:
    """All 10,000.00 are in X, which may not be sold: nothing is there for any of 61 models at 1 %, 100.00 each."""
    models = [f"M{at}" for at in range(OPENINGS)]
    book: dict[str, Any] = {
        "as_of": "2026-11-20",
        "securities": [{"symbol": "X", "price": "100"}, {"symbol": "Y", "price": "50"}],
        "models": [
            {"id": each, "investment_minimum": "100", "holdings": [{"symbol": "Y", "weight": "1"}]} for each in models
        ],
        "targets": [
            {
                "id": "T",
                "components": [
                    {"security": "X", "weight": "0.39"},
                    *({"model": each, "weight": "0.01"} for each in models),
                ],
            }
        ],
        "accounts": [
            {
                "id": "A-1",
                "first_rebalanced": "2025-01-02",
                "cash": "0",
                "target": "T",
                "holdings": [{"symbol": "X", "quantity": "100"}],
                "restrictions": [{"type": "no_sell", "symbol": "X"}],
            }
        ],
    }
    plan = planned(book, "best_fit")
    outcomes = {each["component"]: each["outcome"] for each in plan["components"]}
    assert [outcomes[f"model:{each}"] for each in models] == ["rejected"] * OPENINGS
    assert plan["orders"] == plan["transfers"] == []
    assert plan["expected_status"] == "FAILED"
