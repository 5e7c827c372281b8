"""Large and odd books for the laws: 1 to 200 securities, 0 to 8 sleeves, up to 30 lots a holding, every restriction.

`books` are small and shrink well; these are wide. What is drawn is a seed and a few sizes, so that a failure can be
named by them, and shrinks in its sizes.
"""

import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
AS_OF = date(2026, 11, 20)
CENT = Decimal("0.01")
INCREMENTS = {"whole": ("1",), "fractional": ("0.001", "0.000001"), "mixed": ("1", "1", "0.01", "0.5", "10", "100")}
RESTRICTIONS = ("exclude", "exclude", "substitute", "no_buy", "no_sell", "no_trade")


@dataclass(frozen=True)
class Size:
    """The sizes of one book; `value` is about what the account is worth."""

    securities: int
    sleeves: int
    holdings: int
    lots: int
    value: int
    increments: str
    restrictions: int
    tax: bool


SIZES = st.builds(
    Size,
    securities=st.one_of(st.integers(1, 12), st.integers(1, 200)),
    sleeves=st.integers(0, 8),
    holdings=st.integers(1, 30),
    lots=st.sampled_from((1, 1, 2, 3, 8, 30)),
    value=st.sampled_from((20, 900, 12_000, 100_000, 500_000, 2_000_000, 300_000_000)),
    increments=st.sampled_from(("whole", "whole", "fractional", "mixed")),
    restrictions=st.just(0),
    tax=st.just(False),
)


def wide_books(restricted: bool = False) -> st.SearchStrategy[Json]:
    """Books of one account, `A-1`, with all that restricts it or without; at times a household beside it."""
    if not restricted:
        return st.builds(book, SIZES, st.integers(0, 2**32))
    more = st.tuples(st.integers(0, 6), st.booleans())
    limited = st.builds(
        lambda size, extra: Size(**{**vars(size), "restrictions": extra[0], "tax": extra[1]}), SIZES, more
    )
    return st.builds(book, limited, st.integers(0, 2**32))


def book(size: Size, seed: int) -> Json:
    """The book of a size and a seed: always the same one."""
    random = Random(seed)
    securities = [
        {
            "symbol": f"S{at:03}",
            "price": price(random),
            "quantity_increment": random.choice(INCREMENTS[size.increments]),
        }
        for at in range(size.securities)
    ]
    symbols = [each["symbol"] for each in securities]
    models = [model(f"M{at}", symbols, size, random) for at in range(size.sleeves)]
    target = components(models, symbols, random)
    account = Account(size, random, {each["symbol"]: each for each in securities}).made(models, target)
    made: Json = {
        "as_of": str(AS_OF),
        "policy": {"minimum_trade_amount": random.choice(("100.00", "100.00", "0", "25.00", "5000.00"))},
        "securities": securities,
        "models": models,
        "targets": [{"id": "T", "components": target}],
        "accounts": [account],
    }
    if size.tax and random.random() < 0.5:
        made["account_groups"] = [{"id": "HOME", "accounts": ["A-1", "A-2"]}]
        other = {"id": "A-2", "cash": "10.00", "recent_sales": sales(symbols, random)}
        made["accounts"].append(other | random.choice(({}, {"tax_status": "exempt"})))
    return made


def price(random: Random) -> str:
    """Between 0.05 and 5,000, as many near one power of ten as near another; at times with odd decimals."""
    digits = random.choice((2, 2, 2, 4, 6))
    return f"{max(0.05, 10 ** random.uniform(-1, 3.7)):.{digits}f}"


def fractions(count: int, random: Random, total: int = 10_000) -> list[Decimal]:
    """Weights that sum to a total in ten-thousandths exactly; some may be 0."""
    cuts = sorted(random.randint(0, total) for _ in range(count - 1))
    return [Decimal(b - a) / 10_000 for a, b in zip([0, *cuts], [*cuts, total], strict=True)]


def model(name: str, symbols: list[str], size: Size, random: Random) -> Json:
    """Up to so many holdings, and cash or none."""
    chosen = random.sample(symbols, min(len(symbols), random.randint(1, size.holdings)))
    cash = random.choice((0, 0, 200, 1500))
    holdings: list[Json] = [
        {"symbol": symbol, "weight": str(weight)}
        for symbol, weight in zip(chosen, fractions(len(chosen), random, 10_000 - cash), strict=True)
    ]
    if cash:
        holdings.append({"cash": True, "weight": str(Decimal(cash) / 10_000)})
    return {"id": name, "investment_minimum": random.choice(("0", "0", "1000", "50000")), "holdings": holdings}


def components(models: list[Json], symbols: list[str], random: Random) -> list[Json]:
    """Most of the models, some securities and cash, in weights of their own, a few with bands of their own."""
    lines: list[Json] = [{"model": each["id"]} for each in models if random.random() < 0.85]
    lines += [{"security": symbol} for symbol in random.sample(symbols, min(len(symbols), random.randint(0, 12)))]
    if not lines or random.random() < 0.4:
        lines.append({"cash": True})
    for line, weight in zip(lines, fractions(len(lines), random, random.choice((10_000, 9_800, 9_000))), strict=True):
        line["weight"] = str(weight)
        match random.randint(0, 9):
            case 0:
                line["threshold"] = {"relative": random.choice(("0", "0.05", "0.5", "1"))}
                line["precision"] = {"relative": "0"}
            case 1:
                line["threshold"] = {"lower": str(weight * Decimal("0.7")), "upper": str(min(Decimal(1), weight * 2))}
    return lines


