"""Trying a boundary: so many inputs, or so long, and what came of it."""

import time
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure

from tests.fuzz.boundaries import Boundary, Place
from tests.fuzz.outlets import Broken

BATCH = 100


@dataclass(frozen=True)
class Tried:
    """How many inputs a boundary took, and what broke it, at its smallest; None where nothing did."""

    name: str
    count: int
    broken: str | None


def attempt(boundary: Boundary, place: Place, count: int, number: int) -> Tried:
    """Tries so many inputs, those of this seed; on a failure the smallest input that shows it."""
    tried = 0
    broke: list[tuple[Any, Broken]] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(boundary.inputs)
    def run(value: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            boundary.attempt(place, value)
        except Broken as flaw:
            broke.append((value, flaw))
            raise

    try:
        run()
    except (Broken, FlakyFailure):  # flaky: what broke once and not again, as the books are not what they were
        value, flaw = broke[-1]
        return Tried(boundary.name, tried, f"seed {number}: {value!r}\n{flaw}")
    return Tried(boundary.name, tried, None)


def attempt_for(boundary: Boundary, place: Place, seconds: float, number: int) -> Tried:
    """Tries batch after batch until the time is up or something breaks."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        tried = attempt(boundary, place, BATCH, number)
        count += tried.count
        number += 1
        if tried.broken:
            return Tried(boundary.name, count, tried.broken)
    return Tried(boundary.name, count, None)
