"""Legs handed over to a venue's desk, and taken out of it again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from activities.answers import noted, venue_order
from domain.executing.blocks import BLOCK_2, BLOCK_4, divided, unit_of
from domain.executing.booking import Leg
from domain.values.money import ZERO, plain
from domain.values.snapshot import Snapshot
from storage.connection import Transaction
from storage.desk.legs import HandedOver
from venues.port import VenueAnswer
from venues.terms import Terms

RESTORED = "it was handed over before a restore, and may have been traded since the backup: compare, then submit again"


class _Rebalance(Protocol):
    snapshot: Snapshot
    terms: Terms
    begun: datetime
    at_desk: dict[int, Any]
    desk: Any


def handed_over(
    books: Transaction, rebalance_id: str, account_id: str, legs: Sequence[Leg], orders: Sequence[Any], of: _Rebalance
) -> bool:
    """Writes down the whole units of legs as the desk's, their tails as orders of their own (BLOCK-2); those that were
    not handed over before, and are not on their way to the venue by themselves.

    True where the desk has to be woken: nobody has since the window was opened, or it should have closed it by now.

    What was written down before a restore may have been sent since under its own name, and goes under that again
    (EXEC-1): a block has another.
    """
    of_now = books.epochs.of_now([order.client_order_id for order in orders])
    status = {order.leg: order.status for order in orders if order.client_order_id in of_now}
    given = []
    for leg in legs:
        unit = unit_of(of.snapshot.securities[leg.symbol].quantity_increment)
        units, tail = divided(leg.quantity, unit)
        if units and leg.number not in of.at_desk and status.get(leg.number) == "NEW":
            given.append(HandedOver(leg, unit, units, tail))
    if not given:
        return False
    venue, now = of.snapshot.account.custodian, of.desk.now()
    ends_at, epoch = of.terms.last_close(of.begun), books.epochs.current()
    since = books.desk.hand_over(rebalance_id, account_id, venue, given, epoch, now, ends_at)
    books.audit.record(
        "handed over to the desk",
        account_id=account_id,
        rebalance_id=rebalance_id,
        rule=BLOCK_2.code if any(each.tail for each in given) else BLOCK_4.code,
        after={f"{each.leg.side} {each.leg.symbol}": plain(each.units * each.unit) for each in given},
    )
    return since is None or of.terms.forms_at(since) <= now


def taken_out(books: Transaction, rebalance_id: str, why: str, terms: Terms, now: datetime) -> list[str]:
    """Ends what is in no released block, with its record; of released ones asks to leave, where the terms allow it.

    The blocks that were asked.
    """
    end_unsent(books, books.desk.not_released(rebalance_id), f"not sent: {why}", why, now, leaves=True)
    books.desk.told([rebalance_id], now)
    released = [row for row in books.desk.of(rebalance_id).values() if row.ended_at is None]
    if terms.blocks is not None and not terms.blocks.may_leave:
        return []
    for row in released:
        books.blocks.ask_to_leave(row.block_id, row.account_id, rebalance_id, why)
    return sorted({row.block_id for row in released})


def end_of_before(books: Transaction, legs: Sequence[Any], now: datetime) -> set[tuple[str, int]]:
    """Ends the legs, in no released block, that were handed over before a restore: a block that nobody here knows may
    have traded them since the backup (EXEC-1). Which they are, by rebalance and number.
    """
    if not books.epochs.restored():
        return set()
    names = books.orders.names_of({row.rebalance_id for row in legs})
    of_now = books.epochs.of_now(names.values())
    old = [row for row in legs if names[row.rebalance_id, row.leg] not in of_now]
    return end_unsent(books, old, f"not sent: {RESTORED}", RESTORED, now, leaves=True)


def end_unsent(
    books: Transaction, legs: Sequence[Any], reason: str, noted_as: str, now: datetime, leaves: bool = False
) -> set[tuple[str, int]]:
    """Ends legs of which nothing was sent, with their orders' records; those that had no last word before.

    `leaves`: out of a block that was not released.
    """
    ended = set(books.desk.end([(row.rebalance_id, row.leg, reason) for row in legs], now, leaves))
    names = books.orders.names_of({rebalance_id for rebalance_id, _ in ended})
    for row in legs:
        if (row.rebalance_id, row.leg) in ended:
            leg = Leg(row.leg, row.side, row.symbol, row.units * row.unit, row.price, (), "", "")
            order = venue_order(names[row.rebalance_id, row.leg], row.account_id, leg)
            noted(books, row.rebalance_id, order, VenueAnswer("CANCELED", ZERO, ZERO, noted_as))
    return ended
