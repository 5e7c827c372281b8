"""What a story of whole rebalances is about: accounts, their targets, and what the venue does with their blocks."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

PRICES = {"X": Decimal("100.00"), "Y": Decimal("50.00"), "Z": Decimal("20.00"), "W": Decimal("7.35")}
AS_OF = "2026-11-20"


@dataclass(frozen=True)
class Held:
    """What an account has: cash, and shares by symbol."""

    cash: Decimal
    shares: dict[str, Decimal]


def accounts(dice: Random) -> dict[str, Held]:
    """Three to seven accounts that are far from where they should be: some in cash alone, small ones, large ones."""
    found = {}
    for number in range(dice.randrange(3, 8)):
        size = dice.choice((Decimal(5_000), Decimal(40_000), Decimal(90_000), Decimal(400_000)))
        shares: dict[str, Decimal] = {}
        for symbol, price in PRICES.items():
            if dice.random() < 0.7:
                part = size * Decimal(dice.randrange(0, 60)) / 100 / price
                shares[symbol] = part // 1 + (Decimal("0.125") if symbol == "W" and dice.random() < 0.5 else 0)
        kept = {symbol: units for symbol, units in shares.items() if units}
        cash = size * Decimal(dice.choice((1, 3, 40, 100))) / 100 + Decimal(dice.randrange(0, 9999)) / 100
        found[f"A-{number + 1}"] = Held(cash, kept)
    return found


def book(dice: Random, held: dict[str, Held], custodian: str) -> dict[str, Any]:
    """The book of these accounts: two targets over the same securities, of which W trades in thousandths."""
    targets = []
    for name in ("ONE", "TWO"):
        parts = [dice.randrange(10, 50) for _ in PRICES]
        weights = [Decimal(part * 98 // sum(parts)) / 100 for part in parts]
        components = [{"security": each, "weight": str(weight)} for each, weight in zip(PRICES, weights, strict=True)]
        cash = Decimal(1) - sum(weights)
        targets.append({"id": name, "components": [*components, {"cash": True, "weight": str(cash)}]})
    return {
        "as_of": AS_OF,
        "securities": [
            {"symbol": each, "price": str(price), "quantity_increment": "0.001" if each == "W" else "1"}
            for each, price in PRICES.items()
        ],
        "models": [],
        "targets": targets,
        "accounts": [
            {
                "id": each,
                "cash": str(of.cash),
                "custodian": custodian,
                "target": dice.choice(("ONE", "TWO")),
                "holdings": [{"symbol": symbol, "quantity": str(units)} for symbol, units in of.shares.items()],
            }
            for each, of in held.items()
        ],
    }


def price(dice: Random, side: str, symbol: str) -> Decimal:
    """A price no worse than the limit, to the cent."""
    better = Decimal(dice.randrange(0, 9)) / 100
    return PRICES[symbol] + (better if side == "sell" else -better)


def costs(dice: Random) -> dict[str, str]:
    """What a fill costs: nothing, or so much of each kind."""
    kinds = {"a_fill": ("0.35", "1"), "a_share": ("0.0035", "0.01"), "of_amount": ("0.0000278", "0.0003")}
    return {kind: dice.choice(some) for kind, some in kinds.items() if dice.random() < 0.5}


def fates(dice: Random, names: list[str], charges: Random) -> list[dict[str, Any]]:
    """What the paper venue does with the blocks of each security and side."""
    lines: list[dict[str, Any]] = []
    for symbol in PRICES:
        for side in ("sell", "buy"):
            line: dict[str, Any] = {"symbol": symbol, "side": side}
            kind = dice.choice(("kind", "parts", "parts", "parts", "dies", "never", "reject", "slow"))
            if kind in ("parts", "dies", "slow"):
                line["fills"] = [
                    {
                        "day": dice.choice((1, 1, 1, 2, 2, 3)),
                        "share": str(Decimal(dice.randrange(5, 70)) / 100),
                        "price": str(price(dice, side, symbol)),
                        "late": dice.randrange(0, 6) if kind == "slow" else 0,
                    }
                    for _ in range(dice.randrange(1, 5))
                ]
            if kind == "dies":
                line["dies"] = dice.randrange(0, 5)
            if kind == "never":
                line["never_fills"] = True
            if kind == "reject":
                line["reject"] = "the broker's option"
            else:
                line["reduce"] = dice.choice(("confirmed", "confirmed", "in_part", "refused"))
            if dice.random() < 0.3:
                line["refuse"] = [dice.choice(names)]
            if dice.random() < 0.3:
                line |= {"lose_connection": dice.choice(("before_accepting", "after_accepting")), "times": 2}
            line["twice"] = dice.random() < 0.2
            if kind not in ("never", "reject") and (charged := costs(charges)):
                line["costs"] = charged
            lines.append(line)
    return lines
