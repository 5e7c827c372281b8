"""Are the packed positions, from which evaluations screen, still those of the books?"""

from collections.abc import Iterator

from sqlalchemy import Connection

from storage.packing import unequal
from storage.record.chain import account_chain
from storage.record.fault import Fault


def packed_faults(connection: Connection, account_id: str | None) -> Iterator[Fault]:
    """Accounts, or the one, whose packed row was written past the triggers that keep it to the positions."""
    for each in unequal(connection, account_id):
        says = "its packed positions are not those of its sleeves: evaluations may take it for inside its bands"
        yield Fault(account_chain(each), 0, "packed", says)
