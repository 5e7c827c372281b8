"""What today is for the tests, their workers and their commands (DAY-1): a Friday morning, on the books' own day.

The books of the tests are of 2026-11-20; so is the tests' clock, whatever day it really is. REBALANCER_TESTS_AT sets
another, as `2028-02-29T15:00:00Z`; tests/days.py has those on which the tests of the clock are run.
"""

import os
from datetime import datetime

from policy.clock import AHEAD, Clock

TESTS_AT = "REBALANCER_TESTS_AT"
MORNING = "2026-11-20T15:00:00Z"  # 10:00 in New York


def now_chosen() -> str:
    """The moment at which the tests began, by their clock."""
    return os.environ.get(TESTS_AT, MORNING)


def hand_in() -> None:
    """Hands the tests' clock to this process and all that it starts; one that was handed in already stays."""
    if AHEAD not in os.environ:
        os.environ.update(Clock.set_to(datetime.fromisoformat(now_chosen())).environment)
