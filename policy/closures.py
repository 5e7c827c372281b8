"""Closures of the exchange that no calendar knew, as dated data (DAY-8): who declares one, and what it then changes.

`closures.yaml` beside this file, and the firm's own, named by REBALANCER_CLOSURES.
"""

import os
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path

import yaml

from policy import PolicyRefused
from policy.clock import EXCHANGE_ZONE

FIRM_FILE = "REBALANCER_CLOSURES"
OURS = Path(__file__).with_name("closures.yaml")
KEYS = {"day", "until", "because"}


def closures() -> Mapping[date, time | None]:
    """Each day that was declared, with the early close in New York; None where it is no trading day. PolicyRefused."""
    return _read_all(os.environ.get(FIRM_FILE))


def is_closed(day: date) -> bool:
    """True where a day was declared to be no trading day."""
    known = closures()
    return day in known and known[day] is None


def early_close(day: date) -> datetime | None:
    """When the exchange closes on a day, where that was declared."""
    until = closures().get(day)
    return None if until is None else datetime.combine(day, until, EXCHANGE_ZONE)


@lru_cache(maxsize=4)
def _read_all(firm: str | None) -> Mapping[date, time | None]:
    return _read(OURS) | (_read(Path(firm)) if firm else {})


def _read(path: Path) -> dict[date, time | None]:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        listed = raw["closures"]
        if not isinstance(listed, list):
            raise ValueError("closures: a list is needed")
        return dict(_closure(each) for each in listed)
    except (OSError, yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, KeyError) as flaw:
        raise PolicyRefused(f"closures file {path} can't be used: {str(flaw).splitlines()[0]}") from flaw


def _closure(raw: object) -> tuple[date, time | None]:
    if not isinstance(raw, dict) or not {"day", "because"} <= raw.keys() <= KEYS:
        raise ValueError(f'a closure needs day and because, and may give until ("13:00"), not {raw}')
    day = raw["day"]
    if not isinstance(day, date):
        raise ValueError(f"day: a date like 2026-12-24 is needed, not {day}")
    return day, None if raw.get("until") is None else time.fromisoformat(str(raw["until"]))
