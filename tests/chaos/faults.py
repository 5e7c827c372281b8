"""The faults of a chaos run: which, and when. A function of the seed alone, so that a seed plans the same run again."""

from dataclasses import dataclass
from random import Random

# How often each comes, of a hundred.
KINDS = {
    "worker killed": 30,
    "database connections dropped": 18,
    "workflow reset": 18,
    "workflow cancelled": 8,
    "workflow terminated": 6,
    "PostgreSQL restarted": 6,
    "Temporal restarted": 6,
    "desk halted": 4,
    "record forged": 4,
    "foreign answer": 4,
    "clock jumped": 4,
    "gateway killed": 8,
    "broker killed": 4,
    "restored from a backup": 1,
}
EVERY = 2.0  # seconds between faults, about; each time from 0.4 to 1.75 of it


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: seconds after the start, its kind, and a number that decides whom it hits."""

    at: float
    kind: str
    number: int


def planned(seed: int, seconds: float, every: float = EVERY) -> list[Fault]:
    """Faults over so many seconds; at least one of every kind, where there is time for it."""
    dice = Random(f"{seed}/faults")
    kinds = list(KINDS)
    dice.shuffle(kinds)
    faults, at = [], dice.uniform(0.4 * every, 1.75 * every)
    while at < seconds:
        kind = kinds.pop() if kinds else dice.choices(list(KINDS), list(KINDS.values()))[0]
        faults.append(Fault(at, kind, dice.randrange(1_000_000)))
        at += dice.uniform(0.4 * every, 1.75 * every)
    return faults
