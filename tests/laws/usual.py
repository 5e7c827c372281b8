"""Accounts as firms have them: models of some dozens of shares, funds, drift of months, now and then a budget, a
restriction, a withdrawal. Every law is asked of each, in every mode.

The other generators look for what is odd; what goes wrong here would go wrong every day. A seed and a number make the
same book again.
"""

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from random import Random
from typing import Any

from domain.values.policy import MODES
from domain.values.purpose import FULL
from tests.laws.at_large import broken
from tests.laws.books import Asked
from tests.laws.tally import Find, Tally
from tests.laws.world import Members

Json = dict[str, Any]
ONE, CENT, BASIS_POINT = Decimal(1), Decimal("0.01"), Decimal("0.0001")
ACCOUNT = "A-1"
SYMBOLS = tuple(f"S{at:02}" for at in range(60))
LONG_AGO = ("2019-05-01", "2024-02-02", "2026-02-11", "2025-12-01", "2026-11-05")  # the last inside a wash window


def usual(seed: int, number: int) -> Json:
    """A book of one account."""
    return _Usual(Random(f"usual {seed} {number}")).book()


def look_usual(seed: int, numbers: Iterable[int]) -> Tally:
    """What the accounts of these numbers show, each in every mode."""
    tally = Tally()
    for number in numbers:
        book = usual(seed, number)
        members = Members(book)
        for mode in MODES:
            first = dict(reversed(list(broken(members, Asked(ACCOUNT, mode, FULL), tally))))
            for law, says in first.items():
                tally.found(Find(law, f"{mode}: {says}", number, 0, len(str(book))))
    return tally


