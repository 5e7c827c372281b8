"""Books with everything on at once: odd prices and increments, sleeves, restrictions, tax, cash needs, households.

A book is made from its number and a seed, the same one always, and is what `rebalancer plan --book` reads: whatever is
found can be kept as a file. Sizes and oddities are drawn for each book first, so that plain ones are among them.
"""

import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from domain.values.policy import MODES, Mode
from domain.values.purpose import FULL, Purpose

Json = dict[str, Any]
AS_OF = date(2026, 11, 20)
DEAD = "DEAD"
ACCOUNTS = 8  # a book: they share its market, and some a household
CENT = Decimal("0.01")
EXTREME_PRICES = ("0.0001", "0.05", "1.00", "49.99", "100.00", "620.00", "62000.00", "700000.00", "33.3333", "7.123456")
INCREMENTS = {
    "whole": ("1",),
    "fractional": ("0.001", "0.000001"),
    "mixed": ("1", "1", "0.01", "0.5", "10", "100"),
    "extreme": ("0.000001", "1", "1", "1000"),
}
VALUES = (20, 900, 12_000, 25_000, 50_000, 100_000, 500_000, 2_000_000, 300_000_000)
TYPES = ("exclude", "exclude", "substitute", "no_buy", "no_sell", "no_trade")
DAYS = ({}, {}, {}, {"from": "2026-11-20"}, {"until": "2026-11-20"}, {"until": "2026-11-19"}, {"from": "2026-11-21"})
TAX = ("taxable", "taxable", "taxable", "exempt", "deferred", "roth")


@dataclass(frozen=True)
class Asked:
    """What is planned: an account of a book, in which mode and for what."""

    account_id: str
    mode: Mode
    purpose: Purpose

    @property
    def command(self) -> str:
        """What plans it from a file; a signal has no command."""
        kind = self.purpose.kind
        amount = "" if self.purpose.amount is None else f" --amount {self.purpose.amount}"
        asked = "" if kind == "full" else f" --kind {kind}{amount}"
        return f"rebalancer plan --book FILE --account {self.account_id} --mode {self.mode}{asked}"


def asked(book: Json, at: int, seed: int, number: int) -> Asked:
    """What is asked of the account at a place of a book."""
    random, account = Random(f"asked {seed} {number} {at}"), book["accounts"][at]
    amount = random.choice((None, Decimal(150), Decimal(5_000), Decimal("33333.33"), Decimal(2_000_000)))
    match random.randint(0, 13):
        case 0 | 1:
            purpose = Purpose("raise_cash", amount)
        case 2:
            purpose = Purpose("invest_cash", amount)
        case 3 if account["sleeves"]:
            change = random.choice((Decimal("0.001"), Decimal("0.02")))
            purpose = Purpose("signal", model_id=random.choice(account["sleeves"])["model"], largest_change=change)
        case _:
            purpose = FULL
    return Asked(account["id"], random.choice(MODES), purpose)


def book(seed: int, number: int) -> Json:
    """The book of a number: a market and its accounts."""
    return _Maker(Random(f"book {seed} {number}")).made()


def alone(made: Json, account_id: str) -> Json:
    """The book with the account and its household only, and no security, model or target that they don't use."""
    homes = [each for each in made["account_groups"] if account_id in each["accounts"]]
    kept = {account_id, *(each for home in homes for each in home["accounts"])}
    accounts = sorted((a for a in made["accounts"] if a["id"] in kept), key=lambda a: a["id"] != account_id)
    targets, models, symbols = {a["target"] for a in accounts}, set[str](), set[str]()
    for each in [t for t in reversed(made["targets"]) if t["id"] in targets]:
        targets |= {line["target"] for line in each["components"] if "target" in line}
    for each in (t for t in made["targets"] if t["id"] in targets):
        models |= {line["model"] for line in each["components"] if "model" in line}
        symbols |= {line["security"] for line in each["components"] if "security" in line}
    models |= {sleeve["model"] for a in accounts for sleeve in a["sleeves"]}
    symbols |= {
        line["symbol"] for m in made["models"] if m["id"] in models for line in m["holdings"] if "symbol" in line
    }
    for a in accounts:
        held = [*a["holdings"], *a["protected"], *(h for sleeve in a["sleeves"] for h in sleeve["holdings"])]
        symbols |= {each["symbol"] for each in (*held, *a["restrictions"], *a["recent_sales"])}
        symbols |= {each["by"] for each in a["restrictions"] if "by" in each}
    return made | {
        "securities": [each for each in made["securities"] if each["symbol"] in symbols],
        "models": [each for each in made["models"] if each["id"] in models],
        "targets": [each for each in made["targets"] if each["id"] in targets],
        "account_groups": homes,
        "accounts": accounts,
    }


