"""Locks on several accounts at once, so that nobody waits in a circle.

    a step of one account                                   locks that one
    statements, edits of targets, signals' pages, queueing  lock many, by their ids rising, beside each other
    loads, corporate actions                                lock many, in the order of their file, alone

Who locks accounts takes them before rebalances, breaks and queue entries; the market's lock comes before all of them.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, select, text

from storage.schema.tables import accounts
from storage.values import among_given, by_key

NUMBER = {"number": 0x6D61_6E79}  # the advisory lock of whoever locks more than one account
BESIDE = text("SELECT pg_advisory_xact_lock_shared(:number)")
ALONE = text("SELECT pg_advisory_xact_lock(:number)")
LOCK = (
    select(accounts.c.id)
    .where(among_given(accounts.c.id))
    .order_by(by_key(accounts.c.id))
    .with_for_update(key_share=True)
)


def by_rising_ids(connection: Connection) -> None:
    """Before accounts are locked in the order of their ids, however many statements that takes."""
    connection.execute(BESIDE, NUMBER)


def in_any_order(connection: Connection) -> None:
    """Before accounts are locked as they come; waits until nobody else locks several, and keeps them from it."""
    connection.execute(ALONE, NUMBER)


def locked(connection: Connection, ids: Iterable[str]) -> list[str]:
    """The ids that exist, rising; nobody else changes those accounts until the transaction ends."""
    return list(connection.scalars(LOCK, {"keys": list(ids)}))
