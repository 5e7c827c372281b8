"""The least that a chaos run has to see: a proof that looked at nothing proves nothing, and has failed.

By the minute, and far below what a busy machine brings; whatever the length, once at least.
"""

from collections.abc import Iterator, Mapping

from tests.chaos.proof import Checked, Records

FILLED = 10  # orders of which the venue filled something, a minute
COMPLETE = 4  # rebalances that ended COMPLETE, a minute
HIT = 0.4  # of the faults that were planned, those that hit something


def missing(
    seconds: float, planned: int, injected: Mapping[str, int], records: Records, checks: list[Checked]
) -> Iterator[str]:
    """What a run of so many seconds should have seen and did not."""
    filled = sum(1 for order in records.orders if order.filled_quantity)
    complete = sum(1 for row in records.runs if row.status == "COMPLETE")
    for seen, least, what in (
        (filled, FILLED * seconds / 60, "orders filled"),
        (complete, COMPLETE * seconds / 60, "rebalances COMPLETE"),
        (sum(injected.values()), HIT * planned, "faults that hit something"),
    ):
        if seen < max(1, int(least)):
            yield f"{seen} {what}: at least {max(1, int(least))} are needed for the proof to mean anything"
    for check in checks:
        if not check.looked_at:
            yield f"nothing was there to look at for: {check.says}"