class _Usual:
    """One book on its way."""

    def __init__(self, random: Random) -> None:
        self.random = random
        step = random.choice(("1", "1", "1", "0.01", "0.001", "0.000001"))
        self.securities = [
            {
                "symbol": each,
                "price": str(self._about(90, 0.8).quantize(CENT)),
                "quantity_increment": random.choice(("1", "0.0001")) if random.random() < 0.1 else step,
            }
            for each in SYMBOLS
        ]
        self.prices = {each["symbol"]: Decimal(each["price"]) for each in self.securities}
        self.steps = {each["symbol"]: Decimal(each["quantity_increment"]) for each in self.securities}
        self.value = self._about(random.choice((20_000, 60_000, 150_000, 400_000, 1_000_000, 5_000_000)), 0.3)
        self.drift = random.choice((0.02, 0.1, 0.3, 0.8))

    def book(self) -> Json:
        random = self.random
        models = [self._model(f"M{at}") for at in range(random.choice((0, 0, 1, 2, 3, 5)))]
        funds = random.sample(SYMBOLS, random.choice((0, 1, 3, 6)) if models else random.choice((1, 2, 3, 6, 12)))
        components = self._components([each["id"] for each in models], funds)
        return {
            "as_of": "2026-11-20",
            "securities": self.securities,
            "models": models,
            "targets": [{"id": "T", "name": "Usual", "components": components}],
            "accounts": [self._account(models, components)],
        }

    def _about(self, amount: float, spread: float) -> Decimal:
        """A draw around an amount, never below a hundredth of it."""
        return Decimal(str(round(amount * max(0.01, self.random.lognormvariate(0, spread)), 2)))

    def _weights(self, count: int, total: Decimal) -> list[Decimal]:
        """So many weights in basis points, all above 0, of a sum."""
        draws = [self.random.uniform(0.5, 3) for _ in range(count)]
        points = [max(1, int(float(total) * 10_000 * each / sum(draws))) for each in draws]
        points[0] += int(total * 10_000) - sum(points)
        return [each * BASIS_POINT for each in points]

    def _model(self, name: str) -> Json:
        cash = Decimal(self.random.choice(("0", "0.01", "0.02", "0.05")))
        symbols = self.random.sample(SYMBOLS, self.random.choice((3, 8, 20, 40)))
        weights = self._weights(len(symbols), ONE - cash)
        holdings: list[Json] = [
            {"symbol": each, "weight": str(weight)} for each, weight in zip(symbols, weights, strict=True)
        ]
        holdings += [{"cash": True, "weight": str(cash)}] if cash else []
        minimum = self.random.choice(("0", "5000", "25000", "100000"))
        return {"id": name, "name": name, "investment_minimum": minimum, "version": 1, "holdings": holdings}

    def _components(self, models: list[str], funds: list[str]) -> list[Json]:
        random = self.random
        cash = Decimal(random.choice(("0", "0.01", "0.02", "0.02", "0.05", "0.10")))
        weights = self._weights(len(models) + len(funds), ONE - cash)
        names = [("model", each) for each in models] + [("security", each) for each in funds]
        found: list[Json] = [
            {kind: ref, "weight": str(weight)} for (kind, ref), weight in zip(names, weights, strict=True)
        ]
        found += [{"cash": True, "weight": str(cash)}] if cash else []
        for each in found:
            if random.random() < 0.15:
                each["threshold"] = {"relative": random.choice(("0.05", "0.10", "0.25", "0.50"))}
            elif random.random() < 0.1:
                each["precision"] = {"relative": random.choice(("0", "0.02", "0.10"))}
        return found

    def _account(self, models: list[Json], components: list[Json]) -> Json:
        random, new = self.random, self.random.random() < 0.1
        holdings, sleeves, cash = list[Json](), list[Json](), Decimal(0)
        for each in components:
            amount = self.value * Decimal(each["weight"]) * self._drifted(self.drift)
            if "security" in each:
                holdings += [] if new else self._held(each["security"], amount)
            elif "model" in each and not new and random.random() < 0.85:
                model = next(one for one in models if one["id"] == each["model"])
                sleeves.append(self._sleeve(model, amount))
            elif "cash" in each:
                cash = self.value * Decimal(each["weight"])
        if random.random() < 0.15:
            free = [each for each in SYMBOLS if each not in {one["symbol"] for one in holdings}]
            holdings += self._held(random.choice(free), self.value * Decimal("0.04"))
        cash *= Decimal(random.choice(("0", "0.5", "1", "1", "1.5", "4")))
        cash = self.value if new else cash - self.value * Decimal("0.01") * (random.random() < 0.1)
        account = {
            "id": ACCOUNT,
            "name": "Usual",
            "custodian": "PAPER",
            "tax_status": random.choice(("taxable", "taxable", "exempt", "roth")),
            "lot_relief": random.choice(("min_tax", "min_tax", "fifo")),
            "target": "T",
            "first_rebalanced": None if new else "2025-03-01",
            "cash": str(cash.quantize(CENT)),
            "holdings": holdings,
            "sleeves": sleeves,
            "restrictions": self._restrictions() if random.random() < 0.2 else [],
            "withdrawals": [],
        }
        if random.random() < 0.15:
            account["gain_budget"] = random.choice(("0", "500", "5000", "20000"))
        if random.random() < 0.15:
            amount = self.value * Decimal(str(round(random.uniform(0.002, 0.2), 4)))
            account["withdrawals"] = [{"amount": str(amount.quantize(CENT)), "due": "2026-12-01"}]
        if random.random() < 0.1:
            sold = {"symbol": random.choice(SYMBOLS), "date": "2026-11-10", "quantity": "10", "gain": "-55.00"}
            account["recent_sales"] = [sold]
        return account

    def _drifted(self, spread: float) -> Decimal:
        return Decimal(str(round(max(0.0, self.random.gauss(1, spread)), 4)))

    def _sleeve(self, model: Json, amount: Decimal) -> Json:
        holdings = list[Json]()
        for each in model["holdings"]:
            if "symbol" in each:
                part = amount * Decimal(each["weight"]) * self._drifted(self.drift / 2)
                holdings += self._held(each["symbol"], part)
        if self.random.random() < 0.2:  # of an earlier version of the model
            free = [each for each in SYMBOLS if each not in {one["symbol"] for one in holdings}]
            holdings += self._held(self.random.choice(free), amount * Decimal("0.05"))
        cash = amount * Decimal(str(round(abs(self.random.gauss(0.01, 0.01)), 4)))
        return {"model": model["id"], "cash": str(cash.quantize(CENT)), "holdings": holdings}

    def _held(self, symbol: str, amount: Decimal) -> list[Json]:
        """Whole steps for an amount, in one to four lots, now and then without their cost; none where that is none."""
        random, price, step = self.random, self.prices[symbol], self.steps[symbol]
        left = (amount / price / step).to_integral_value(ROUND_FLOOR) * step
        if not left:
            return []
        if random.random() < 0.05:
            return [{"symbol": symbol, "quantity": str(left)}]
        lots, count = list[Json](), random.choice((1, 1, 2, 4))
        for more in range(count, 0, -1):
            quantity = (left / more / step).to_integral_value(ROUND_FLOOR) * step
            if quantity:
                cost = price * Decimal(str(round(random.uniform(0.5, 1.4), 3)))
                acquired = random.choice(LONG_AGO)
                lots.append(
                    {"quantity": str(quantity), "cost_per_share": str(cost.quantize(CENT)), "acquired": acquired}
                )
                left -= quantity
        return [{"symbol": symbol, "lots": lots}]

    def _restrictions(self) -> list[Json]:
        found = list[Json]()
        for symbol in self.random.sample(SYMBOLS, self.random.choice((1, 2))):
            kind = self.random.choice(("exclude", "no_buy", "no_sell"))
            found.append({"type": kind, "symbol": symbol} | ({"to": "pro_rata"} if kind == "exclude" else {}))
        return found
