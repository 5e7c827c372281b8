"""Filling what a migration left to fill: row by row of large tables, some at a time, beside people at work.

Each batch is a transaction of its own: who is interrupted goes on where he was, and never asks twice.
A database where something is still missing is slow, never wrong.
"""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, func, select

from storage.packing import pack_missing

BATCH = 5_000
PATIENCE = "3s"  # as for a migration
FILLINGS: tuple[Callable[[Connection, int], int], ...] = (pack_missing,)


def fill(engine: Engine) -> int:
    """Fills what is missing and nobody holds at the moment; returns how many rows it filled."""
    filled = 0
    for some in FILLINGS:
        while True:
            with engine.begin() as connection:
                connection.execute(select(func.set_config("lock_timeout", PATIENCE, True)))  # of this transaction
                found = some(connection, BATCH)
            filled += found
            if not found:
                break
    return filled
