"""Orders on their way: one rebalance's legs, sent to the venue, asked after and cancelled there. Where the venue's
terms form blocks, whole units go to its desk (`activities.handing_over`), and only tails are sent from here.

An order is written down as sent before it is, under the rebalance's lock, and the venue knows a repeated client order
ID; so a step that runs twice, even at the same time (its worker was taken for dead), does each thing once.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, Literal

from temporalio import activity

from activities.answers import Told, cancelled, heard, noted, venue_order
from activities.context import Desk, actor, beat
from activities.desk_messages import block_workflow_id, desk_workflow_id
from activities.filled import expected, fills, increments_of
from activities.handing_over import handed_over, taken_out
from domain.executing import execution
from domain.executing.booking import ExecutablePlan, Leg
from domain.executing.execution import TAIL, payable_batches, resized_buys, trimmed_buys
from domain.planning.affording import ORDER_4
from domain.values.money import ZERO, plain, to_cent
from domain.values.snapshot_json import restored
from storage.connection import Transaction
from storage.work.halts import Halted
from storage.work.orders import OPEN, SENT
from venues.port import VenueAnswer, VenueOrder

AT_ONCE = 25  # orders between two looks into the books: what a crash leaves unanswered is asked for again
BEAT = 1.0  # seconds between heartbeats, of which one every ten is needed
CLOSED = "the exchange has closed"
NO_CASH_FOR_IT = VenueAnswer("CANCELED", ZERO, ZERO, "not sent: there was no cash left for it")


class OutOfSession(Exception):
    """The venue's session is not now: nothing of it is sent until the next open (DAY-6)."""


class Over(Exception):
    """Somebody else went on meanwhile: the same step, tried twice, or the account's next rebalance."""


