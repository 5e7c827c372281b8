"""How long the allocation of a block takes: a million shares over 5,000 accounts, and the cents with it.

Side by side with largest remainder over the same accounts, which is one pass, and takes shares back (ALLOC-2).
Processor time of this process, the best of several. `make bench ARGS="allocation --accounts 5000 --shares 1000000"`.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random

from benchmarks.table import table
from domain.executing import allocation
from domain.executing.allocation import Segment, allocated, segment, split
from domain.values.money import to_cent

PRICE = Decimal("287.1137")


def block(accounts: int, shares: int) -> dict[str, int]:
    """Targets that sum to the shares: cut at random, so that many are small and a few large."""
    cuts = sorted(Random(1).sample(range(1, shares), accounts - 1))
    return {f"A-{at:06d}": end - begin for at, (begin, end) in enumerate(zip([0, *cuts], [*cuts, shares], strict=True))}


def largest_remainder(one: Segment, filled: int) -> Mapping[str, int]:
    """The floor of each, and one more for whoever lacks most: what the shares are measured against."""
    total = one.total
    got = {account: units * filled // total for account, units in one.targets}
    rest = {account: units * filled % total for account, units in one.targets}
    for account in sorted(rest, key=lambda account: -rest[account])[: filled - sum(got.values())]:
        got[account] += 1
    return got


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of processor time, the least of several."""
    least = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
    return least


def main(arguments: Sequence[str] = ()) -> None:
    """Allocates a block that is half filled: from nothing, again with its queue known, and its cents."""
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--accounts", type=int, default=5_000)
    asked.add_argument("--shares", type=int, default=1_000_000)
    given = asked.parse_args(arguments)
    targets = block(given.accounts, given.shares)
    one = segment("B-000001", 1, 0, targets)
    filled = given.shares // 2

    def anew() -> object:
        allocation.walked.cache_clear()
        return allocated(one, filled)

    floor = best(lambda: largest_remainder(one, filled))
    having = {account: units for account, units in allocated(one, filled).items() if units}
    amount = to_cent(filled * PRICE)
    rows = [
        ("largest remainder", floor),
        ("the first allocation of a block, its queue made", best(anew)),
        ("each later one, its queue known", best(lambda: allocated(one, filled))),
        ("the cents of a day", best(lambda: split(amount, having, one.name))),
    ]
    print(f"{given.shares:,} shares over {given.accounts:,} accounts, half of them filled\n")
    print(table(("", "ms", "ratio"), [(name, f"{took * 1000:,.1f}", f"{took / floor:,.1f}") for name, took in rows]))
