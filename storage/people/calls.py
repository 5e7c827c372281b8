"""Writes of the API under idempotency keys: the same call again is answered as before, and done once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, delete, func, literal, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from storage.schema.calls import api_calls

KEPT = timedelta(days=2)  # how long an answer is given again
CUT_OFF = timedelta(seconds=60)  # a call that has no answer for so long was cut off, and may be made again
C = api_calls.c
INSERTED = literal_column("xmax = 0", Boolean).label("inserted")  # of PostgreSQL: no row of before was changed


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is kept. `mine`: it is to be done now; else `status` has its answer, or is None: it is under way.

    `again`: it was taken up before, and cut off; what it does may have been done.
    """

    mine: bool
    same: bool
    day: date
    again: bool = False
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: Any = None


class Calls:
    """The calls of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def begin(self, subject: str, key: str, asked: str, day: date) -> Call:
        """Takes a call up under its key, unless it was taken up before; then what became of it."""
        self.connection.execute(delete(api_calls).where(C.begun_at < func.now() - literal(KEPT)))
        new = insert(api_calls).values(subject=subject, key=key, asked=asked, day=day)
        again = new.on_conflict_do_update(
            index_elements=["subject", "key"],
            set_={"begun_at": func.now()},
            where=(C.status.is_(None)) & (C.asked == asked) & (C.begun_at < func.now() - literal(CUT_OFF)),
        )
        taken = self.connection.execute(again.returning(C.day, INSERTED)).one_or_none()
        if taken is not None:
            return Call(True, True, taken.day, again=not taken.inserted)
        row = self.connection.execute(select(api_calls).where(C.subject == subject, C.key == key)).one()
        return Call(False, row.asked == asked, row.day, False, row.status, row.headers, row.body)

    def finish(self, subject: str, key: str, status: int, headers: Mapping[str, str], body: Any) -> None:
        """Keeps what it was answered."""
        self.connection.execute(
            update(api_calls)
            .where(C.subject == subject, C.key == key)
            .values(status=status, headers=dict(headers), body=body)
        )

    def give_up(self, subject: str, key: str) -> None:
        """It was refused, and nothing was done: the key is free again."""
        self.connection.execute(
            delete(api_calls).where(C.subject == subject, C.key == key, or_(C.status.is_(None), C.status >= 400))
        )
