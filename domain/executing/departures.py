"""Departures: a day of a block allocated otherwise than by the rule, because somebody says so and another agrees.

Asked before a day is booked. What departs is a segment of its own in the block's statement: computed again, it comes
out again, and what is filled afterwards is divided by what each then lacks.
"""

from collections.abc import Mapping, Sequence

from domain.approvals import same_person
from domain.executing import allocation, blocks
from domain.executing.allocation import Segment
from domain.values.record import record
from domain.values.rules import Rule

ALLOC_9 = Rule(
    "ALLOC-9", "A departure from the rule needs a reason and a second person's approval, before the day is booked."
)


class DepartureRefused(ValueError):
    """A departure that can't be made; says why, and what would do."""


@record
class Departure:
    """Units moved between accounts at the end of a day: above 0 received, below given. They sum to nothing."""

    moves: Mapping[str, int]
    why: str
    asked_by: str
    approved_by: str


def departed(
    block_id: str, segments: Sequence[Segment], before: int, filled: int, departure: Departure
) -> tuple[Segment, ...]:
    """The block's segments with a day's departure in them (ALLOC-9).

    `before` and `filled` are the block's cumulative fills at the day's begin and end. Raises DepartureRefused where it
    has no reason, or the same person asked and approved; where shares would come or go; where an account would give
    more than the day brought it, or receive more than it lacks.
    """
    moves = {account: units for account, units in sorted(departure.moves.items()) if units}
    wrong = _not_allowed(departure) or _not_conserved(moves) or _not_there(segments, before, filled, moves)
    if wrong is not None:
        raise DepartureRefused(f"{block_id}: {wrong} ({ALLOC_9.code})")
    return blocks.begun_anew(block_id, segments, filled, blocks.rests(segments, filled), moves)


def _not_allowed(departure: Departure) -> str | None:
    if not departure.why.strip():
        return "a departure needs a reason"
    if same_person(departure.asked_by, departure.approved_by):
        return f"{departure.asked_by} asked for this departure; somebody else has to approve it"
    return None


def _not_conserved(moves: Mapping[str, int]) -> str | None:
    over = sum(list(moves.values()))
    if over:
        return f"{over:+,} units would come from nowhere"
    return None if moves else "a departure moves some units"


def _not_there(segments: Sequence[Segment], before: int, filled: int, moves: Mapping[str, int]) -> str | None:
    at, now = allocation.cumulative(segments, before), allocation.cumulative(segments, filled)
    lacking = blocks.rests(segments, filled)
    for account, units in moves.items():
        had = now.get(account, 0) - at.get(account, 0)
        if had < -units:
            return f"{account} has {had:,} of the day and can't give {-units:,}"
        if units > lacking.get(account, 0):
            return f"{account} lacks {lacking.get(account, 0):,} and can't receive {units:,}"
    return None
