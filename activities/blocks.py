"""A block, step by step: stated and sent, looked after, left by accounts, allocated (BLOCK-3 to BLOCK-7).

What is to be done next is read from the books (`stands`), so that a step that is done twice, or by two workers at once,
does each thing once. The venue and the custodian are asked between transactions, never in one.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from activities.allocating import allocate, give_over, settle, worked_out
from activities.answers import cancelled
from activities.context import Desk, actor, step
from activities.desk_messages import BlockStands, BlockStep, Due, desk_workflow_id
from activities.handing_over import end_of_before
from activities.leaving import fitted, leave_before_release, leave_released, leave_unsent
from domain.executing import allocation
from domain.executing import blocks as rules
from domain.executing.allocation import Part
from domain.executing.execution import EXEC_2
from domain.values.money import plain, to_cent
from policy.trading_days import next_close, trade_date
from storage.connection import Transaction
from storage.desk.blocks import cumulative, filled_of
from venues.port import VenueAnswer, VenueOrder, mismatch
from venues.terms import AFTER_THE_CLOSE

OPEN = ("NEW", "SENT", "WORKING")
HELD = 30.0  # seconds until somebody looks again whether sending goes on
NOT_FILLED = "it was not filled by the close"
NOTHING_LEFT = "not sent: nothing of the block is left to fill"


class BlockSteps:
    """`send_block`, `watch_block`, `allocate_block`, `correct_block`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("send_block")
    def send_block(self, message: BlockStep) -> BlockStands:
        """Releases a formed block: its statement is kept (BLOCK-3), then its child is sent; later, the next days'."""
        left: list[str] = []
        held = self._state(message.block_id, left)
        for venue in left:
            self.desk.knock(desk_workflow_id(venue))  # which tells their rebalances
        worked_out(self.desk, message.block_id)
        self._before_it_is_sent(message.block_id)
        child = None if held else self._sending(message.block_id)
        if child is not None:
            row, order, accounts = child
            self._hear(row, order, self.desk.venues.venue(row.venue).submit_block(order, accounts))
        return self._stands(message, held)

    @step("watch_block")
    def watch_block(self, message: BlockStep) -> BlockStands:
        """Asks what became of a block's child, reduces it by who leaves, and cancels it once its day is over."""
        row, child, order = self._newest(message.block_id)
        venue = self.desk.venues.venue(row.venue)
        if child is not None and child.status == "WORKING":
            self._hear(row, order, venue.look(order))
            if fitted(self.desk, row.id, self._hear):
                leave_released(self.desk, row.id, self._hear)
        row, child, order = self._newest(message.block_id)
        if child is not None and child.status == "WORKING" and self._is_over(child):
            said = venue.cancel(order)
            self._hear(row, order, cancelled(said, order, NOT_FILLED))
        return self._stands(message)

    @step("allocate_block")
    def allocate_block(self, message: BlockStep) -> BlockStands:
        """Allocates what a child filled (ALLOC-3), tells the custodian, and carries on or ends the block (BLOCK-6)."""
        row, child, _ = self._newest(message.block_id)
        if row.status == "RELEASED" and child is not None and child.status not in OPEN and child.allocated_at is None:
            leave_released(self.desk, row.id, self._hear, ended=True)
            allocate(self.desk, row.id)
            if give_over(self.desk, row.id) and settle(self.desk, row.id):
                self.desk.knock(desk_workflow_id(row.venue))
        return self._stands(message)

    @step("correct_block")
    def correct_block(self, message: BlockStep) -> BlockStands:
        """Writes down what the venue changed of a child's fills after its last word (ALLOC-7).

        One that has ended is allocated anew, and one whose next order is not sent yet; else the next allocation has it.
        """
        with self.desk.books.transaction(actor()) as books:
            row = books.blocks.get(message.block_id)
            changed = [each for each in books.blocks.children(message.block_id) if each.changed_at is not None]
        for child in changed:
            self._hear_again(row, child)
        if row.status == "ENDED" or (changed and self._newest(row.id)[1].status == "NEW"):
            allocate(self.desk, row.id, departs=row.status == "ENDED")
            give_over(self.desk, row.id)
        return self._stands(message)

    def _hear_again(self, row: Any, child: Any) -> None:
        """Asks after a child that had its last word; one that a bust opened again is cancelled: its day is over."""
        venue, order = self.desk.venues.venue(row.venue), _order(row, child)
        said = venue.look(order)
        if said and said[-1].status == "WORKING":
            said = venue.cancel(order)
        if not said or said[-1].status == "WORKING":
            return
        self._hear(row, order, said)
        with self.desk.books.transaction(actor()) as books:
            books.blocks.get(row.id, lock=True)
            now = next(each for each in books.blocks.children(row.id) if each.day == child.day)
            if filled_of(now) == _filled(said[-1], row):
                books.blocks.corrected(now)

    def _is_over(self, child: Any) -> bool:
        return child.closes_at is not None and self.desk.now() >= child.closes_at + AFTER_THE_CLOSE

    def _state(self, block_id: str, left: list[str]) -> str | None:
        """Keeps the statement of a formed block; why it may not be released now, where that is so."""
        with self.desk.books.transaction(actor()) as books:
            row = books.blocks.get(block_id, lock=True)
            if row.status != "FORMED":
                return None
            now = self.desk.now()
            restored = end_of_before(books, books.blocks.members(block_id), now)
            if leave_before_release(books, row, now) or restored:
                left.append(row.venue)
            if not books.blocks.members(block_id):
                books.blocks.end(block_id, "all accounts left before it was released", now)
                return None
            held = books.halts.hold() or books.desk.stopped(row.venue)
            terms = self.desk.venues.terms(row.venue)
            opens = terms.opens_at(now)
            if held is None and opens is None:
                lot = None if terms.blocks is None else terms.blocks.lot
                books.blocks.state(row, books.epochs.current(), now, now, lot)
            return held or (f"it is released from {opens:%Y-%m-%d %H:%M} UTC on" if opens else None)

    def _before_it_is_sent(self, block_id: str) -> None:
        """Takes out of a child that nobody sent yet who asked to leave, and what was filled since it was made."""
        with self.desk.books.transaction(actor()) as books:
            row = books.blocks.get(block_id, lock=True)
            children = books.blocks.children(block_id)
            if row.status == "RELEASED" and children[-1].status == "NEW":
                leave_unsent(books, row, children, self.desk.now())
                lacks = allocation.capacity(books.blocks.segments(block_id)) - cumulative(children)
                books.blocks.fit(children[-1], max(0, lacks), NOTHING_LEFT)

    def _sending(self, block_id: str) -> tuple[Any, VenueOrder, dict[str, Decimal]] | None:
        """Writes a child down as sent, unless the venue has it; None where nothing is to be sent now."""
        with self.desk.books.transaction(actor()) as books:
            row = books.blocks.get(block_id, lock=True)
            children = books.blocks.children(block_id)
            if row.status != "RELEASED" or children[-1].status not in ("NEW", "SENT"):
                return None
            child, now = children[-1], self.desk.now()
            may = books.halts.hold() is None and books.desk.stopped(row.venue) is None
            if not may or now < child.opens_at or self.desk.venues.terms(row.venue).opens_at(now) is not None:
                return None
            books.blocks.sending(child, now, next_close(now))
            segments = books.blocks.segments(block_id)  # a bust since it was made changes nothing of this child
            lacking = rules.rests(segments, allocation.capacity(segments) - child.units)
            return row, _order(row, child), {account: units * row.unit for account, units in lacking.items()}

    def _newest(self, block_id: str) -> tuple[Any, Any, VenueOrder]:
        with self.desk.books.transaction(actor()) as books:
            row = books.blocks.get(block_id)
            children = books.blocks.children(block_id)
            child = children[-1] if children else None
            return row, child, _order(row, child) if child is not None else None  # type: ignore[return-value]

    def _hear(self, row: Any, order: VenueOrder, said: Sequence[VenueAnswer]) -> None:
        """Writes down what the venue says of the newest child."""
        for each in said:
            with self.desk.books.transaction(actor()) as books:
                books.blocks.get(row.id, lock=True)
                child = next(c for c in books.blocks.children(row.id) if c.client_order_id == order.client_order_id)
                now = self.desk.now()
                wrong = mismatch(order, each)
                if wrong is not None:
                    refused = f"its answer was refused: {wrong}"
                    books.blocks.heard(child, "REJECTED", Part(), trade_date(now), refused, now)
                    continue
                room, filled = _room(books, row, child), _filled(each, row)
                if filled is None or filled.units > room:
                    books.blocks.overfilled(child, _overfill(each, row, room))
                    continue
                day = each.traded_on or trade_date(child.sent_at or now)
                if child.status in OPEN or filled != filled_of(child):
                    books.blocks.heard(child, each.status, filled, day, each.reason, now)

    def _stands(self, message: BlockStep, held: str | None = None) -> BlockStands:
        with self.desk.books.transaction(actor()) as books:
            return stands(books, message.block_id, self.desk.now(), held)


