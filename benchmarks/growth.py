"""How a plan's time grows: with an account's positions, and with the lots of each holding.

    python -m benchmarks growth [--accounts 10] [--repeat 5] [--draw]

In mode `exact`, in which every sleeve trades. Prints both series; `--draw` draws `docs/plan-positions.svg` and
`docs/plan-lots.svg` besides, and puts the series into `docs/performance.md`.
"""

import argparse
import statistics
from collections.abc import Sequence

from benchmarks.accounts import Shape, snapshots
from benchmarks.document import DOCS, put
from benchmarks.plan import timed
from benchmarks.plot import line_plot, write
from benchmarks.table import table
from domain.plan import plan

POSITIONS = (10, 30, 60, 100, 150, 200, 300, 400)
LOTS = (1, 3, 5, 10, 15, 20, 30)


def median_time(shape: Shape, accounts: int, repeat: int) -> float:
    """Milliseconds that an exact plan of such an account takes: the median over the accounts of each one's fastest."""
    ready, policy = snapshots(shape, accounts)
    return statistics.median(timed(lambda each=each: plan(each, policy, "exact"), repeat)[0] for each in ready)  # type: ignore[misc]


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the two series, and draws them where asked."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=10, help="of each size")
    parser.add_argument("--repeat", type=int, default=5, help="times each is planned; its fastest counts")
    parser.add_argument("--draw", action="store_true", help="draw the plots in docs/")
    asked = parser.parse_args(arguments)
    in_sleeves = [
        (at, median_time(Shape(5, at // 5, thousands=8 * at, restricted=False), asked.accounts, asked.repeat))
        for at in POSITIONS
    ]
    in_one = [
        (at, median_time(Shape(1, at, thousands=8 * at, restricted=False), asked.accounts, asked.repeat))
        for at in POSITIONS
    ]
    by_lots = [
        (at, median_time(Shape(lots=at, thousands=5_000, restricted=False), asked.accounts, asked.repeat))
        for at in LOTS
    ]
    positions_told = table(
        ("positions, 3 lots each", *map(str, POSITIONS)),
        [
            ("ms, in 5 sleeves", *(f"{taken:.2f}" for _, taken in in_sleeves)),
            ("ms, in 1 sleeve", *(f"{taken:.2f}" for _, taken in in_one)),
        ],
    )
    lots_told = table(
        ("lots a holding, 60 positions", *map(str, LOTS)), [("ms", *(f"{taken:.2f}" for _, taken in by_lots))]
    )
    print(f"{positions_told}\n\n{lots_told}")
    if asked.draw:
        put("growth", f"{positions_told}\n\n{lots_told}")
        title, axis = "Time of a plan by", "milliseconds, median"
        positions = {"in 5 sleeves": in_sleeves, "in 1 sleeve": in_one}
        write(DOCS / "plan-positions.svg", line_plot(f"{title} positions (3 lots each)", "positions", axis, positions))
        lots = {"60 positions in 5 sleeves": by_lots}
        write(DOCS / "plan-lots.svg", line_plot(f"{title} lots", "lots a holding", axis, lots))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
