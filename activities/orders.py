"""Orders on their way: one rebalance's legs, sent to the venue, asked after and cancelled there. Where the venue's
terms form blocks, whole units go to its desk (`activities.handing_over`), and only tails are sent from here.

An order is written down as sent before it is, under the rebalance's lock, and the venue knows a repeated client order
ID; so a step that runs twice, even at the same time (its worker was taken for dead), does each thing once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from time import monotonic
from types import MappingProxyType
from typing import Any, Literal

from temporalio import activity

from activities.answers import Told, cancelled, heard, noted, venue_order
from activities.context import Desk, actor
from activities.desk_messages import block_workflow_id, desk_workflow_id
from activities.handing_over import handed_over, taken_out
from domain.executing import execution
from domain.executing.booking import ExecutablePlan, Fill, Leg
from domain.executing.execution import TAIL, payable_batches, resized_buys, trimmed_buys
from domain.planning.affording import ORDER_4
from domain.values.money import ZERO, plain, to_cent
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import restored
from storage.connection import Transaction
from storage.work.orders import OPEN, SENT
from venues.port import VenueAnswer, VenueOrder

AT_ONCE = 25  # orders between two looks into the books: what a crash leaves unanswered is asked for again
BEAT = 1.0  # seconds between heartbeats, of which one every ten is needed
CLOSED = "the exchange has closed"
DayOf = tuple[date, Decimal, Decimal]  # a trade date's part of a fill: shares, cash
NO_CASH_FOR_IT = VenueAnswer("CANCELED", ZERO, ZERO, "not sent: there was no cash left for it")


class Halted(Exception):
    """Somebody halted all sending: nothing of it is sent until it is resumed."""


class OutOfSession(Exception):
    """The venue's session is not now: nothing of it is sent until the next open (DAY-6)."""


class Over(Exception):
    """Somebody else went on meanwhile: the same step, tried twice, or the account's next rebalance."""


