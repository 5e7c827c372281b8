"""A venue for blocks, and its custodian, that a test moves by hand; what they know outlives every worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from venues.port import WORKING, Allotted, Instruction, VenueAnswer, VenueOrder, VenueUnreachable

ZERO = Decimal(0)


@dataclass
class Fill:
    """An execution; what is busted has none of it left."""

    quantity: Decimal
    price: Decimal
    day: date


@dataclass
class Taken:
    """An order as the venue has it."""

    order: VenueOrder
    accounts: Mapping[str, Decimal]
    open: Decimal
    status: str = WORKING
    reason: str | None = None
    fills: list[Fill] = field(default_factory=list)
    asked: dict[int, Decimal] = field(default_factory=dict)  # number of a question → what the order came to by it

    @property
    def filled(self) -> Decimal:
        return sum((each.quantity for each in self.fills), ZERO)

    @property
    def amount(self) -> Decimal:
        return sum((each.quantity * each.price for each in self.fills), ZERO)

    def answer(self) -> VenueAnswer:
        status: Any = self.status
        if status == "CANCELED" and self.filled:
            status = "PARTIALLY_FILLED"
        days = [each.day for each in self.fills if each.quantity]
        return VenueAnswer(status, self.filled, self.amount, self.reason, self.order, max(days, default=None))


class Market:
    """Takes blocks, fills what it is told to, and holds what it was told to allocate."""

    def __init__(self) -> None:
        self.day = date(2026, 11, 20)
        self.orders: dict[str, Taken] = {}
        self.sent = 0  # times that an order came
        self.reduces: str = "confirmed"  # refused, in part, or later: nobody answers yet
        self.refuses: set[str] = set()  # accounts whose allocations the custodian does not take
        self.slow = 0  # so many askings until the custodian answers the next instruction
        self.told: dict[str, Mapping[str, str | None]] = {}
        self.held: dict[str, Allotted] = {}  # what the custodian has of each account
        self.unreachable = 0  # so many of the next calls are lost, every other one after it did its work

    def _line(self) -> bool:
        """True where the answer is lost behind what was done. Raises where the call itself is."""
        if not self.unreachable:
            return False
        self.unreachable -= 1
        if self.unreachable % 2:
            raise VenueUnreachable("the line is dead")
        return True

    def submit_block(self, order: VenueOrder, accounts: Mapping[str, Decimal]) -> Sequence[VenueAnswer]:
        lost = self._line()
        self.sent += 1
        known = self.orders.setdefault(order.client_order_id, Taken(order, dict(accounts), order.quantity))
        assert known.order == order, "one name, two orders"
        assert sum(accounts.values(), ZERO) == order.quantity
        return self._answered(known, lost)

    def look(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        lost = self._line()
        known = self.orders.get(order.client_order_id)
        return [] if known is None else self._answered(known, lost)

    def cancel(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        lost = self._line()
        known = self.orders.setdefault(order.client_order_id, Taken(order, {}, order.quantity))
        if known.status == WORKING:
            known.status, known.reason = "CANCELED", "cancelled on request"
        return self._answered(known, lost)

    def reduce(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Sequence[VenueAnswer]:
        lost = self._line()
        known = self.orders[order.client_order_id]
        if self.reduces != "later" and asked not in known.asked:
            after = known.open
            if known.status == WORKING and to < after and self.reduces != "refused":
                after = max(to if self.reduces == "confirmed" else after - (after - to) // 2, known.filled)
            known.open = known.asked[asked] = after
            if known.filled == known.open and known.status == WORKING and known.filled:
                known.status = "FILLED"
        return self._answered(known, lost)

    def reduced(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Decimal | None:
        self._line()
        return self.orders[order.client_order_id].asked.get(asked)

    def allocate(self, told: Instruction) -> Mapping[str, str | None] | None:
        lost = self._line()
        if told.alloc_id not in self.told:
            if self.slow:
                self.slow -= 1
                return None
            said = {each: "no such account" if each in self.refuses else None for each in told.accounts}
            self.told[told.alloc_id] = said
            for account, part in told.accounts.items():
                if said[account] is None:
                    had = self.held.get(account, Allotted(ZERO, ZERO))
                    self.held[account] = Allotted(had.quantity + part.quantity, had.amount + part.amount)
        if lost:
            raise VenueUnreachable("the answer was lost")
        return self.told[told.alloc_id]

    def _answered(self, known: Taken, lost: bool) -> Sequence[VenueAnswer]:
        if lost:
            raise VenueUnreachable("the answer was lost")
        return [known.answer()]

    # --- what a test does

    def fill(self, quantity: Decimal, price: Decimal, over: bool = False) -> None:
        """Fills of the newest order what is open of it at most; `over`: beyond it too."""
        newest = self.newest
        if newest is None or newest.status != WORKING:
            return
        quantity = quantity if over else min(quantity, newest.open - newest.filled)
        if quantity > 0:
            newest.fills.append(Fill(quantity, price, self.day))
        if newest.filled >= newest.open:
            newest.status = "FILLED"

    def change(self, quantity: Decimal | None, price: Decimal | None, which: int) -> bool:
        """Busts or corrects one of all fills, downwards; False where there is none."""
        fills = [(taken, each) for taken in self.orders.values() for each in taken.fills if each.quantity]
        if not fills:
            return False
        taken, fill = fills[which % len(fills)]
        fill.quantity = fill.quantity if quantity is None else min(quantity, fill.quantity)
        fill.price = price or fill.price
        if taken.status == "FILLED" and taken.filled < taken.open:
            taken.status = WORKING if which % 2 else "CANCELED"
        return True

    @property
    def newest(self) -> Taken | None:
        return list(self.orders.values())[-1] if self.orders else None
