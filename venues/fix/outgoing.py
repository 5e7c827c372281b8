"""What we say to a broker: orders, cancellations, reductions, questions. Pure: a session's words and an order in,
a message out.
"""

from base64 import b32encode
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

from domain.values.money import plain
from venues.fix.sessions import Session
from venues.fix.wire import Outgoing
from venues.port import VenueOrder

ORDER, CANCEL, REPLACE, ASK, ALLOCATE = "D", "F", "G", "H", "J"
SIDES = {"buy": "1", "sell": "2"}
TYPES = {"market": "1", "limit": "2"}
AGGREGATED = "1"  # 591: one block for the market, allocated by us afterwards (FIX-8)
LONGEST = 20  # characters of a ClOrdID that venues take


def name_of(client_order_id: str, change: str = "") -> str:
    """The ClOrdID of an order, or of its cancellation C1, C2, … or reduction R1, …: always the same, and short enough.

    One that would be too long keeps its epoch and what it is, and has a digest for the rest.
    """
    told = f"{client_order_id}{change}"
    if len(told) <= LONGEST:
        return told
    head = f"{client_order_id.partition('-')[0]}-{change[:1] or 'D'}"
    return head + b32encode(sha256(told.encode()).digest()).decode()[: LONGEST - len(head)]


def refusal(session: Session, order: VenueOrder) -> str | None:
    """Why an order is not sent to this broker, in a sentence with the next action; None where it is."""
    if session.only_symbols and order.symbol not in session.symbols:
        return (
            f"not sent: FIX session {session.session} knows no symbol {order.symbol}: "
            f"add it under symbols of {session.session}.yaml, as the broker calls it"
        )
    if not session.rules.fractional and order.quantity != order.quantity.to_integral_value():
        return (
            f"not sent: {session.session} takes whole shares only, and this is {plain(order.quantity)} {order.symbol}: "
            f"give the security a quantity_increment of 1, or the session rules.fractional"
        )
    return None


def order_of(session: Session, order: VenueOrder, accounts: Mapping[str, Decimal] | None = None) -> Outgoing:
    """35=D. With `accounts` it is a block's: NoAllocs says for whom, where the broker takes that (FIX-8)."""
    fields = _named(session, order) | {
        11: name_of(order.client_order_id),
        21: session.handling,
        38: plain(order.quantity),
        40: TYPES[session.order_type],
        59: "0",
    }
    if session.order_type == "limit":
        fields[44] = plain(order.price)
    groups = {}
    if accounts is not None:
        if session.version == "FIX.4.4":
            fields[591] = AGGREGATED
        if session.rules.takes_allocations:
            groups[78] = [
                {79: session.accounts.get(account, account), 80: plain(quantity)}
                for account, quantity in accounts.items()
            ]
    return Outgoing(ORDER, fields, groups)


def cancellation(session: Session, order: VenueOrder, name: str, known_as: str, open_quantity: Decimal) -> Outgoing:
    """35=F under a name of its own, of the order that the broker knows by `known_as`."""
    return Outgoing(CANCEL, _named(session, order) | {11: name, 41: known_as, 38: plain(open_quantity)})


def reduction(session: Session, order: VenueOrder, name: str, known_as: str, to: Decimal) -> Outgoing:
    """35=G: the same order for `to` shares in all, what is filled of it included."""
    fields = dict(order_of(session, order).fields)
    return Outgoing(REPLACE, fields | {11: name, 41: known_as, 38: plain(to)})


def question(
    session: Session, order: VenueOrder, known_as: str, question_id: str, venue_id: str | None = None
) -> Outgoing:
    """35=H: what became of an order (FIX-5)."""
    fields = _named(session, order) | {11: known_as}
    if venue_id:
        fields[37] = venue_id
    if session.version == "FIX.4.4":
        fields[790] = question_id
    return Outgoing(ASK, fields)


def _named(session: Session, order: VenueOrder) -> dict[int, str]:
    return {
        1: session.accounts.get(order.account_id, order.account_id),
        54: SIDES[order.side],
        55: session.symbols.get(order.symbol, order.symbol),
    }
