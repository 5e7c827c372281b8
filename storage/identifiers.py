"""Identifiers: the names by which securities are known elsewhere, each from a day until a day."""

from datetime import date

from sqlalchemy import Connection, select

from domain.identifiers import Directory, Identifier
from storage.tables import securities
from storage.tables_feeds import identifiers


def directory(connection: Connection, day: date) -> Directory:
    """All names that are known on a day."""
    rows = connection.execute(
        select(
            identifiers.c.scheme, identifiers.c.value, identifiers.c.symbol, identifiers.c.starts, identifiers.c.until
        )
    )
    return Directory(connection.scalars(select(securities.c.symbol)), (Identifier(*row) for row in rows), day)