def stands(books: Transaction, block_id: str, now: datetime, held: str | None = None) -> BlockStands:
    """What is to be done with a block next."""
    row = books.blocks.get(block_id)
    children = books.blocks.children(block_id)
    filled, units = cumulative(children), sum(each.units for each in books.blocks.members(block_id))
    told = f"{row.side} {plain(units * row.unit)} {row.symbol}, {plain(filled * row.unit)} filled"
    if books.desk.untold(1, block_id=block_id):
        return BlockStands(due="tell", note=told)
    changed = [each for each in children if each.changed_at is not None]
    if changed or (row.status == "ENDED" and books.allocations.given(block_id)):
        return BlockStands(
            due="correct", note=f"{told}; the venue changed fills", pause=None, round=f"changed/{filled}"
        )
    if row.status == "ENDED":
        return BlockStands(due="done", note=f"{told}: ended")
    child = children[-1] if children else None
    due: Due = "send"
    pause: float | None = 0.0
    if child is not None and child.status not in OPEN:
        due = "allocate"
    elif child is not None and child.status == "WORKING":
        due = "watch"
        pause = max(0.0, (child.closes_at + AFTER_THE_CLOSE - now).total_seconds())
    elif held is not None or child is not None:
        opens = 0.0 if child is None else (child.opens_at - now).total_seconds()
        pause = max(opens, 1.0) if held is None else HELD
        told = f"{told}. {held}" if held else told
    return BlockStands(due=due, note=told, pause=pause, round=f"{len(children)}/{filled}")


def _room(books: Transaction, row: Any, child: Any) -> int:
    """The units that a child can fill: what the block's other children left of it."""
    others = [each for each in books.blocks.children(row.id) if each.day != child.day]
    return allocation.capacity(books.blocks.segments(row.id)) - cumulative(others)


def _filled(said: VenueAnswer, row: Any) -> Part | None:
    """What was filled, in units; None where it is no whole number of them."""
    units = said.filled_quantity / row.unit
    if units != units.to_integral_value():
        return None
    return Part(int(units), to_cent(said.filled_amount), to_cent(said.costs))


def _overfill(said: VenueAnswer, row: Any, room: int) -> str:
    filled, most, unit = (plain(each) for each in (said.filled_quantity, room * row.unit, row.unit))
    return (
        f"{row.venue} says that {filled} {row.symbol} are filled, where {most} can be allocated, in units of {unit}: "
        f"have it bust what is too much; it is asked again ({EXEC_2.code})"
    )


def _order(row: Any, child: Any) -> VenueOrder:
    return VenueOrder(child.client_order_id, row.id, row.side, row.symbol, child.units * row.unit, row.price)