@dataclass
class _Maker:
    """A book on its way."""

    random: Random
    securities: dict[str, Json] = field(default_factory=dict)
    models: dict[str, Json] = field(default_factory=dict)
    dead: bool = False

    def made(self) -> Json:
        random = self.random
        large = random.random() < 0.02  # models of hundreds of holdings, where changes are made in fewer (SLEEVE-4)
        count = 520 if large else random.choice((random.randint(1, 6), random.randint(2, 14), random.randint(10, 60)))
        increments = INCREMENTS["whole" if large else random.choice(("whole", "whole", *INCREMENTS))]
        odd = random.random() < 0.3
        for at in range(count):
            price = random.choice(EXTREME_PRICES) if odd and random.random() < 0.4 else self.price()
            symbol = f"S{at:03}"
            self.securities[symbol] = {
                "symbol": symbol,
                "price": price,
                "quantity_increment": random.choice(increments),
            }
        self.dead = random.random() < 0.2  # a delisted share that some hold, and nobody can sell
        for at in range(random.choice((0, 1, 2, 3, random.randint(0, 8)))):
            self.models[f"M{at}"] = self.model(f"M{at}", 500 if large else random.choice((1, 3, 8, 30)))
        targets = self.targets()
        accounts = [self.account(f"A-{at + 1}", targets) for at in range(ACCOUNTS)]
        return {
            "as_of": str(AS_OF),
            "policy": self.policy(),
            "securities": [*self.securities.values(), {"symbol": DEAD, "price": "0", "worthless": True}],
            "models": list(self.models.values()),
            "targets": targets,
            "account_groups": [
                {"id": f"HOME-{at}", "accounts": [accounts[at]["id"], accounts[at + 1]["id"]]}
                for at in range(0, ACCOUNTS - 1, 2)
                if random.random() < 0.4
            ],
            "accounts": accounts,
        }

    def policy(self) -> Json:
        random = self.random
        policy = {"minimum_trade_amount": random.choice(("100.00", "100.00", "100.00", "0", "25.00", "5000.00"))}
        if random.random() < 0.3:
            policy["minimum_trade_weight"] = random.choice(("0", "0.01"))
        return policy

    def price(self) -> str:
        digits = self.random.choice((2, 2, 2, 2, 4, 6))
        return f"{max(0.05, 10 ** self.random.uniform(-1, 3.7)):.{digits}f}"

    def fractions(self, count: int, total: int) -> list[Decimal]:
        """Weights in ten-thousandths that sum to a total; equal ones, or any, of which some may be 0."""
        if self.random.random() < 0.4 and count <= total:
            edges = [total * at // count for at in range(count + 1)]
        else:
            edges = [0, *sorted(self.random.randint(0, total) for _ in range(count - 1)), total]
        return [Decimal(b - a) / 10_000 for a, b in itertools.pairwise(edges)]

    def model(self, name: str, most: int) -> Json:
        random = self.random
        least = 1 if most < 100 else most
        chosen = random.sample(list(self.securities), min(len(self.securities), random.randint(least, most)))
        cash = random.choice((0, 0, 200, 1500))
        weights = self.fractions(len(chosen), 10_000 - cash)
        lines: list[Json] = [{"symbol": s, "weight": str(w)} for s, w in zip(chosen, weights, strict=True)]
        if cash:
            lines.append({"cash": True, "weight": str(Decimal(cash) / 10_000)})
        minimum = random.choice(("0", "0", "1000", "10000", "50000"))
        return {"id": name, "investment_minimum": minimum, "holdings": lines}

    def targets(self) -> list[Json]:
        """One of models and securities, one that names the first as a part of it, and one of a single line."""
        random = self.random
        first = self.components([{"model": name} for name in self.models if random.random() < 0.85])
        second = [{"target": "T0"}, *self.lines(random.randint(0, 3))]
        single = (
            self.lines(1) if not self.models or random.random() < 0.5 else [{"model": random.choice([*self.models])}]
        )
        return [
            {"id": "T0", "components": first},
            {"id": "T1", "components": self.components(second)},
            {"id": "T2", "components": self.components(single)},
        ]

    def lines(self, most: int) -> list[Json]:
        return [
            {"security": symbol}
            for symbol in self.random.sample(list(self.securities), min(len(self.securities), most))
        ]

    def components(self, lines: list[Json]) -> list[Json]:
        random = self.random
        if not any("target" in line for line in lines):
            lines = (
                [*lines, *self.lines(random.choice((0, 1, 3, 6, 12)))]
                if len(lines) != 1 or random.random() < 0.7
                else lines
            )
        if not lines or random.random() < 0.3:
            lines.append({"cash": True})
        total = random.choice((10_000, 9_800, 9_800, 9_500, 6_000))
        for line, weight in zip(lines, self.fractions(len(lines), total), strict=True):
            line["weight"] = str(weight)
            match random.randint(0, 11):
                case 0:
                    line["threshold"] = {"relative": random.choice(("0", "0.05", "0.5", "1"))}
                    line["precision"] = {"relative": "0"}
                case 1 if "target" not in line:
                    upper = min(Decimal(1), weight * 2)
                    line["threshold"] = {"lower": str(weight * Decimal("0.7")), "upper": str(upper)}
                case 2 if "target" not in line:
                    line["threshold"] = {"lower": "0", "upper": "1"}
        return lines

    def account(self, name: str, targets: list[Json]) -> Json:
        random, value = self.random, Decimal(self.random.choice(VALUES))
        target = random.choice((*targets, targets[0])) if random.random() > 0.04 else None
        wanted = self.wanted(target, targets)
        spread = random.choice((0.005, 0.05, 0.2, 0.2, 0.9))
        first = random.random() < 0.12  # of cash alone
        sleeves = [] if first else self.sleeves(wanted, value, spread)
        held = [] if first else self.holdings(wanted, value, spread)
        cash = value * Decimal(random.choice(("-0.03", "0", "0", "0.004", "0.02", "0.03", "0.3", "1")))
        everything_on = random.random()
        return {
            "id": name,
            "target": target["id"] if target else None,
            "first_rebalanced": random.choice((None, "2025-03-01", "2025-03-01")),
            "tax_status": random.choice(TAX),
            "lot_relief": random.choice((None, None, "fifo", "lifo", "hifo", "min_tax")),
            "cash": text(value if first else cash),
            "holdings": held,
            "sleeves": sleeves,
            "protected": self.protected(),
            "restrictions": self.restrictions(random.randint(1, 6)) if everything_on < 0.5 else [],
            "gain_budget": random.choice(("0", text(value / 1000), text(value / 50))) if everything_on < 0.35 else None,
            "recent_sales": self.sales() if everything_on < 0.45 else [],
            "withdrawals": self.withdrawals(value),
        }

    def wanted(self, target: Json | None, targets: list[Json], scale: Decimal = Decimal(1)) -> dict[str, Decimal]:
        """What a target asks for, by model and symbol, about."""
        found: dict[str, Decimal] = {}
        for line in target["components"] if target else ():
            weight = Decimal(line["weight"]) * scale
            if "target" in line:
                below = next(each for each in targets if each["id"] == line["target"])
                for key, part in self.wanted(below, targets, weight).items():
                    found[key] = found.get(key, Decimal(0)) + part
            elif key := line.get("model") or line.get("security"):
                found[key] = found.get(key, Decimal(0)) + weight
        return found

    def near(self, spread: float) -> Decimal:
        return Decimal(f"{self.random.uniform(1 - spread, 1 + spread):.4f}")

    def sleeves(self, wanted: dict[str, Decimal], value: Decimal, spread: float) -> list[Json]:
        """Most of the models that the target names, and at times one that it doesn't."""
        random, made = self.random, []
        for name, model in self.models.items():
            if random.random() < (0.15 if name in wanted else 0.8):
                continue
            worth = value * wanted.get(name, Decimal("0.05")) * self.near(spread)
            inside = [
                self.holding(line["symbol"], worth * Decimal(line["weight"]) * self.near(spread))
                for line in model["holdings"]
                if "symbol" in line and random.random() < 0.92
            ]
            if random.random() < 0.2:
                stray = random.choice(list(self.securities))
                if stray not in {line.get("symbol") for line in model["holdings"]}:
                    inside.append(self.holding(stray, worth / 20))
            cash = worth * Decimal(random.choice(("0", "0", "0.01", "0.01", "0.3", "-0.02")))
            made.append({"model": name, "cash": text(cash), "holdings": [each for each in inside if each]})
        return made

    def holdings(self, wanted: dict[str, Decimal], value: Decimal, spread: float) -> list[Json]:
        random = self.random
        found = [
            self.holding(symbol, value * wanted.get(symbol, Decimal("0.01")) * self.near(spread))
            for symbol in self.securities
            if (symbol in wanted and random.random() < 0.9) or random.random() < 1 / len(self.securities)
        ]
        dead = [{"symbol": DEAD, "quantity": "40"}] if self.dead and random.random() < 0.5 else []
        return [*(each for each in found if each), *dead]

    def holding(self, symbol: str, worth: Decimal) -> Json | None:
        """A holding worth about so much, in lots or of unknown basis; None where it would be empty."""
        security, random = self.securities[symbol], self.random
        price, step = Decimal(security["price"]), Decimal(security["quantity_increment"])
        steps = int(worth / price / step)
        quantity = steps * step + (Decimal("0.37") if steps and random.random() < 0.04 else 0)
        if quantity <= 0:
            return None
        if random.random() < 0.08:
            return {"symbol": symbol, "quantity": f"{quantity:f}"}
        parts = random.choice((1, 1, 2, 3, 12))
        cuts = sorted({random.randint(0, steps) for _ in range(parts - 1)} - {0, steps})
        quantities = [(b - a) * step for a, b in itertools.pairwise([0, *cuts, steps])]
        quantities[-1] += quantity - steps * step
        return {
            "symbol": symbol,
            "lots": [
                {
                    "quantity": f"{part:f}",
                    "cost_per_share": f"{price * self.near(0.6):.4f}",
                    "acquired": str(
                        AS_OF - timedelta(days=random.choice((3, 20, 30, 31, 365, 366, random.randint(2, 2500))))
                    ),
                }
                for part in quantities
            ],
        }

    def protected(self) -> list[Json]:
        if self.random.random() < 0.85:
            return []
        return [{"symbol": self.random.choice(list(self.securities)), "quantity": "5"}]

    def withdrawals(self, value: Decimal) -> list[Json]:
        """Small ones, more than the cash, the whole value, more than that; due soon or next year."""
        random = self.random
        count = random.choice((0, 0, 0, 0, 1, 2))
        shares = ("0.02", "0.02", "0.3", "0.3", "0.8", "1", "1.5")
        return [
            {
                "amount": text(max(CENT, value * Decimal(random.choice(shares)) / count)),
                "due": random.choice(("2026-11-24", "2026-12-01", "2026-12-20", "2027-06-30")),
            }
            for _ in range(count)
        ]

    def sales(self) -> list[Json]:
        """Sales of the last 40 days, most at a loss."""
        random = self.random
        return [
            {
                "symbol": symbol,
                "date": str(AS_OF - timedelta(days=random.choice((0, 1, 29, 30, 31, 40)))),
                "quantity": "7",
                "gain": random.choice(("-55.10", "-0.01", "0", "80.00")),
            }
            for symbol in random.sample(list(self.securities), min(len(self.securities), random.randint(0, 4)))
        ]

    def restrictions(self, most: int) -> list[Json]:
        """Each of another security, so that none contradicts another; some not in force."""
        random = self.random
        chosen = random.sample(list(self.securities), min(len(self.securities), most))
        free = [symbol for symbol in self.securities if symbol not in chosen]
        found = []
        for symbol in chosen:
            each: Json = {"type": random.choice(TYPES), "symbol": symbol} | random.choice(DAYS)
            if each["type"] == "exclude":
                each |= {"to": random.choice(("pro_rata", "cash")), "hold": random.random() < 0.3}
            if each["type"] == "substitute":
                if not free:
                    continue
                each["by"] = random.choice(free)
            found.append(each)
        return found


def text(amount: Decimal) -> str:
    """An amount in cents."""
    return str(amount.quantize(CENT))