class Sender:
    """Sends one rebalance's orders, as its kept plan has them."""

    def __init__(self, desk: Desk, row: Any) -> None:
        self.desk = desk
        self.rebalance_id = row.id
        self.account_id = row.account_id
        self.approved = execution.read(row.plan)
        self.snapshot = restored(row.snapshot)
        self.venue = desk.venues.venue(self.snapshot.account.custodian)
        self.terms = desk.venues.terms(self.snapshot.account.custodian)
        self.begun: datetime = row.approved_at
        self.beaten = self.allowed = 0.0  # when it was shown last that the step lives, and seen that it may send
        with desk.books.transaction(actor()) as books:
            self.names = books.orders.names(row.id)
            self.at_desk = books.desk.of(row.id)

    def hand_over(self, side: Literal["sell", "buy"]) -> None:
        """Gives the legs of a side to the venue's desk, where its terms form blocks (BLOCK-4). Raises Over."""
        if self.terms.blocks is None:
            return
        planned = self.approved.legs if side == "sell" else self._planned()  # sells stay as they were approved
        legs = [leg for leg in planned if leg.side == side and leg.quantity]
        if not legs:
            return
        with self.desk.books.transaction(actor()) as books:
            self._still_mine(books)
            given = handed_over(books, self.rebalance_id, self.account_id, legs, self)
            self.at_desk = books.desk.of(self.rebalance_id)
            self.names = books.orders.names(self.rebalance_id)
        if given or activity.info().attempt > 1:
            self.desk.knock(desk_workflow_id(self.snapshot.account.custodian))

    def send(self, side: Literal["sell", "buy"]) -> bool:
        """Sends the legs of a side that the venue has not acknowledged. True where it had nothing to stop for:

        sells, once each has its last word; buys, unless one was dearer than planned and others are still to be sent.
        No sell depends on another; a buy that is dearer leaves less for those after it (ORDER-4).
        """
        legs = [leg for leg in self._legs() if leg.side == side]
        if side == "buy":
            return self._send(payable_batches(legs, AT_ONCE), stop=_dear)
        self._send([legs[first : first + AT_ONCE] for first in range(0, len(legs), AT_ONCE)], stop=lambda told: False)
        return not self._open(legs) and not any(row.ended_at is None for row in self.at_desk.values())

    def _send(self, batches: Sequence[Sequence[Leg]], stop: Callable[[Sequence[Told]], bool]) -> bool:
        """Sends one batch after the other; False where the answers to one stop those that are left.

        What was said of one is written down with the sending of the next: one transaction between two batches.
        """
        told: list[Told] = []
        for at, batch in enumerate(batches):
            due, told = self._sending(batch, told), []
            try:
                for each in self._handed_over(due):
                    told.append(each)
            except BaseException:
                self._note(told)  # what was answered before the connection was lost
                raise
            if stop(told) and at + 1 < len(batches):
                self._note(told)
                return False
        self._note(told)
        return True

    def _sending(self, batch: Sequence[Leg], told: Sequence[Told]) -> list[Leg]:
        """Writes down what was told, and then the legs of a batch as sent, unless the venue has them: those that are.

        Raises Over, Halted or OutOfSession where nothing may be sent; what was told is written down all the same.
        """
        now = self.desk.now()
        opens_at = self.terms.opens_at(now)
        with self.desk.books.transaction(actor()) as books:
            mine, halted = self._mine(books), books.halts.hold()
            heard(books, self.rebalance_id, told)
            may = mine and not halted and opens_at is None
            due = books.orders.sending(self.rebalance_id, batch, now) if may else set()
        if not mine:
            raise Over
        if halted:
            raise Halted(halted)
        if opens_at is not None:
            raise OutOfSession(f"orders are sent from {opens_at} on")
        self.allowed = monotonic()
        return [leg for leg in batch if leg.number in due]

    def _handed_over(self, legs: Sequence[Leg]) -> Iterator[Told]:
        """Hands orders over to the venue, as many at a time as it takes, and gives what it says of each.

        Where those before took their time, sending may have been halted meanwhile: what was written down as sent is
        then sent once it is resumed, as after a crash in between.
        """
        yield from ((leg.number, self._order(leg), [NO_CASH_FOR_IT]) for leg in legs if not leg.quantity)
        left = [leg for leg in legs if leg.quantity]
        while left:
            self._beat(left[0])
            if monotonic() - self.allowed >= BEAT:
                with self.desk.books.transaction(actor()) as books:
                    self._may_send(books)
            orders = [self._order(leg) for leg in left]
            answers = self.venue.submit_many(orders)
            yield from zip((leg.number for leg in left), orders, answers, strict=False)
            left = left[len(answers) :]

    def _order(self, leg: Leg) -> VenueOrder:
        return venue_order(self.names[leg.number], self.account_id, leg)

    def _beat(self, leg: Leg) -> None:
        """Shows that the step lives, not oftener than anybody looks."""
        now = monotonic()
        if now - self.beaten >= BEAT:
            self.beaten = now
            activity.heartbeat(leg.number)

    def size_buys(self) -> list[str]:
        """Sizes the buys that are not sent yet on the cash there is (ORDER-4), and writes it down before they are.

        What is at the desk was sized when it was handed over, at its limit.
        """
        if any(row.side == "buy" for row in self.at_desk.values()):
            return []
        with self.desk.books.transaction(actor()) as books:
            self._still_mine(books)
            row = books.rebalances.get(self.rebalance_id)
            orders = {order.leg: order for order in books.orders.of(self.rebalance_id)}
            before = execution.restored(row.execution) if row.execution is not None else self.approved
            increments = increments_of(self.snapshot)
            account = self.snapshot.account
            if row.execution is None:
                after = resized_buys(account, before, fills(orders.values()), increments)
            else:
                sent = {leg.number: _expected(leg, orders[leg.number]) for leg in before.legs}
                sent = {number: fill for number, fill in sent.items() if orders[number].status != "NEW"}
                after = trimmed_buys(account, self.approved, before, sent, increments)
            smaller = [new for old, new in zip(before.legs, after.legs, strict=True) if new.quantity < old.quantity]
            if row.execution is None or smaller:
                books.rebalances.keep_execution(self.rebalance_id, execution.kept(after))
            for leg in smaller:
                books.orders.resize(self.rebalance_id, leg)
            if smaller:
                books.audit.record(
                    "buys sized again",
                    account_id=self.account_id,
                    rebalance_id=self.rebalance_id,
                    rule=ORDER_4.code,
                    after={leg.symbol: plain(leg.quantity) for leg in smaller},
                )
        return [f"{leg.symbol} to {plain(leg.quantity)}" for leg in smaller]

    def look(self) -> None:
        """Asks after every order that works at the venue."""
        for leg in self._open(self._legs(), "WORKING"):
            self._beat(leg)
            order = self._order(leg)
            self._note([(leg.number, order, self.venue.look(order))])

    def give_up(self, why: str) -> None:
        """Time is over for what is open; what the venue keeps for the next open stays unsent (DAY-6)."""
        self.stop(why, *(SENT if self.terms.keeps(self.begun, self.desk.now()) else OPEN))

    @property
    def too_late(self) -> bool:
        """True where the close came from which on nothing of it is sent any more (DAY-6)."""
        last = self.terms.last_close(self.begun)
        return last is not None and self.desk.now() >= last

    def give_back(self, why: str) -> None:
        """Stops everything: leaves the desk, and cancels what is open at the venue."""
        self._leave_desk(why)
        self.stop(why)

    def _leave_desk(self, why: str) -> None:
        """Takes out of blocks what is open: what is not released at once, else as the venue confirms (BLOCK-5)."""
        if all(row.ended_at is not None for row in self.at_desk.values()):
            return
        with self.desk.books.transaction(actor()) as books:
            self._still_mine(books)
            asked = taken_out(books, self.rebalance_id, why, self.terms, self.desk.now())
            self.at_desk = books.desk.of(self.rebalance_id)
        for block_id in asked:
            self.desk.knock(block_workflow_id(block_id))

    def stop(self, why: str, *statuses: str) -> None:
        """Cancels what is open: what was not sent never will be, the rest is cancelled at the venue."""
        for leg in self._open(self._legs(), *statuses):
            self._beat(leg)
            order = self._order(leg)
            with self.desk.books.transaction(actor()) as books:
                self._still_mine(books)
                if not_sent(books, self.rebalance_id, leg.number, order, why):
                    continue
            self._note([(leg.number, order, cancelled(self.venue.cancel(order), order, why))])

    def _legs(self) -> Sequence[Leg]:
        """The legs as they are sent from here: with the buys as they were last sized, and of what is at the desk the
        fractional tails.
        """
        return [own for leg in self._planned() if (own := self._own(leg)) is not None]

    def _planned(self) -> Sequence[Leg]:
        with self.desk.books.transaction(actor()) as books:
            return executed(books.rebalances.get(self.rebalance_id), self.snapshot, ()).legs

    def _own(self, leg: Leg) -> Leg | None:
        row = self.at_desk.get(leg.number)
        if row is None:
            return leg
        tail = leg.quantity - row.units * row.unit
        return replace(leg, number=leg.number + TAIL, quantity=tail) if tail else None

    def _open(self, legs: Iterable[Leg], *statuses: str) -> list[Leg]:
        with self.desk.books.transaction(actor()) as books:
            at = {order.leg: order.status for order in books.orders.of(self.rebalance_id)}
        return [leg for leg in legs if at[leg.number] in (statuses or OPEN)]

    def _mine(self, books: Transaction) -> bool:
        """Locks the rebalance; False where nothing of it is to be sent any more."""
        return bool(books.rebalances.stage(self.rebalance_id) == "EXECUTING")

    def _still_mine(self, books: Transaction) -> None:
        """Locks the rebalance. Raises Over where nothing of it is to be sent any more."""
        if not self._mine(books):
            raise Over

    def _may_send(self, books: Transaction) -> None:
        """Holds the switch as it is until the transaction ends. Raises Halted where it is off, or OutOfSession."""
        halted = books.halts.hold()
        if halted:
            raise Halted(halted)
        if self.terms.opens_at(self.desk.now()) is not None:
            raise OutOfSession(CLOSED)
        self.allowed = monotonic()

    def _note(self, told: Sequence[Told]) -> None:
        """Writes down what the venue said."""
        if told:
            with self.desk.books.transaction(actor()) as books:
                heard(books, self.rebalance_id, told)


