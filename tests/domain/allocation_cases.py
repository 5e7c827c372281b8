"""The table of blocks in tests/cases: days with fills and leavings, and what each account has of them.

`150 @ 10.00` fills, `104 leaves with 34` is a reduction of 34 units that the venue confirms; `corrected` is what stands
of a day's fills after busts. Without an `entry` the queue is entered where the block's name draws.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import yaml

from domain.executing.allocation import DayFilled, Segment, segment
from domain.executing.blocks import left
from domain.values.money import ZERO
from tests.domain.cases import FOLDER, THOUSANDS

FILL = re.compile(r"(?P<units>\d+) @ (?P<price>[\d.]+)")
LEAVES = re.compile(r"(?P<account>\S+) leaves with (?P<units>\d+)")
KEYS = {"name", "rule", "block", "accounts", "entry", "lot", "days"}
DAY_KEYS = {"steps", "corrected", "costs", "pro rata", "shares", "cash", "costs of", "lots"}
FIRST_DAY = date(2026, 11, 20)


@dataclass(frozen=True, slots=True)
class BlockCase:
    """A block over its days: what was filled on each, its segments at the end, and what is expected of each day."""

    name: str
    block: str
    segments: tuple[Segment, ...]
    filled: tuple[DayFilled, ...]
    booked: tuple[DayFilled, ...]  # before busts
    expect: tuple[Mapping[str, Any], ...]


def block_cases() -> Iterator[BlockCase]:
    """Every case of the table. Raises ValueError for one that can't be understood."""
    text = (FOLDER / "allocation.yaml").read_text(encoding="utf-8")
    for raw in yaml.load(THOUSANDS.sub("", text), yaml.BaseLoader):
        if unknown := raw.keys() - KEYS | {key for day in raw["days"] for key in day.keys() - DAY_KEYS}:
            raise ValueError(f"allocation: {raw['name']}: unknown {sorted(unknown)}")
        yield _case(raw)


def _case(raw: Mapping[str, Any]) -> BlockCase:
    targets = {account: int(units) for account, units in raw["accounts"].items()}
    first = segment(raw["block"], 1, 0, targets, int(raw.get("lot", 1)))
    segments: tuple[Segment, ...] = (replace(first, entry=int(raw["entry"])) if "entry" in raw else first,)
    booked, filled, so_far = [], [], 0
    for number, day in enumerate(raw["days"]):
        when, costs = FIRST_DAY + timedelta(days=number), Decimal(day.get("costs", 0))
        fills: list[tuple[int, Decimal]] = []
        for step in day["steps"]:
            if leaving := LEAVES.fullmatch(step):
                done = so_far + sum(units for units, _ in fills)
                segments = left(raw["block"], segments, leaving["account"], done, int(leaving["units"]))
            else:
                fills.append(_fill(step))
        booked.append(_day(when, fills, costs))
        filled.append(
            _day(when, [_fill(each) for each in day["corrected"]], costs) if "corrected" in day else booked[-1]
        )
        so_far += booked[-1].units
    return BlockCase(raw["name"], raw["block"], segments, tuple(filled), tuple(booked), tuple(raw["days"]))


def _fill(text: str) -> tuple[int, Decimal]:
    found = FILL.fullmatch(text)
    if found is None:
        raise ValueError(f'allocation: "{text}" is neither a fill nor a leaving')
    return int(found["units"]), Decimal(found["price"])


def _day(when: date, fills: Sequence[tuple[int, Decimal]], costs: Decimal) -> DayFilled:
    return DayFilled(
        when, sum(units for units, _ in fills), sum((units * price for units, price in fills), ZERO), costs
    )
