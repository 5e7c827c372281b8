"""Failed sign-ins, by name and by address: who fails too often waits, before anything is hashed."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, text

from identity.tokens import hashed
from storage.schema.people import sign_in_failures

WITHIN = timedelta(minutes=15)
BY_NAME, BY_ADDRESS = 5, 50  # failures within that time after which nobody is asked any more
TURN = text("SELECT pg_advisory_xact_lock(x'7369676E'::int, hashtext(:of))")


class SignIns:
    """The failures of one transaction. Names are kept as hashes: somebody may have typed a password there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def waits_until(self, name: str, address: str, now: datetime) -> datetime | None:
        """Until when a name, or an address, has to wait; None where it may try now."""
        waits = [self._until(of, allowed, now) for of, allowed in _keys(name, address)]
        return max((each for each in waits if each is not None), default=None)

    def attempt(self, name: str, address: str, now: datetime) -> datetime | None:
        """Counts an attempt before it is made, so that many at once are counted too; until when to wait, or None."""
        for of, _ in _keys(name, address):  # in one order: nobody waits in a circle
            self.connection.execute(TURN, {"of": of})
        waits = self.waits_until(name, address, now)
        if waits is None:
            self.connection.execute(delete(sign_in_failures).where(sign_in_failures.c.at <= now - WITHIN))
            self.connection.execute(insert(sign_in_failures), [{"of": of, "at": now} for of, _ in _keys(name, address)])
        return waits

    def succeeded(self, name: str, address: str, at: datetime) -> None:
        """What was counted was no failure: the name's are forgotten, and of the address's this one."""
        (of_name, _), (of_address, _) = _keys(name, address)
        of = sign_in_failures.c
        self.connection.execute(delete(sign_in_failures).where(of.of == of_name))
        self.connection.execute(delete(sign_in_failures).where(of.of == of_address, of.at == at))

    def _until(self, of: str, allowed: int, now: datetime) -> datetime | None:
        row = self.connection.execute(
            select(func.count(), func.min(sign_in_failures.c.at)).where(
                sign_in_failures.c.of == of, sign_in_failures.c.at > now - WITHIN
            )
        ).one()
        return None if row[0] < allowed else row[1] + WITHIN


def _keys(name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("name:" + hashed(name.strip().casefold()), BY_NAME), ("address:" + address[:100], BY_ADDRESS)
