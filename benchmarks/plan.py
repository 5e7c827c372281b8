"""Milliseconds a plan: accounts of 60 positions in 5 sleeves, about 180 lots, off their targets.

    python -m benchmarks.plan [--accounts 200] [--repeat 5] [--profile]

Times `plan(snapshot, policy)` alone, snapshots being ready. The accounts are generated from a fixed seed.
"""

import argparse
import cProfile
import pstats
import statistics
import time
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from domain.book import read_account, read_market
from domain.plan import plan
from domain.policy import MODES, Policy
from domain.snapshot import Snapshot
from policy import in_force

AS_OF = date(2026, 11, 20)
SLEEVES, POSITIONS, LOTS = 5, 12, 3
LOT_DAYS = ("2021-03-04", "2024-07-15", "2026-02-02")
Json = dict[str, Any]


def market(random: Random) -> Json:
    """80 securities, 5 models of 12 of them, and a target that holds each model at 19 %."""
    symbols = [f"S{at:02}" for at in range(80)]
    weights = ["0.10"] * 8 + ["0.05"] * 4
    models = [
        {
            "id": f"M{at}",
            "investment_minimum": "10000",
            "holdings": [
                {"symbol": symbol, "weight": weight}
                for symbol, weight in zip(random.sample(symbols, POSITIONS), weights, strict=True)
            ],
        }
        for at in range(SLEEVES)
    ]
    return {
        "as_of": str(AS_OF),
        "securities": [{"symbol": symbol, "price": f"{random.uniform(8, 420):.2f}"} for symbol in symbols],
        "models": models,
        "targets": [{"id": "T", "components": [{"model": model["id"], "weight": "0.19"} for model in models]}],
    }


def account(at: int, book: Json, random: Random) -> Json:
    """About 500,000.00, each sleeve between 0.6 and 1.5 times its weight, each holding off its own."""
    prices = {security["symbol"]: float(security["price"]) for security in book["securities"]}
    sleeves = []
    for model in book["models"]:
        value = 95_000 * random.uniform(0.6, 1.5)
        holdings = []
        for line in model["holdings"]:
            price = prices[line["symbol"]]
            shares = max(LOTS, int(value * float(line["weight"]) * random.uniform(0.7, 1.3) / price))
            parts = [shares // LOTS] * (LOTS - 1)
            lots = [
                {
                    "quantity": str(part),
                    "cost_per_share": f"{price * random.uniform(0.5, 1.2):.2f}",
                    "acquired": day,
                }
                for part, day in zip([*parts, shares - sum(parts)], LOT_DAYS, strict=True)
            ]
            holdings.append({"symbol": line["symbol"], "lots": lots})
        sleeves.append({"model": model["id"], "cash": f"{random.uniform(0, 300):.2f}", "holdings": holdings})
    cash = f"{random.uniform(5_000, 60_000):.2f}"
    return {"id": f"A-{at}", "target": "T", "first_rebalanced": "2025-01-02", "cash": cash, "sleeves": sleeves}


def snapshots(count: int) -> tuple[list[Snapshot], Policy]:
    """So many accounts, and the policy."""
    random, numbers = Random(20261120), in_force(AS_OF)
    book = market(random)
    read = read_market(book, numbers)
    found = [
        Snapshot(
            as_of=AS_OF,
            account=read_account(account(at, book, random), at, read),
            targets=read.targets,
            models=read.models,
            securities=read.securities,
            fresh_from=AS_OF,
        )
        for at in range(count)
    ]
    return found, numbers


def main() -> None:
    """Prints what each mode takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=5, help="times each account is planned; its fastest counts")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    asked = parser.parse_args()
    ready, numbers = snapshots(asked.accounts)
    lots = sum(len(held.lots) for sleeve in ready[0].account.sleeves for held in sleeve.holdings)
    print(f"{asked.accounts} accounts of {SLEEVES * POSITIONS} positions in {SLEEVES} sleeves, {lots} lots each")
    for mode in MODES:
        taken, orders = [], []
        for snapshot in ready:
            fastest = Decimal("Infinity")
            for _ in range(asked.repeat):
                start = time.perf_counter_ns()
                made = plan(snapshot, numbers, mode)
                fastest = min(fastest, Decimal(time.perf_counter_ns() - start))
            taken.append(float(fastest) / 1e6)
            orders.append(len(made.orders))
        taken.sort()
        print(
            f"{mode:16} min {taken[0]:.2f} ms   median {statistics.median(taken):.2f} ms   "
            f"95 % {taken[int(len(taken) * 0.95)]:.2f} ms   orders {statistics.median(orders):.0f}"
        )
    if asked.profile:
        profiler = cProfile.Profile()
        profiler.enable()
        for snapshot in ready:
            plan(snapshot, numbers)
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