def sales(symbols: list[str], random: Random) -> list[Json]:
    """Sales of the last 40 days, most at a loss."""
    return [
        {
            "symbol": symbol,
            "date": str(AS_OF - timedelta(days=random.randint(0, 40))),
            "quantity": "7",
            "gain": random.choice(("-55.10", "-0.01", "0", "80.00")),
        }
        for symbol in random.sample(symbols, min(len(symbols), random.randint(0, 5)))
    ]


@dataclass
class Account:
    """One account on its way: what it holds strays from what its target asks by as much as chance has it."""

    size: Size
    random: Random
    securities: dict[str, Json]

    def made(self, models: list[Json], target: list[Json]) -> Json:
        """The account's part of the book."""
        random, value = self.random, Decimal(self.size.value)
        wanted = {line.get("model") or line.get("security"): Decimal(line["weight"]) for line in target}
        spread = random.choice((0.02, 0.2, 0.2, 0.9))
        sleeves = []
        for each in models:
            worth = value * wanted.get(each["id"], Decimal("0.05")) * self.near(spread)
            if random.random() < 0.15:
                continue
            inside = [
                self.holding(line["symbol"], worth * Decimal(line["weight"]) * self.near(spread))
                for line in each["holdings"]
                if "symbol" in line and random.random() < 0.92
            ]
            if random.random() < 0.3:
                stray = random.choice(list(self.securities))
                if stray not in {line.get("symbol") for line in each["holdings"]}:
                    inside.append(self.holding(stray, worth / 20))
            cash = worth * Decimal(random.choice(("0", "0.01", "0.01", "0.3", "-0.02")))
            sleeves.append({"model": each["id"], "cash": text(cash), "holdings": [found for found in inside if found]})
        held = [
            self.holding(symbol, value * wanted.get(symbol, Decimal("0.01")) * self.near(spread))
            for symbol in self.securities
            if symbol in wanted or random.random() < 3 / len(self.securities)
        ]
        cash = value * Decimal(random.choice(("-0.03", "0", "0.004", "0.03", "0.03", "0.3", "1")))
        account: Json = {
            "id": "A-1",
            "target": None if random.random() < 0.05 else "T",
            "first_rebalanced": random.choice((None, "2025-03-01")),
            "tax_status": random.choice(("taxable", "taxable", "exempt")),
            "lot_relief": random.choice((None, None, "fifo", "lifo", "hifo", "min_tax")),
            "cash": text(cash),
            "holdings": [found for found in held if found],
            "sleeves": sleeves,
        }
        if random.random() < 0.15:
            account["withdrawals"] = [{"amount": text(value / random.choice((3, 50))), "due": "2026-12-01"}]
        if random.random() < 0.2:
            account["protected"] = [{"symbol": random.choice(list(self.securities)), "quantity": "5"}]
        if self.size.restrictions:
            account["restrictions"] = self.restrictions()
        if self.size.tax:
            account["gain_budget"] = random.choice((None, "0", text(value / 1000), text(value / 50)))
            account["recent_sales"] = sales(list(self.securities), random)
        return account

    def near(self, spread: float) -> Decimal:
        """A factor around one."""
        return Decimal(f"{self.random.uniform(1 - spread, 1 + spread):.4f}")

    def holding(self, symbol: str, worth: Decimal) -> Json | None:
        """A holding worth about so much, in lots or of unknown basis; None where it would be empty."""
        security, random = self.securities[symbol], self.random
        step = Decimal(security["quantity_increment"])
        steps = int(worth / Decimal(security["price"]) / step)
        quantity = steps * step + (Decimal("0.37") if steps and random.random() < 0.05 else 0)
        if quantity <= 0:
            return None
        if random.random() < 0.1:
            return {"symbol": symbol, "quantity": plain(quantity)}
        cuts = sorted({random.randint(0, steps) for _ in range(random.randint(1, self.size.lots) - 1)} - {0, steps})
        edges = [0, *cuts, steps]
        parts = [(after - before) * step for before, after in itertools.pairwise(edges)]
        parts[-1] += quantity - steps * step
        lots = [
            {
                "quantity": plain(part),
                "cost_per_share": f"{Decimal(security['price']) * self.near(0.6):.4f}",
                "acquired": str(AS_OF - timedelta(days=random.choice((1, 20, 364, 365, 366, random.randint(2, 2500))))),
            }
            for part in parts
        ]
        return {"symbol": symbol, "lots": lots}

    def restrictions(self) -> list[Json]:
        """Up to so many, each of another security, so that none contradicts another; some not in force."""
        random = self.random
        chosen = random.sample(list(self.securities), min(len(self.securities), self.size.restrictions))
        free = [symbol for symbol in self.securities if symbol not in chosen]
        found = []
        for symbol in chosen:
            each: Json = {"type": random.choice(RESTRICTIONS), "symbol": symbol}
            if each["type"] == "exclude":
                each |= {"to": random.choice(("pro_rata", "cash")), "hold": random.random() < 0.3}
            if each["type"] == "substitute":
                if not free:
                    continue
                each["by"] = random.choice(free)
            each |= random.choice(({}, {}, {"from": "2026-11-20"}, {"until": "2026-11-20"}, {"until": "2026-11-19"}))
            found.append(each)
        return found


def text(amount: Decimal) -> str:
    """An amount in cents."""
    return str(amount.quantize(CENT))


def plain(quantity: Decimal) -> str:
    """A quantity without an exponent."""
    return f"{quantity:f}"
