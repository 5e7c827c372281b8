"""An oracle for small accounts: every end that whole steps can reach, and the best of them by DESTINATION-6.

Two to four securities, held directly, whole shares. What LAW-6 does not allow is no end: a component lands in its band,
or no further from it than it was, or inside its threshold. Amounts are whole cents here, and integers.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from domain.laws.landing import bounds
from domain.plan import plan as planned
from domain.rebalance_plan import RebalancePlan
from domain.values.policy import Mode
from domain.values.snapshot import Snapshot
from tests.laws.books import AS_OF, text
from tests.laws.world import Members

Json = dict[str, Any]
ENDS = 30_000  # more are not searched


def small(seed: int, number: int) -> Json:
    """An account of few securities whose shares are large for it."""
    random = Random(f"small {seed} {number}")
    value = random.choice((2_000, 5_000, 10_000, 40_000))
    count = random.randint(2, 4)
    symbols = [f"X{at}" for at in range(count)]
    cut = sorted(random.sample(range(5, 95), count))
    weights = [Decimal(b - a) / 100 for a, b in itertools.pairwise([0, *cut])]
    prices = [
        Decimal(f"{value * random.choice((0.002, 0.01, 0.03, 0.06)) * random.uniform(0.8, 1.2):.2f}") for _ in symbols
    ]
    held = []
    for symbol, price, weight in zip(symbols, prices, weights, strict=True):
        shares = int(value * weight * Decimal(f"{random.uniform(0.6, 1.4):.3f}") / price)
        if shares:
            lot = {"quantity": str(shares), "cost_per_share": str(price), "acquired": "2024-03-01"}
            held.append({"symbol": symbol, "lots": [lot]})
    lines = [{"security": s, "weight": str(w)} for s, w in zip(symbols, weights, strict=True)]
    return {
        "as_of": str(AS_OF),
        "policy": {"minimum_trade_amount": random.choice(("0", "0", "100.00"))},
        "securities": [{"symbol": s, "price": str(p)} for s, p in zip(symbols, prices, strict=True)],
        "targets": [{"id": "T", "components": lines}],
        "accounts": [
            {
                "id": "A-1",
                "target": "T",
                "first_rebalanced": "2025-03-01",
                "tax_status": "exempt",
                "cash": text(value * Decimal(f"{random.uniform(0, 0.3):.3f}")),
                "holdings": held,
            }
        ],
    }


@dataclass(frozen=True, order=True)
class End:
    """Where a plan ends, the better one first: cash's distance from its band, then components outside their thresholds,
    outside their destination bands, and turnover; all in cents.
    """

    cash: int
    outside_thresholds: int
    outside_bands: int
    turnover: int


@dataclass(frozen=True)
class _Line:
    price: int
    held: int
    low: int  # of the destination band, of the threshold
    high: int
    lower: int
    upper: int

    def end(self, shares: int) -> tuple[int, int, int, int] | None:
        """What so many shares cost, how far they are outside threshold and band, and turnover; None against LAW-6."""
        worth, was = shares * self.price, self.held * self.price
        outside = max(self.low - worth, worth - self.high, 0)
        beyond = max(self.lower - worth, worth - self.upper, 0)
        if beyond and shares != self.held and outside >= max(self.low - was, was - self.high, 0):
            return None
        return worth - was, beyond, outside, abs(worth - was)


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _lines(snapshot: Snapshot, plan: RebalancePlan) -> tuple[list[_Line], int, int, int, int]:
    """The components in cents; cash, its band, and the least that may be traded."""
    total = plan.managed_value or Decimal(0)
    held = {each.symbol: int(each.quantity) for each in snapshot.account.managed.holdings}
    lines = []
    for each in plan.components[:-1]:
        symbol = each.component.partition(":")[2]
        low, high = bounds(each, plan.mode)
        edges = [_cents(edge * total) for edge in (low, high, each.threshold.lower, each.threshold.upper)]
        lines.append(_Line(_cents(snapshot.price(symbol)), held.get(symbol, 0), *edges))
    low, high = bounds(plan.components[-1], plan.mode)
    smallest = max(plan.policy.minimum_trade_amount, plan.policy.minimum_trade_weight * total)
    return lines, _cents(snapshot.account.managed.cash), _cents(low * total), _cents(high * total), _cents(smallest)


def reached(snapshot: Snapshot, plan: RebalancePlan) -> End:
    """Where the plan itself ends."""
    lines, _, low, high, _ = _lines(snapshot, plan)
    cash = _cents(plan.components[-1].planned_value)
    shares = [
        round(_cents(each.planned_value) / line.price) for each, line in zip(plan.components, lines, strict=False)
    ]
    beyond = outside = turnover = 0
    for line, count in zip(lines, shares, strict=True):
        worth = count * line.price
        beyond += max(line.lower - worth, worth - line.upper, 0)
        outside += max(line.low - worth, worth - line.high, 0)
        turnover += abs(worth - line.held * line.price)
    return End(max(low - cash, cash - high, 0), beyond, outside, turnover)


def untouched(snapshot: Snapshot, plan: RebalancePlan) -> End:
    """The end of doing nothing."""
    lines, cash, low, high, _ = _lines(snapshot, plan)
    ends = [(line, line.held * line.price) for line in lines]
    return End(
        max(low - cash, cash - high, 0),
        sum(max(line.lower - worth, worth - line.upper, 0) for line, worth in ends),
        sum(max(line.low - worth, worth - line.high, 0) for line, worth in ends),
        0,
    )


def best(snapshot: Snapshot, plan: RebalancePlan) -> End | None:
    """The best end of all; None where there are too many to try."""
    lines, cash, low, high, smallest = _lines(snapshot, plan)
    choices = [list(_choices(line, smallest)) for line in lines]
    count = 1
    for each in choices:
        count *= len(each)
    if count > ENDS:
        return None
    found: End | None = None
    for ends in itertools.product(*choices):
        left = cash - sum(end[0] for end in ends)
        if left < 0:
            continue
        end = End(
            max(low - left, left - high, 0),
            sum(each[1] for each in ends),
            sum(each[2] for each in ends),
            sum(each[3] for each in ends),
        )
        if found is None or end < found:
            found = end
    return found


def _choices(line: _Line, smallest: int) -> Iterator[tuple[int, int, int, int]]:
    """The numbers of shares that an order could lead to, each with its end."""
    most = max(line.held, line.upper // line.price + 2)
    for shares in range(most + 1):
        traded = abs(shares - line.held) * line.price
        if traded and traded < smallest and shares:  # what sells all of it is exempt (ORDER-3)
            continue
        end = line.end(shares)
        if end is not None:
            yield end


@dataclass
class Compared:
    """How plans end beside the best that can be reached. `better` has to be 0, or the oracle missed an end."""

    mode: Mode
    accounts: int = 0
    cash: int = 0
    best: int = 0
    better: int = 0
    nothing: int = 0

    @property
    def line(self) -> str:
        """The counts as people read them."""
        return (
            f"{self.accounts:,} small accounts in {self.mode}: cash as near its band as can be in {self.cash:,}, the "
            f"best end of all in {self.best:,}, worse than doing nothing in {self.nothing:,}"
        )


def compare(seed: int, count: int, mode: Mode) -> Compared:
    """Plans so many small accounts, and searches every end of each."""
    found = Compared(mode)
    for number in range(count):
        members = Members(small(seed, number))
        snapshot = members.snapshot("A-1")
        plan = planned(snapshot, members.policy, mode)
        oracle = best(snapshot, plan)
        if oracle is None:
            continue
        ours = reached(snapshot, plan)
        found.accounts += 1
        found.cash += ours.cash <= oracle.cash
        found.best += ours <= oracle
        found.better += ours < oracle
        found.nothing += ours > untouched(snapshot, plan)
    return found