def not_sent(books: Transaction, rebalance_id: str, number: int, order: VenueOrder, why: str) -> bool:
    """Ends an order that never will be sent, with its record; False where it was sent, or may have been.

    One of an epoch before may have been sent after the backup from which this database was restored: the venue knows.
    """
    if not books.epochs.is_of_now(order.client_order_id):
        return False
    ended = books.orders.not_sent(rebalance_id, number, never_sent(why))
    if ended:
        noted(books, rebalance_id, order, VenueAnswer("CANCELED", ZERO, ZERO, why))
    return ended


def never_sent(why: str) -> str:
    """What is said of an order that was written down and never sent."""
    return f"not sent: {why}"


def _dear(told: Sequence[Told]) -> bool:
    """True where a buy cost more than was planned for it."""
    return any(
        each.filled_amount > to_cent(min(each.filled_quantity, order.quantity) * order.price)
        for _, order, said in told
        for each in said
    )


def executed(row: Any, snapshot: Snapshot, orders: Iterable[Any]) -> ExecutablePlan:
    """What of the plan is executed: as its buys were last sized, or as planned where none was sized yet."""
    if row.execution is not None:
        return execution.restored(row.execution)
    plan, done = execution.read(row.plan), fills(orders)
    return resized_buys(snapshot.account, plan, done, increments_of(snapshot)) if done else plan


