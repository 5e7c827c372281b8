"""Leaving a block (BLOCK-5): before its release an account is taken out, afterwards the venue is asked to reduce.

One account after the other: what the block has filled at asking is written down, the venue is asked, and what it
confirms begins a new segment there. Where nobody has answered yet, the next look asks again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from activities.allocating import worked_out
from activities.answers import cancelled
from activities.context import Desk, actor
from activities.handing_over import end_unsent
from domain.executing import allocation
from domain.executing import blocks as rules
from storage.connection import Transaction
from storage.desk.blocks import cumulative
from venues.port import VenueAnswer, VenueOrder

Hear = Callable[[Any, VenueOrder, Sequence[VenueAnswer]], None]
ENDED_FIRST = "its order had ended before the venue answered"
NOT_THERE = "nothing of it is at the venue any more"
ALL_OF_IT = "an account left, whose rest was all that was open"
LATE_FILL = "a fill of a day before came late, and nothing more is lacking"


def leave_before_release(books: Transaction, row: Any, now: datetime) -> bool:
    """Takes out of a formed block who asked to leave it; True where anybody did. The block is locked."""
    members = {each.account_id: each for each in books.blocks.members(row.id)}
    asked = books.blocks.leavings(row.id, open_only=True)
    for leaving in asked:
        leg = members.get(leaving.account_id)
        if leg is not None:
            end_unsent(books, [leg], f"not sent: {leaving.why}", leaving.why, now)
            books.desk.take_out(leg.rebalance_id, leg.leg)
        books.blocks.answered(leaving, 0, "taken out before the release", now)
    return bool(asked)


def leave_unsent(books: Transaction, row: Any, children: Sequence[Any], now: datetime) -> None:
    """Takes out of a released block who asked to leave while its next child was not sent: nobody has to be asked.

    What it was allocated on the days before it keeps; that is its last word. The block is locked.
    """
    child, filled = children[-1], cumulative(children)
    members = {each.account_id: each for each in books.blocks.members(row.id)}
    for leaving in books.blocks.leavings(row.id, open_only=True):
        rest = rules.rests(books.blocks.segments(row.id), filled).get(leaving.account_id, 0)
        if not rest:
            books.blocks.answered(leaving, 0, "nothing of it is open", now)
            continue
        books.blocks.asking(leaving, child.day, filled, rest, 0)
        _begin(books, row, leaving.id, rest, "taken out before the day's order was sent", now)
        leg = members[leaving.account_id]
        books.desk.end([(leg.rebalance_id, leg.leg, f"left the block: {leaving.why}")], now)


def fitted(desk: Desk, block_id: str, hear: Hear) -> bool:
    """Reduces a child that is larger than what the block lacks, as a fill of a day before came late, so that nothing is
    filled that nobody ordered (EXEC-2). False while the venue has not answered. It is asked once.
    """
    with desk.books.transaction(actor()) as books:
        row = books.blocks.get(block_id)
        children = books.blocks.children(block_id)
        child, capacity = children[-1], allocation.capacity(books.blocks.segments(block_id))
        asked = any(each.filled is not None for each in books.blocks.leavings(block_id, open_only=True))
    lacks = max(0, capacity - cumulative(children[:-1]))
    if child.status != "WORKING" or child.open_units <= lacks or asked:
        return True
    venue, number = desk.venues.venue(row.venue), -1 - lacks  # leavings are numbered from 1 on
    order = VenueOrder(child.client_order_id, row.id, row.side, row.symbol, child.units * row.unit, row.price)
    if lacks <= child.filled_units:
        hear(row, order, cancelled(venue.cancel(order), order, LATE_FILL))
        return True
    hear(row, order, venue.reduce(order, lacks * row.unit, number))
    comes_to = venue.reduced(order, lacks * row.unit, number)
    if comes_to is None:
        return False
    with desk.books.transaction(actor()) as books:
        books.blocks.get(block_id, lock=True)
        books.blocks.shrink(child, int(comes_to / row.unit))
    return True


def leave_released(desk: Desk, block_id: str, hear: Hear, ended: bool = False) -> None:
    """Reduces a released block's child by who asked to leave, one after the other, until one waits for its answer.

    `ended`: the child has its last word, and who asked leaves with what it lacks.
    """
    with desk.books.transaction(actor()) as books:
        wanted = bool(books.blocks.leavings(block_id, open_only=True))
    while wanted:
        worked_out(desk, block_id)  # anew for each: a leaving begins a segment
        asked = _asked(desk, block_id, ended)
        if asked is None:
            return
        row, child, leaving = asked
        venue = desk.venues.venue(row.venue)
        order = VenueOrder(child.client_order_id, row.id, row.side, row.symbol, child.units * row.unit, row.price)
        to = leaving.to_units * row.unit
        if not ended and leaving.to_units <= child.filled_units:  # all that is open is the account's
            hear(row, order, cancelled(venue.cancel(order), order, ALL_OF_IT))
            _left(desk, row, child, leaving, None)
            return  # the child has its last word: what else is asked is answered when it is allocated
        if not ended:
            hear(row, order, venue.reduce(order, to, leaving.id))
        comes_to = venue.reduced(order, to, leaving.id)
        if comes_to is None and not ended:
            return
        hear(row, order, venue.look(order))
        _left(desk, row, child, leaving, int(comes_to / row.unit) if comes_to is not None else child.open_units)


def _asked(desk: Desk, block_id: str, ended: bool) -> tuple[Any, Any, Any] | None:
    """The next leaving, with what the block has filled at asking written down; None where nobody is left."""
    with desk.books.transaction(actor()) as books:
        row = books.blocks.get(block_id, lock=True)
        for leaving in books.blocks.leavings(block_id, open_only=True):
            children = books.blocks.children(block_id)
            child, filled = children[-1], cumulative(children)
            if leaving.filled is not None and leaving.day == child.day:
                return row, child, leaving
            segments = books.blocks.segments(block_id)
            rest = rules.rests(segments, filled).get(leaving.account_id, 0)
            if not rest:
                books.blocks.answered(leaving, 0, "nothing of it is open", desk.now())
            elif ended or child.status != "WORKING":
                if not ended:
                    return None
                books.blocks.asking(leaving, child.day, filled, rest, 0)
                _begin(books, row, leaving.id, rest, NOT_THERE, desk.now())
            else:
                books.blocks.asking(leaving, child.day, filled, rest, child.open_units - rest)
                (noted,) = [each for each in books.blocks.leavings(block_id) if each.id == leaving.id]
                return row, child, noted
    return None


def _left(desk: Desk, row: Any, child: Any, leaving: Any, comes_to: int | None) -> None:
    """What the venue made of a leaving: a new segment where it confirmed any. `comes_to`: None, it was cancelled."""
    with desk.books.transaction(actor()) as books:
        books.blocks.get(row.id, lock=True)
        if all(each.id != leaving.id for each in books.blocks.leavings(row.id, open_only=True)):
            return  # the same step, done twice at the same time, wrote it down
        now = next(each for each in books.blocks.children(row.id) if each.day == child.day)
        if comes_to is None:
            comes_to = now.filled_units
        reduced = max(0, min(leaving.rest, child.open_units - comes_to))
        said = "refused" if not reduced else "confirmed" if reduced == leaving.rest else "reduced in part"
        if not reduced and now.status not in ("NEW", "SENT", "WORKING"):
            said = ENDED_FIRST
        books.blocks.shrink(now, child.open_units - reduced)
        _begin(books, row, leaving.id, reduced, said, desk.now())
        if said == ENDED_FIRST:  # of what the order leaves unfilled it is out all the same
            books.blocks.ask_to_leave(row.id, leaving.account_id, None, leaving.why)


def _begin(books: Transaction, row: Any, number: int, reduced: int, said: str, now: datetime) -> None:
    (leaving,) = [each for each in books.blocks.leavings(row.id) if each.id == number]
    segments = books.blocks.segments(row.id)
    books.blocks.answered(leaving, reduced, said, now)
    books.blocks.begin_segments(row.id, rules.left(row.id, segments, leaving.account_id, leaving.filled, reduced))
