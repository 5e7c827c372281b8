"""The days on which the tests of the clock are run: `python -m tests.days`, as `.ci/run` does.

Each is a moment of which something goes wrong where a day is counted in the wrong zone, by the wrong calendar or from
the wrong clock. Whatever is marked `clock` has to pass on all of them; `python -m tests.days TEST…` runs others.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.clock import MORNING, TESTS_AT


@dataclass(frozen=True)
class Day:
    """What it is, the moment at which the tests begin, and the exchange's next close after it."""

    says: str
    moment: str
    close: str


DAYS = (
    Day("the books' own", MORNING, "2026-11-20T21:00:00Z"),
    Day("a Saturday", "2026-11-21T15:00:00Z", "2026-11-23T21:00:00Z"),
    Day("Friday at the exchange, Saturday in UTC", "2026-11-21T03:30:00Z", "2026-11-23T21:00:00Z"),
    Day("a holiday, Thanksgiving", "2026-11-26T15:00:00Z", "2026-11-27T18:00:00Z"),
    Day("the morning of an early close", "2026-11-27T15:00:00Z", "2026-11-27T18:00:00Z"),
    Day("an hour after an early close", "2026-11-27T19:00:00Z", "2026-11-30T21:00:00Z"),
    Day("the last day of a year, after the close", "2026-12-31T21:30:00Z", "2027-01-04T21:00:00Z"),
    Day("when spring leaves out an hour", "2027-03-14T07:10:00Z", "2027-03-15T20:00:00Z"),
    Day("when autumn has an hour twice", "2027-11-07T06:10:00Z", "2027-11-08T21:00:00Z"),
    Day("29 February", "2028-02-29T15:00:00Z", "2028-02-29T21:00:00Z"),
    Day("five years on", "2031-11-20T15:00:00Z", "2031-11-20T21:00:00Z"),
)


def marked() -> list[str]:
    """The files that have tests of the clock: to import all the others each day would take longer than these tests."""
    files = Path(__file__).parent.rglob("test_*.py")
    return sorted(str(file) for file in files if "mark.clock" in file.read_text(encoding="utf-8"))


def main(chosen: list[str]) -> int:
    """Runs them day by day; exit status 1 where one failed."""
    failed = []
    for day in DAYS:
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--durations=0",
            "--durations-min=60",
            *(chosen or ["-m", "clock", *marked()]),
        ]
        done = subprocess.run(
            command, env=os.environ | {TESTS_AT: day.moment}, capture_output=True, text=True, check=False
        )
        lines = done.stdout.strip().splitlines() or [done.stderr.strip()]  # a server that ends may have the last word
        told = next((each for each in reversed(lines) if " passed" in each or " failed" in each), lines[-1]).strip("= ")
        print(f"{day.moment}  {day.says:42} {told} ({time.monotonic() - began:.0f} s)", flush=True)
        if done.returncode:
            failed.append(day.says)
            print(done.stdout, done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