def fills(orders: Iterable[Any], days: Mapping[int, Sequence[DayOf]] = MappingProxyType({})) -> dict[int, Fill]:
    """What the venue did, by leg, with the day on which it did (DAY-2). `days` are those of blocks, by leg.

    A fractional tail is a part of its leg (BLOCK-2).
    """
    done: dict[int, Fill] = {}
    tails = []
    for order in orders:
        fill = Fill(order.filled_quantity, order.filled_amount, order.trade_date, tuple(days.get(order.leg, ())))
        if order.leg > TAIL:
            tails.append((order.leg - TAIL, fill))
        else:
            done[order.leg] = fill
    for leg, tail in tails:
        done[leg] = _together(done[leg], tail)
    return done


def _together(whole: Fill, tail: Fill) -> Fill:
    if not tail.quantity:
        return whole
    if not whole.quantity:
        return tail
    if tail.traded is None or whole.traded is None:
        return Fill(whole.quantity + tail.quantity, whole.amount + tail.amount, whole.traded or tail.traded)
    days = {day: (quantity, amount) for day, quantity, amount in whole.days}
    if not days:
        days[whole.traded] = (whole.quantity, whole.amount)
    had = days.get(tail.traded, (ZERO, ZERO))
    days[tail.traded] = (had[0] + tail.quantity, had[1] + tail.amount)
    return Fill(
        whole.quantity + tail.quantity,
        whole.amount + tail.amount,
        max(days),
        tuple((day, *each) for day, each in sorted(days.items())),
    )


def increments_of(snapshot: Snapshot) -> dict[str, Any]:
    """What each security is traded in."""
    return {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}


def _expected(leg: Leg, order: Any) -> Fill:
    """What an order will have brought or cost: what was filled, and, while it is open, the rest at the plan's price."""
    rest = max(ZERO, leg.quantity - order.filled_quantity) if order.status in OPEN else ZERO
    return Fill(order.filled_quantity + rest, order.filled_amount + to_cent(rest * leg.price))
