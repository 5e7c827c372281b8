"""Filling what a migration left to fill: row by row of large tables, some at a time, beside people at work.

Each batch is a transaction of its own: who is interrupted goes on where he was, and never asks twice.
A database where something is still missing is slow, or larger than it need be, never wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from storage.packing import pack_missing
from storage.record.documents import move_rebalances, move_rounds

PATIENCE = "400ms"  # as for a migration: rows that somebody holds are left out anyway


class Filling(NamedTuple):
    """Fills `batch` rows behind a key: how many it filled, and the last one's key; 0 where nothing is left."""

    some: Callable[[Connection, int, str], tuple[int, str | None]]
    batch: int


FILLINGS = (Filling(pack_missing, 5_000), Filling(move_rounds, 500), Filling(move_rebalances, 500))


def fill(engine: Engine) -> int:
    """Fills what is missing and nobody holds at the moment; returns how many rows it filled."""
    filled = 0
    for some, batch in FILLINGS:
        after: str | None = ""
        while after is not None:
            with engine.begin() as connection:
                connection.execute(select(func.set_config("lock_timeout", PATIENCE, True)))  # of this transaction
                found, after = some(connection, batch, after)
            filled += found
    return filled
