"""`make laws`: plans generated accounts with everything on at once, and asks every law of each.

    python -m tests.laws [--accounts 200000] [--seed 1] [--processes 2] [--keep FOLDER]

A seed makes the same accounts again. Prints what was seen and, of every law that was broken, how often and the smallest
account; `--keep` writes those, made smaller where possible, as book files. Exit status 1 where a law was broken or too
little was seen.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.laws.at_large import at_large
from tests.laws.books import ACCOUNTS, asked, book
from tests.laws.shrink import shrunk
from tests.laws.tally import Tally

STRETCH = 50  # books


def main() -> int:
    """Shares the books out among processes."""
    parser = argparse.ArgumentParser(
        "python -m tests.laws", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder for the smallest books that break a law")
    given = parser.parse_args()
    started, tally = time.monotonic(), Tally()
    books = -(-given.accounts // ACCOUNTS)
    stretches = [range(at, min(at + STRETCH, books)) for at in range(0, books, STRETCH)]
    with ProcessPoolExecutor(given.processes) as pool:
        for part in pool.map(at_large, repeat(given.seed), stretches):
            tally.add(part)
    show(tally, given.seed, given.keep)
    seconds = time.monotonic() - started
    print(f"{tally.seen['planned']:,} accounts planned, seed {given.seed}, in {seconds:,.0f} s")
    few = list(tally.too_few())
    for each in few:
        print(f"TOO FEW  {each}")
    return 1 if few or tally.broken else 0


def show(tally: Tally, seed: int, keep: Path | None) -> None:
    """What was seen, then the laws that were broken, each with its smallest accounts."""
    for what, times in sorted(tally.seen.items()):
        print(f"{times:12,}  {what}")
    for law in sorted(tally.broken, key=lambda each: int(each.partition("-")[2])):
        print(f"BROKEN  {law}: {tally.broken[law]:,} times")
        for find in tally.finds[law][:3]:
            print(f"    book {find.number}, account A-{find.place + 1}: {find.says}")
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            find = tally.finds[law][0]
            made = book(seed, find.number)
            wanted = asked(made, find.place, seed, find.number)
            small, says = shrunk(made, wanted, law)
            file = keep / f"{law.lower()}-{seed}-{find.number}-{find.place}.json"
            file.write_text(json.dumps(small, indent=1) + "\n", encoding="utf-8")
            print(f"    kept as {file}: {says}\n    {wanted.command.replace('FILE', str(file))}")


if __name__ == "__main__":
    sys.exit(main())
