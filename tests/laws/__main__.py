"""`make laws`: plans generated accounts with everything on at once, and asks every law of each.

    python -m tests.laws [--accounts 200000] [--seed 1] [--processes 2] [--near 5000] [--usual 2000] [--funds 120]
                         [--small 2000] [--keep FOLDER]

A seed makes the same accounts again. Prints what was seen and, of every law that was broken, how often and the smallest
account; `--keep` writes those, made smaller where possible, as book files. Then the same of books near the cases of
tests/cases (`--near`), and of accounts as firms have them (`--usual`). Then accounts of whole-share funds, planned
until nothing trades (`--funds` of every value and mode); small ones beside the best end that whole steps can reach
(`--small`), and as many without rounding beside a linear program's turnover. Exit status 1 where a law was broken, a
fund account traded again, or too little was seen.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from domain.values.policy import MODES
from tests.laws.at_large import at_large
from tests.laws.books import ACCOUNTS, alone, asked, book
from tests.laws.funds import VALUES, settle
from tests.laws.near import look_near
from tests.laws.oracle import compare
from tests.laws.shrink import shrunk
from tests.laws.tally import Tally
from tests.laws.turnover import compare_turnover
from tests.laws.usual import look_usual

STRETCH = 50  # books
KINDS = {"near": "near those of the cases", "usual": "as firms have them"}


def main() -> int:
    """Shares the books out among processes."""
    parser = argparse.ArgumentParser(
        "python -m tests.laws", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--near", type=int, default=5_000)
    parser.add_argument("--usual", type=int, default=2_000)
    parser.add_argument("--funds", type=int, default=120)
    parser.add_argument("--small", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, help="a folder for the smallest books that break a law")
    given = parser.parse_args()
    started, tally = time.monotonic(), Tally()
    books = -(-given.accounts // ACCOUNTS)
    stretches = [range(at, min(at + STRETCH, books)) for at in range(0, books, STRETCH)]
    with ProcessPoolExecutor(given.processes) as pool:
        for part in pool.map(at_large, repeat(given.seed), stretches):
            tally.add(part)
        others = {"near": Tally(), "usual": Tally()}
        for name, look, count in (("near", look_near, given.near), ("usual", look_usual, given.usual)):
            parts = [range(at, min(at + STRETCH, count)) for at in range(0, count, STRETCH)]
            for part in pool.map(look, repeat(given.seed), parts):
                others[name].add(part)
        places = [(value, mode) for value in VALUES for mode in MODES]
        values, modes = zip(*places, strict=True)
        settled = dict(
            zip(places, pool.map(settle, repeat(given.seed), repeat(given.funds), values, modes), strict=True)
        )
        compared = list(pool.map(compare, repeat(given.seed), repeat(given.small), MODES))
        solved = list(pool.map(compare_turnover, repeat(given.seed), repeat(given.small), MODES))
    show(tally, given.seed, given.keep)
    seconds = time.monotonic() - started
    print(f"{tally.seen['planned']:,} accounts planned, seed {given.seed}, in {seconds:,.0f} s")
    for name, each in others.items():
        print(f"{each.seen['planned']:,} plans of accounts {KINDS[name]}")
        for law, finds in sorted(each.finds.items()):
            print(f"BROKEN  {law}: {each.broken[law]:,} times")
            for find in finds[:3]:
                print(f"    {name} {find.number}, account A-{find.place + 1}: {find.says}")
    for (value, mode), each in settled.items():
        print(f"{each.accounts} accounts of funds of {value:,} in {mode}: {', '.join(each.lines())}")
    for line in (each.line for each in (*compared, *solved)):
        print(line)
    again = sum(each.counts["trade again"] for each in settled.values())
    few = list(tally.too_few())
    for each in few:
        print(f"TOO FEW  {each}")
    for name, count in (("near", given.near), ("usual", given.usual)):
        few += (
            [f"{name}: {others[name].seen['planned']:,} planned"] if others[name].seen["planned"] < count // 2 else []
        )
    return 1 if few or tally.broken or any(each.broken for each in others.values()) or again else 0


def show(tally: Tally, seed: int, keep: Path | None) -> None:
    """What was seen, then the laws that were broken, each with its smallest accounts."""
    for what, times in sorted(tally.seen.items()):
        print(f"{times:12,}  {what}")
    for law in sorted(tally.broken, key=lambda each: (each[:3], int(each.partition("-")[2]))):
        print(f"BROKEN  {law}: {tally.broken[law]:,} times")
        for find in tally.finds[law][:3]:
            print(f"    book {find.number}, account A-{find.place + 1}: {find.says}")
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            find = tally.finds[law][0]
            made = book(seed, find.number)
            wanted = asked(made, find.place, seed, find.number)
            one = law != "WASH-1"  # of a household's plans together
            small, says = shrunk(made, wanted, law) if one else (alone(made, wanted.account_id), find.says)
            file = keep / f"{law.lower()}-{seed}-{find.number}-{find.place}.json"
            file.write_text(json.dumps(small, indent=1) + "\n", encoding="utf-8")
            print(f"    kept as {file}: {says}\n    {wanted.command.replace('FILE', str(file))}")


if __name__ == "__main__":
    sys.exit(main())
