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
    books: Transaction, rebalance_id: str, account_id: str, legs: Sequence[Leg], of: _Rebalance
) -> list[HandedOver]:
    """Writes down the whole units of legs as the desk's, their tails as orders of their own (BLOCK-2); those that were
    not handed over before, and are not on their way to the venue by themselves.

    What was written down before a restore may have been sent since under its own name, and goes under that again
    (EXEC-1): a block has another.
    """
    status = {
        order.leg: order.status
        for order in books.orders.of(rebalance_id)
        if books.epochs.is_of_now(order.client_order_id)
    }
    given = []
    for leg in legs:
        unit = unit_of(of.snapshot.securities[leg.symbol].quantity_increment)
        units, tail = divided(leg.quantity, unit)
        if units and leg.number not in of.at_desk and status.get(leg.number) == "NEW":
            given.append(HandedOver(leg, unit, units, tail))
    if given:
        venue = of.snapshot.account.custodian
        now = of.desk.now()
        ends_at = of.terms.last_close(of.begun)
        books.desk.hand_over(rebalance_id, account_id, venue, given, books.epochs.current(), now, ends_at)
        books.audit.record(
            "handed over to the desk",
            account_id=account_id,
            rebalance_id=rebalance_id,
            rule=BLOCK_2.code if any(each.tail for each in given) else BLOCK_4.code,
            after={f"{each.leg.side} {each.leg.symbol}": plain(each.units * each.unit) for each in given},
        )
    return given


def taken_out(books: Transaction, rebalance_id: str, why: str, terms: Terms, now: datetime) -> list[str]:
    """Ends what is in no released block, with its record; of released ones asks to leave, where the terms allow it.

    The blocks that were asked.
    """
    names = books.orders.names(rebalance_id)
    waiting = books.desk.not_released(rebalance_id)
    ended = books.desk.end([(row.rebalance_id, row.leg, f"not sent: {why}") for row in waiting], now, leaves=True)
    for row in waiting:
        if (row.rebalance_id, row.leg) in ended:
            noted(books, rebalance_id, as_order(names[row.leg], row), VenueAnswer("CANCELED", ZERO, ZERO, why))
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
    newest = books.epochs.newest()
    if newest is None or newest.epoch == books.epochs.first():
        return set()  # nothing was ever restored
    names = {(row.rebalance_id, row.leg): books.orders.names(row.rebalance_id)[row.leg] for row in legs}
    old = [row for row in legs if not books.epochs.is_of_now(names[row.rebalance_id, row.leg])]
    ended = books.desk.end([(row.rebalance_id, row.leg, f"not sent: {RESTORED}") for row in old], now, leaves=True)
    for row in old:
        if (row.rebalance_id, row.leg) in ended:
            order = as_order(names[row.rebalance_id, row.leg], row)
            noted(books, row.rebalance_id, order, VenueAnswer("CANCELED", ZERO, ZERO, RESTORED))
    return set(ended)


def as_order(name: str, row: Any) -> Any:
    """A leg at the desk as the venue would have got it."""
    leg = Leg(row.leg, row.side, row.symbol, row.units * row.unit, row.price, (), "", "")
    return venue_order(name, row.account_id, leg)
