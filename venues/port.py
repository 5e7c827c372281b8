"""The port that every venue and custodian is reached through."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from domain.execution import OrderStatus
from domain.reconciliation import Ledger


class UnknownVenue(LookupError):
    """No venue is set up for a custodian."""


class UnknownAtCustodian(LookupError):
    """The custodian has no such account."""


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
    """The venue's last word on an order: its end, and what was filled for which cash."""

    status: OrderStatus
    filled_quantity: Decimal
    filled_amount: Decimal
    reason: str | None = None


class Venue(Protocol):
    """Takes orders. The answer to a client order ID that it has seen is the first one (EXEC-1)."""

    def submit(self, order: VenueOrder) -> VenueAnswer:
        """Sends an order and waits for its end. Raises what is transient; the caller sends the same order again."""
        ...

    def void(self, order: VenueOrder) -> VenueAnswer:
        """What became of an order; one that the venue has not seen is cancelled, and stays so if it comes later."""
        ...


class Custodian(Protocol):
    """Holds the assets: the books are compared with it (RECON-1)."""

    def ledger(self, account_id: str) -> Ledger:
        """Cash and positions of an account. Raises UnknownAtCustodian."""
        ...
