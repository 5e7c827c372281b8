"""Does a block's allocation come out again from its statement, who left, what departed, what was filled (ALLOC-8)?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reading.work.desks import found

if TYPE_CHECKING:
    from decimal import Decimal

    from domain.executing.allocation import Part, Segment
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reallocated:
    """A block allocated again: how many parts were compared, and what is not as it was kept."""

    block_id: str
    accounts: int
    parts: int
    filled: int
    costs: "Decimal"
    wrong: tuple[str, ...]

    def as_json(self) -> Json:
        """The public form."""
        told = {"block_id": self.block_id, "ok": not self.wrong, "accounts": self.accounts, "parts": self.parts}
        return told | {"filled_units": self.filled, "costs": str(self.costs), "differences": list(self.wrong)}


def reallocate(books: "Transaction", block_id: str) -> Reallocated:
    """Allocates a block again and compares it with what was kept. Raises Unknown."""
    from domain.executing import allocation
    from domain.executing import blocks as rules
    from domain.executing.allocation import Part
    from domain.values.money import ZERO, to_cent

    row = found(books, block_id)
    if row.statement is None:
        return Reallocated(block_id, 0, 0, 0, ZERO, ())
    told, wrong = row.statement, list[str]()
    if not row.digest == told["digest"] == rules.digest(told):
        wrong.append("the statement is not the one that its digest was made of")
    recorded = _recorded(books, block_id)
    if recorded != row.digest:
        wrong.append(f"the audit record has the digest {recorded}, the block {row.digest}")
    segments = _segments(books, block_id, told)
    if segments != books.blocks.segments(block_id):
        wrong.append("the segments are not those that follow from the statement, who left, and what departed")
    allotted = {key: part for key, part in books.allocations.allotted(block_id).items() if part != Part()}
    filled = [each for each in books.blocks.days(block_id) if each.units or each.amount or each.costs]
    # What was filled since the last day was booked is allotted when that day is over.
    booked = {day for _, day in allotted}
    again = {
        (account, day.day): part
        for day, parts in allocation.days(segments, [each for each in filled if each.day in booked])
        for account, part in parts.items()
    }
    for account, day in sorted(allotted.keys() | again.keys(), key=lambda key: (key[1], key[0])):
        kept, anew = allotted.get((account, day), Part()), again.get((account, day), Part())
        if kept != anew:
            wrong.append(f"{account} on {day}: kept {_told(kept)}, again {_told(anew)}")
    units, costs = sum(each.units for each in filled), to_cent(sum((each.costs for each in filled), ZERO))
    return Reallocated(block_id, len(told["accounts"]), len(allotted), units, costs, tuple(wrong))


def _told(part: "Part") -> str:
    return f"{part.units} units for {part.amount}" + (f", costs {part.costs}" if part.costs else "")


def _segments(books: "Transaction", block_id: str, told: Json) -> "tuple[Segment, ...]":
    """The segments as they follow from the statement."""
    from domain.executing import blocks as rules
    from domain.executing.departures import Departure, departed

    segments: Sequence[Segment] = (rules.first_segment(told),)
    # In the order in which it happened, whatever the workers' clocks showed: who leaves on a day is answered one after
    # the other, and a departure is booked when the day is over.
    left = [
        (each.day, 0, each.id, each)
        for each in books.blocks.leavings(block_id)
        if each.reduced and each.filled is not None
    ]
    moved = [(each.day, 1, each.id, each) for each in books.allocations.departures(block_id) if each.filled is not None]
    for _, kind, _, each in sorted([*left, *moved], key=lambda item: item[:3]):
        if kind == 0:
            segments = rules.left(block_id, segments, each.account_id, each.filled, each.reduced)
        else:
            departure = Departure(each.moves, each.why, each.asked_by, each.approved_by)
            segments = departed(block_id, segments, each.before, each.filled, departure)
    return tuple(segments)


def _recorded(books: "Transaction", block_id: str) -> str | None:
    """The digest of the statement that the audit record has."""
    from sqlalchemy import select

    from storage.schema.audit import audit_records as r

    query = select(r.c.after).where(r.c.account_id.is_(None), r.c.action == "block stated")
    stated = [after for after in books.connection.scalars(query) if after["block_id"] == block_id]
    return stated[-1]["digest"] if stated else None