class Sender:
    """Sends one rebalance's orders, as its kept plan has them.

    What the venue says is written down with what is done next, in one transaction; whoever has a sender writes down
    the last of it by `telling`. `resized` says which buys were sized again, and to what. `begins`: when it was
    approved, where the row does not say so yet. `names` are the client order IDs by leg, where they are known already.
    """

    def __init__(
        self,
        desk: Desk,
        books: Transaction,
        row: Any,
        begins: datetime | None = None,
        names: dict[int, str] | None = None,
        fresh: bool = False,
    ) -> None:
        self.desk = desk
        self.rebalance_id = row.id
        self.account_id = row.account_id
        self.approved = execution.read(row.plan)
        self.sized = None if row.execution is None else execution.restored(row.execution)
        self.sized_as: str | None = row.execution_digest
        self.snapshot = restored(row.snapshot)
        custodian = self.snapshot.account.custodian
        self.venue = desk.venues.venue(custodian)
        self.terms = desk.venues.terms(custodian, books.connection)
        self.begun: datetime = begins or row.approved_at
        self.names = books.orders.names(row.id) if names is None else names
        self.at_desk = {} if fresh else books.desk.of(row.id)
        self.beaten = monotonic()  # when it was shown last that the step lives: that it began shows as much
        self.allowed = 0.0  # when it was seen last that it may send
        self.mine = False
        self.resized: list[str] = []
        self._knocks = False
        self._told: list[Told] = []
        self._first: list[Leg] | None = None

    @contextmanager
    def telling(self) -> Iterator[Transaction]:
        """A transaction under the rebalance's lock, which begins by writing down what the venue said since the last.

        That is written down, too, where what else was to be done is stopped: Over, Halted, OutOfSession.
        """
        stopped: Exception | None = None
        with self.desk.books.transaction(actor()) as books:
            stage, sized_as = books.rebalances.sending(self.rebalance_id)
            self.mine = stage == "EXECUTING"
            if sized_as != self.sized_as:  # the same step, tried twice at the same time, sized them
                self.sized = execution.restored(books.rebalances.get(self.rebalance_id).execution)
                self.sized_as = sized_as
            heard(books, self.rebalance_id, self._told)
            try:
                yield books
            except (Over, Halted, OutOfSession) as why:
                stopped = why
        self._told = []
        self.knock()
        if stopped is not None:
            raise stopped

    def begin(self, books: Transaction) -> None:
        """Writes the first sells down as sent with the orders themselves, where they are sent as soon as that is
        committed; what may not be sent now is left as it is.
        """
        sells = self._legs("sell")[:AT_ONCE]
        if self.terms.blocks is None and sells and not self.too_late:
            self.mine = True
            with contextlib.suppress(Halted, OutOfSession):
                self._first = self._sending(books, sells)

    def send_sells(self) -> None:
        """Hands the sells over to the desk where the venue's terms form blocks, and sends what is sent from here.

        No sell depends on another. Raises Over, Halted or OutOfSession where nothing may be sent, VenueBusy where no
        more is taken.
        """
        if self.terms.blocks is not None:
            with self.telling() as books:
                self._still_mine()
                self._hand_over(books, "sell", books.orders.of(self.rebalance_id))
        legs = self._legs("sell")
        for first in range(0, len(legs), AT_ONCE):
            due, self._first = self._first, None
            if due is None:
                with self.telling() as books:
                    due = self._sending(books, legs[first : first + AT_ONCE])
            self._send(due)

    def send_buys(self) -> None:
        """Once each sell has its last word, sizes the buys on what they brought (ORDER-4), and sends them likewise.

        A buy that is dearer than planned leaves less for those after it, which are then sized again.
        """
        again = True
        while again:
            with self.telling() as books:
                self._still_mine()
                orders = books.orders.of(self.rebalance_id)
                if self._selling(orders):
                    return
                self._size_buys(books, orders)
                self._hand_over(books, "buy", orders)
                first, *others = payable_batches(self._legs("buy"), AT_ONCE) or [()]
                due = self._sending(books, first)
            self._send(due)
            for batch in others:
                again = _dear(self._told)
                if again:
                    break
                with self.telling() as books:
                    due = self._sending(books, batch)
                self._send(due)
            else:
                again = False

    def hand_over_at_once(self, books: Transaction) -> bool:
        """Gives to the venue's desk what may be given as soon as the orders are written down: the sells, or the buys
        where nothing is sold (BLOCK-4). False where nothing is to be sent. Who commits it wakes the desk (`knock`).
        """
        orders = books.orders.of(self.rebalance_id)
        if not any(each.status in OPEN for each in orders) or self.too_late:
            return False
        self._hand_over(books, "sell", orders)
        if not self._selling(orders):
            self._size_buys(books, orders)
            self._hand_over(books, "buy", orders)
        return True

    def knock(self) -> None:
        """Wakes the venue's desk, where it has to look at what was handed over."""
        if self._knocks:
            self.desk.knock(desk_workflow_id(self.snapshot.account.custodian))
            self._knocks = False

    def _hand_over(self, books: Transaction, side: Literal["sell", "buy"], orders: Sequence[Any]) -> None:
        """Gives the legs of a side to the venue's desk, where its terms form blocks (BLOCK-4)."""
        if self.terms.blocks is None:
            return
        legs = [leg for leg in self._plan.legs if leg.side == side and leg.quantity]
        if not legs:
            return
        self._knocks |= handed_over(books, self.rebalance_id, self.account_id, legs, orders, self)
        self._knocks |= activity.info().attempt > 1  # whoever tried before may have ended before it woke the desk
        self.at_desk = books.desk.of(self.rebalance_id)
        self.names = books.orders.names(self.rebalance_id)

    def _selling(self, orders: Sequence[Any]) -> bool:
        """True while a sell has not its last word, here or at the desk."""
        sells = {leg.number for leg in self._legs("sell")}
        open_here = any(each.leg in sells and each.status in OPEN for each in orders)
        return open_here or any(row.ended_at is None for row in self.at_desk.values())

    def _sending(self, books: Transaction, batch: Sequence[Leg]) -> list[Leg]:
        """Writes down the legs of a batch as sent, unless the venue has them; those that are to be.

        Raises Over, Halted or OutOfSession where nothing may be sent.
        """
        self._still_mine()
        if not batch:
            return []
        now = self.desk.now()
        self._in_session(now)
        due = books.orders.sending(self.rebalance_id, batch, now)
        self.allowed = monotonic()
        return [leg for leg in batch if leg.number in due]

    def _send(self, legs: Sequence[Leg]) -> None:
        """Hands orders over to the venue, as many at a time as it takes, and keeps what it says of each.

        Where those before took their time, sending may have been halted meanwhile: what was written down as sent is
        then sent once it is resumed, as after a crash in between.
        """
        self._told += ((leg.number, self._order(leg), [NO_CASH_FOR_IT]) for leg in legs if not leg.quantity)
        left = [leg for leg in legs if leg.quantity]
        with self._kept():
            while left:
                self._beat(left[0])
                if monotonic() - self.allowed >= BEAT:
                    with self.desk.books.transaction(actor()) as books:
                        self._may_send(books)
                orders = [self._order(leg) for leg in left]
                answers = self.venue.submit_many(orders)
                self._told += zip((leg.number for leg in left), orders, answers, strict=False)
                left = left[len(answers) :]

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """What was answered before the connection was lost is written down all the same."""
        try:
            yield
        except BaseException:
            with self.telling():
                pass
            raise

    def _order(self, leg: Leg) -> VenueOrder:
        return venue_order(self.names[leg.number], self.account_id, leg)

    def _beat(self, leg: Leg) -> None:
        """Shows that the step lives, not oftener than anybody looks."""
        now = monotonic()
        if now - self.beaten >= BEAT:
            self.beaten = now
            beat(leg.number)

    def _size_buys(self, books: Transaction, rows: Sequence[Any]) -> None:
        """Sizes the buys that are not sent yet on the cash there is (ORDER-4), and writes it down before they are.

        What is at the desk was sized when it was handed over, at its limit.
        """
        if any(row.side == "buy" for row in self.at_desk.values()):
            return
        orders = {order.leg: order for order in rows}
        before = self._plan
        account, increments = self.snapshot.account, increments_of(self.snapshot)
        if self.sized is None:
            after = resized_buys(account, before, fills(orders.values()), increments)
        else:
            sent = {leg.number: expected(leg, orders[leg.number]) for leg in before.legs}
            sent = {number: fill for number, fill in sent.items() if orders[number].status != "NEW"}
            after = trimmed_buys(account, self.approved, before, sent, increments)
        smaller = [new for old, new in zip(before.legs, after.legs, strict=True) if new.quantity < old.quantity]
        if self.sized is None or smaller:
            self.sized_as = books.rebalances.keep_execution(self.rebalance_id, execution.kept(after))
            self.sized = after
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
        self.resized += [f"{leg.symbol} to {plain(leg.quantity)}" for leg in smaller]

    def look(self) -> None:
        """Asks after every order that works at the venue."""
        with self._kept():
            for leg in self._open("WORKING"):
                self._beat(leg)
                order = self._order(leg)
                self._told.append((leg.number, order, self.venue.look(order)))

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
        with self.telling() as books:
            self._still_mine()
            asked = taken_out(books, self.rebalance_id, why, self.terms, self.desk.now())
            self.at_desk = books.desk.of(self.rebalance_id)
        for block_id in asked:
            self.desk.knock(block_workflow_id(block_id))

    def stop(self, why: str, *statuses: str) -> None:
        """Cancels what is open: what was not sent never will be, the rest is cancelled at the venue."""
        with self._kept():
            for leg in self._open(*statuses):
                self._beat(leg)
                order = self._order(leg)
                with self.telling() as books:
                    self._still_mine()
                    if not_sent(books, self.rebalance_id, leg.number, order, why):
                        continue
                self._told.append((leg.number, order, cancelled(self.venue.cancel(order), order, why)))
        with self.telling():
            pass

    @property
    def _plan(self) -> ExecutablePlan:
        """What is executed: with the buys as they were last sized."""
        return self.approved if self.sized is None else self.sized

    def _legs(self, side: Literal["sell", "buy"] | None = None) -> list[Leg]:
        """The legs, or those of a side, as they are sent from here: of what is at the desk the fractional tails."""
        legs = [leg for leg in self._plan.legs if side is None or leg.side == side]
        return [own for leg in legs if (own := self._own(leg)) is not None]

    def _own(self, leg: Leg) -> Leg | None:
        row = self.at_desk.get(leg.number)
        if row is None:
            return leg
        tail = leg.quantity - row.units * row.unit
        return replace(leg, number=leg.number + TAIL, quantity=tail) if tail else None

    def _open(self, *statuses: str) -> list[Leg]:
        with self.telling() as books:
            at = {order.leg: order.status for order in books.orders.standing(self.rebalance_id)}
        return [leg for leg in self._legs() if at[leg.number] in (statuses or OPEN)]

    def _still_mine(self) -> None:
        """Raises Over where nothing of it is to be sent any more."""
        if not self.mine:
            raise Over

    def _may_send(self, books: Transaction) -> None:
        """Holds the switch as it is until the transaction ends. Raises Halted where it is off, or OutOfSession."""
        halted = books.halts.hold()
        if halted:
            raise Halted(halted)
        self._in_session(self.desk.now())
        self.allowed = monotonic()

    def _in_session(self, now: datetime) -> None:
        opens_at = self.terms.opens_at(now)
        if opens_at is not None:
            raise OutOfSession(f"orders are sent from {opens_at} on")


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
    """True where a buy cost more than was planned for it, its costs included."""
    return any(
        each.filled_amount + each.costs > to_cent(min(each.filled_quantity, order.quantity) * order.price)
        for _, order, said in told
        for each in said
    )
