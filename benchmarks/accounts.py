"""Generated accounts for the benchmarks: off their targets, with lots, from a fixed seed.

A shape says how many; the same shape gives the same accounts. Prices, drifts and costs are uniform draws.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from domain.books.book import read_account, read_market
from domain.values.policy import Policy
from domain.values.snapshot import RecentSale, Snapshot
from policy import in_force

AS_OF = date(2026, 11, 20)
SEED = 20261120
FIRST_LOT = date(2021, 3, 4)
INVESTED = Decimal("0.95")
Json = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """What an account is like: sleeves × holdings each, lots a holding, and its value in thousands.

    `restricted`: with restrictions and the loss sales of a household to obey besides.
    """

    sleeves: int = 5
    holdings: int = 12
    lots: int = 3
    thousands: int = 500
    restricted: bool = True

    @property
    def positions(self) -> int:
        """Holdings in all sleeves together."""
        return self.sleeves * self.holdings

    @property
    def title(self) -> str:
        """The shape as people read it."""
        return f"{self.positions} positions ({self.sleeves} × {self.holdings}), {self.positions * self.lots} lots"


def market(shape: Shape, random: Random) -> Json:
    """A third more securities than a model names (at least 80), so that sleeves share some; a target of all models."""
    symbols = [f"S{at:03}" for at in range(max(80, shape.holdings * 4 // 3))]
    return {
        "as_of": str(AS_OF),
        "securities": [{"symbol": symbol, "price": f"{random.uniform(8, 420):.2f}"} for symbol in symbols],
        "models": [
            {
                "id": f"M{at}",
                "investment_minimum": "10000",
                "holdings": [
                    {"symbol": symbol, "weight": str(weight)}
                    for symbol, weight in zip(
                        random.sample(symbols, shape.holdings), _weights(shape.holdings), strict=True
                    )
                ],
            }
            for at in range(shape.sleeves)
        ],
        "targets": [
            {
                "id": "T",
                "components": [
                    {"model": f"M{at}", "weight": str(INVESTED / shape.sleeves)} for at in range(shape.sleeves)
                ],
            }
        ],
    }


def _weights(count: int) -> list[Decimal]:
    """Two thirds of the holdings with twice the weight of the rest, summing to one exactly."""
    doubles = count * 2 // 3
    unit = (Decimal(1) / (count + doubles)).quantize(Decimal("0.000001"))
    weights = [unit * 2] * doubles + [unit] * (count - doubles)
    weights[0] += 1 - sum(weights)
    return weights


def account(at: int, book: Json, shape: Shape, random: Random) -> Json:
    """Each sleeve between 0.6 and 1.5 times its weight, each holding between 0.7 and 1.3 times its own."""
    prices = {security["symbol"]: float(security["price"]) for security in book["securities"]}
    share = shape.thousands * 1000 * float(INVESTED) / shape.sleeves
    sleeves = []
    for model in book["models"]:
        value = share * random.uniform(0.6, 1.5)
        holdings = [
            _holding(line["symbol"], prices[line["symbol"]], value * float(line["weight"]), shape, random)
            for line in model["holdings"]
        ]
        sleeves.append({"model": model["id"], "cash": f"{random.uniform(0, 300):.2f}", "holdings": holdings})
    cash = f"{shape.thousands * 1000 * random.uniform(0.01, 0.12):.2f}"
    found: Json = {"id": f"A-{at}", "target": "T", "first_rebalanced": "2025-01-02", "cash": cash, "sleeves": sleeves}
    return found | (_restricted(book) if shape.restricted else {})


def _holding(symbol: str, price: float, wanted: float, shape: Shape, random: Random) -> Json:
    """About so much money, bought in equal lots between 2021 and now, some at a loss."""
    shares = max(shape.lots, int(wanted * random.uniform(0.7, 1.3) / price))
    parts = [shares // shape.lots] * (shape.lots - 1)
    step = (AS_OF - FIRST_LOT).days // shape.lots
    lots = [
        {
            "quantity": str(part),
            "cost_per_share": f"{price * random.uniform(0.5, 1.2):.2f}",
            "acquired": str(FIRST_LOT + timedelta(days=step * nth)),
        }
        for nth, part in enumerate([*parts, shares - sum(parts)])
    ]
    return {"symbol": symbol, "lots": lots}


def _restricted(book: Json) -> Json:
    """In the first two models one holding excluded, one not to be bought, one not to be sold; one that has ended."""
    first, second = ([line["symbol"] for line in model["holdings"]] for model in (book["models"] * 2)[:2])
    return {
        "restrictions": [
            {"type": "exclude", "symbol": first[0], "to": "pro_rata", "from": "2026-01-01"},
            {"type": "no_buy", "symbol": first[2]},
            {"type": "no_sell", "symbol": second[3]},
            {"type": "no_trade", "symbol": second[4], "until": "2026-06-30"},
        ]
    }


def snapshots(shape: Shape, count: int) -> tuple[list[Snapshot], Policy]:
    """So many accounts of a shape, and the policy."""
    random, numbers = Random(SEED), in_force(AS_OF)
    book = market(shape, random)
    read = read_market(book, numbers)
    household = tuple(  # gains but for two losses, which block the buys of their securities
        RecentSale(
            f"S{at:03}", AS_OF - timedelta(days=at), Decimal(10), Decimal(-5 if at in {3, 9} else 250), "A-OTHER"
        )
        for at in range(20)
    )
    found = [
        Snapshot(
            as_of=AS_OF,
            account=read_account(account(at, book, shape, random), at, read),
            targets=read.targets,
            models=read.models,
            securities=read.securities,
            fresh_from=AS_OF,
            household_sales=household if shape.restricted else (),
        )
        for at in range(count)
    ]
    return found, numbers
