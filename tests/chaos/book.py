"""The book of a chaos run: accounts of every kind on a small market, all of it a function of the seed."""

from random import Random
from typing import Any

AS_OF = "2026-11-20"
SYMBOLS = ("ASH", "BAY", "ELM", "FIR", "OAK", "YEW", "BIRCH", "CEDAR", "MAPLE", "PINE")
MODELS = {
    "LEAF": {"ASH": "0.40", "BAY": "0.30", "ELM": "0.28"},
    "WOOD": {"FIR": "0.50", "OAK": "0.30", "YEW": "0.20"},
    "MIX": {"ASH": "0.25", "OAK": "0.25", "BIRCH": "0.25", "CEDAR": "0.23"},
}
TARGETS: dict[str, dict[str, str]] = {
    "GROWTH": {"model:LEAF": "0.50", "model:WOOD": "0.28", "security:PINE": "0.20", "cash": "0.02"},
    "INCOME": {"model:MIX": "0.60", "security:MAPLE": "0.36", "cash": "0.04"},
    "CALM": {"model:LEAF": "0.30", "model:MIX": "0.30", "security:CEDAR": "0.35", "cash": "0.05"},
}


PATIENCE = 6  # seconds that an order may work; long waits would only make the run long
BROKER = "BROKER"  # the custodian whose accounts trade through a FIX session: every fourth


def account_id(number: int) -> str:
    return f"C-{number:03d}"


def book(seed: int, accounts: int) -> dict[str, Any]:
    """Accounts in cash, drifted, with strays and without a target; prices between 10 and 400."""
    dice = Random(f"{seed}/book")
    prices = {symbol: f"{dice.randrange(1000, 40000) / 100:.2f}" for symbol in SYMBOLS}
    return {
        "as_of": AS_OF,
        "securities": [{"symbol": symbol, "price": price} for symbol, price in prices.items()],
        "models": [_model(name, held) for name, held in MODELS.items()],
        "targets": [_target(name, parts) for name, parts in TARGETS.items()],
        "accounts": [_account(dice, number) for number in range(1, accounts + 1)],
    }


def _model(name: str, held: dict[str, str]) -> dict[str, Any]:
    holdings: list[dict[str, Any]] = [{"symbol": symbol, "weight": weight} for symbol, weight in held.items()]
    left = 100 - sum(round(float(weight) * 100) for weight in held.values())
    if left:
        holdings.append({"cash": True, "weight": f"0.{left:02d}"})
    return {"id": name, "name": name, "investment_minimum": "5000", "holdings": holdings}


def _target(name: str, parts: dict[str, str]) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    for key, weight in parts.items():
        kind, _, ref = key.partition(":")
        components.append({"cash": True, "weight": weight} if kind == "cash" else {kind: ref, "weight": weight})
    return {"id": name, "components": components}


def _account(dice: Random, number: int) -> dict[str, Any]:
    kind = dice.choice(("cash", "drifted", "drifted", "strays", "no target"))
    given: dict[str, Any] = {
        "id": account_id(number),
        "cash": f"{dice.randrange(2_000_000, 20_000_000) / 100:.2f}",
        "target": dice.choice(sorted(TARGETS)),
        "tax_status": dice.choice(("taxable", "exempt")),
    }
    if number % 4 == 0:
        given["custodian"] = BROKER
    if kind == "cash":
        return given
    held = dice.sample(SYMBOLS, 4)
    given["holdings"] = [{"symbol": symbol, "lots": [_lot(dice), _lot(dice)]} for symbol in held]
    if kind == "drifted":
        model = dice.choice(sorted(MODELS))
        parts = [{"symbol": symbol, "lots": [_lot(dice)]} for symbol in MODELS[model]]
        given["sleeves"] = [{"model": model, "cash": "250.00", "holdings": parts}]
        given["first_rebalanced"] = "2025-01-02"
    if kind == "no target":
        del given["target"]
        given["protected"] = [{"symbol": dice.choice(SYMBOLS), "quantity": "7"}]
    return given


def _lot(dice: Random) -> dict[str, str]:
    return {
        "quantity": str(dice.randrange(10, 200)),
        "cost_per_share": f"{dice.randrange(1000, 40000) / 100:.2f}",
        "acquired": f"{dice.choice((2023, 2024, 2025))}-{dice.randrange(1, 13):02d}-15",
    }


def scenario(seed: int) -> dict[str, Any]:
    """The venue's mood: most orders fill, every other thing happens to some."""
    return {
        "seed": seed,
        "orders": [
            {"chance": "0.25", "side": "sell", "fill": "1.2"},
            {"chance": "0.04", "fill": "0.5"},
            {"chance": "0.05", "side": "buy", "price": "1.01"},
            {"chance": "0.05", "side": "sell", "price": "0.99"},
            {"chance": "0.03", "reject": "trading halted"},
            {"chance": "0.02", "never_fills": True},
            {"chance": "0.02", "cancel_at_close": True, "fill": "0.3"},
            {"chance": "0.06", "late": 2},
            {"chance": "0.08", "lose_connection": "before_accepting"},
            {"chance": "0.10", "lose_connection": "after_accepting"},
            {"chance": "0.25", "twice": True},
        ],
        "blocks": [
            {"chance": "0.40", "fills": [{"share": "0.4"}, {"share": "0.3", "late": 5}, {"share": "1", "late": 12}]},
            {"chance": "0.25", "fills": [{"share": "0.5", "late": 3}], "dies": 12, "reduce": "in_part"},
            {"chance": "0.10", "fills": [{"share": "0.7"}, {"share": "1", "late": 8}], "reduce": "refused"},
            {"chance": "0.05", "reject": "trading halted"},
            {"chance": "0.05", "never_fills": True, "dies": 5},
            {"chance": "0.10", "lose_connection": "before_accepting"},
            {"chance": "0.15", "lose_connection": "after_accepting", "fills": [{"share": "1", "late": 4}]},
            {"chance": "0.25", "twice": True},
        ],
    }
