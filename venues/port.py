"""The port that every venue and custodian is reached through.

    submit ──► answers: WORKING, or at once a last word
    look   ──► answers: what became of a working order since
    cancel ──► answers: its last word, with what was filled before

An answer says what was filled so far, never what was added: one that comes twice, late or out of order does no harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

from domain.executing.execution import OrderStatus
from domain.executing.reconciliation import Ledger
from domain.values.money import ZERO, plain

WORKING: Literal["WORKING"] = "WORKING"


class UnknownVenue(LookupError):
    """No venue is set up for a custodian."""


class UnknownAtCustodian(LookupError):
    """The custodian has no such account."""


class VenueUnreachable(ConnectionError):
    """The connection was lost. Whether the venue has the order is not known: it is sent again under the same ID."""


class VenueBusy(Exception):
    """The venue's rate limit leaves no room now; nothing was sent. To be tried again after `seconds`."""

    def __init__(self, venue: str, seconds: float) -> None:
        super().__init__(f"{venue} takes no order for another {seconds:.1f} seconds")
        self.seconds = seconds


class StillWorking(Exception):
    """The venue has not confirmed that an order is cancelled. To be asked again."""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue gets it. `price` is the snapshot's, in the account's currency."""

    client_order_id: str
    account_id: str
    side: Literal["sell", "buy"]
    symbol: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class VenueAnswer:
    """What the venue says of an order: how it stands or ended, and what was filled so far for which cash.

    `order` is the order as the venue has it; None where it says nothing of that. `traded_on` is the exchange's day of
    the fills, the newest of them where there are several (DAY-2). `costs` are the commissions and fees of the fills,
    all in all and to the cent, which are not in `filled_amount`; without a fill there are none.
    """

    status: OrderStatus | Literal["WORKING"]
    filled_quantity: Decimal
    filled_amount: Decimal
    reason: str | None = None
    order: VenueOrder | None = None
    traded_on: date | None = None
    costs: Decimal = ZERO


def mismatch(sent: VenueOrder, said: VenueAnswer) -> str | None:
    """What shows that an answer is about another order than the one that was sent; None where it is about that one."""
    had = said.order
    if had is None:
        return None
    asked, found = (f"{each.side} {plain(each.quantity)} {each.symbol} for {each.account_id}" for each in (sent, had))
    return None if asked == found else f"{sent.client_order_id} is to {asked}, and the venue has it as {found}"


class Venue(Protocol):
    """Takes orders. A client order ID that it has seen is the same order, whatever comes with it (EXEC-1).

    Every method raises VenueUnreachable, or what else is transient; the caller asks again.
    """

    def submit(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Sends an order; does not wait for its fills. Raises VenueBusy where the rate limit leaves no room."""
        ...

    def submit_many(self, orders: Sequence[VenueOrder]) -> Sequence[Sequence[VenueAnswer]]:
        """Sends orders, in their order, and returns the answers to the first ones of them, at least to one.

        The others were not sent: they are to be asked for again. Raises as `submit` does, of the first.
        """
        ...

    def look(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """What became of an order; nothing where the venue has not seen it."""
        ...

    def cancel(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Cancels what is open of an order; one that the venue has not seen is cancelled if it comes later."""
        ...


@dataclass(frozen=True, slots=True)
class Allotted:
    """An account's part of a block's trade date: shares, their exact cash, and what that cost besides (ALLOC-5).
    Below 0 where it is taken back.
    """

    quantity: Decimal
    amount: Decimal
    costs: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Instruction:
    """A block's trade date told account by account. `orders` are the client order IDs that filled on it.

    `accounts` is what changes since the instructions `before` about the same day, the oldest first; `whole` what each
    account has of the day then, none below 0.
    """

    alloc_id: str  # the same for the same instruction, however often it is given
    block: str
    day: date
    orders: Sequence[str]
    side: Literal["sell", "buy"]
    symbol: str
    accounts: Mapping[str, Allotted]
    whole: Mapping[str, Allotted]
    before: Sequence[str] = ()


class BlockVenue(Venue, Protocol):
    """A venue that takes blocks, and whose custodian takes their allocations. `account_id` of an order is its block."""

    def submit_block(self, order: VenueOrder, accounts: Mapping[str, Decimal]) -> Sequence[VenueAnswer]:
        """Sends a block's order with what each account has of it, as `submit` does. Raises as that does."""
        ...

    def reduce(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Sequence[VenueAnswer]:
        """Asks to make an order smaller: `to` shares in all, what is filled included (BLOCK-5).

        `asked` numbers the question: asked again under the same number, it is the same one, and its answer stays.
        """
        ...

    def reduced(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Decimal | None:
        """What the order comes to since `reduce`: as before where it was refused; None where nobody answered yet."""
        ...

    def allocate(self, told: Instruction) -> Mapping[str, str | None] | None:
        """Tells the custodian. By account why it refuses, None where it took it; None in all: not answered yet."""
        ...


class Custodian(Protocol):
    """Holds the assets: the books are compared with it (RECON-1)."""

    def ledger(self, account_id: str) -> Ledger:
        """Cash and positions of an account. Raises UnknownAtCustodian."""
        ...
