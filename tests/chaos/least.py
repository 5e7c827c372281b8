"""The least that a chaos run has to see: a proof that looked at nothing proves nothing, and has failed.

By the minute in which the run did anything (`pulse`), as a busy machine has fewer; whatever the length, once at least.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tests.chaos.attempts import Attempts
from tests.chaos.proof import Checked, Records

FILLED = 10  # orders of which the venue filled something, a minute
COMPLETE = 4  # rebalances that ended COMPLETE, a minute
LONG, RARE = 60, 300  # seconds from which a run has to have seen the following too, and what seldom happens
WAITED = 0.2  # orders that waited while the desk was halted, a minute
FORGED = 0.4  # forgeries attempted, a minute
BLOCKS = 2  # blocks of which the venue filled something, a minute
BY_FIX = 2  # orders filled through the FIX session, a minute
WORKED = 0.2  # of a longer run's seconds, those in which anything has to be done
OVERFILL = "overfill"  # among what the venue did to orders
HIT = 0.4  # of the faults that were planned, those that hit something


def missing(
    seconds: float,
    worked: float,
    planned: int,
    injected: Mapping[str, int],
    records: Records,
    checks: list[Checked],
    attempts: Attempts | None = None,
    venue: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[str]:
    """What a run of so many seconds, which did something in so many, should have seen and did not."""
    filled = sum(1 for order in records.orders if order.filled_quantity)
    complete = sum(1 for row in records.runs if row.status == "COMPLETE")
    for seen, least, what in (
        (filled, FILLED * worked / 60, "orders filled"),
        (complete, COMPLETE * worked / 60, "rebalances COMPLETE"),
        (sum(injected.values()), HIT * planned, "faults that hit something"),
        *(_beside(seconds, worked, attempts, records, venue) if attempts is not None and seconds >= LONG else ()),
    ):
        if seen < max(1, int(least)):
            yield f"{seen} {what}: at least {max(1, int(least))} are needed for the proof to mean anything"
    for check in checks:
        if not check.looked_at and (seconds >= RARE or not check.seldom):
            yield f"nothing was there to look at for: {check.says}"


def _beside(
    seconds: float, worked: float, attempts: Attempts, records: Records, venue: Mapping[str, int]
) -> Iterator[tuple[int, float, str]]:
    """What makes the proofs beside the orders' mean something."""
    kinds = Counter(each.kind for each in records.breaks)
    yield int(worked), WORKED * seconds, "seconds in which anything was done"
    yield attempts.waited, WAITED * worked / 60, "orders that waited while sending was halted"
    yield attempts.forgeries, FORGED * worked / 60, "forgeries attempted"
    desk = records.desk
    yield desk.by_fix, BY_FIX * worked / 60, "orders filled by FIX"
    if seconds >= RARE:
        yield sum(1 for each in desk.children if each.filled_units), BLOCKS * worked / 60, "orders of blocks filled"
        yield len({each.block_id for each in desk.parts}), 1, "blocks allocated"
        yield sum(1 for each in desk.leavings if each.filled is not None), 1, "leavings that a venue was asked about"
        if OVERFILL in venue:  # where it filled nothing beyond an order, there is nothing to be told
            yield kinds["overfill"], 1, "overfills"
    yield len(records.lost), 1, "orders that a restored database does not know"
