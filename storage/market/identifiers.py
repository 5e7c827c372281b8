"""Identifiers: the names by which securities are known elsewhere, each from a day until a day."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, delete, insert, select

from domain.books.identifiers import Directory, Identifier, Name
from storage.schema.feeds import corporate_actions, identifiers
from storage.schema.tables import securities
from storage.values import among


def directory(connection: Connection, day: date) -> Directory:
    """All names that are known on a day; a symbol that was changed is no longer one, but an alias of the new."""
    rows = connection.execute(
        select(
            identifiers.c.scheme, identifiers.c.value, identifiers.c.symbol, identifiers.c.starts, identifiers.c.until
        )
    )
    renamed = select(corporate_actions.c.symbol).where(corporate_actions.c.kind == "symbol_change")
    symbols = connection.scalars(select(securities.c.symbol).where(securities.c.symbol.not_in(renamed)))
    return Directory(symbols, (Identifier(*row) for row in rows), day)


def replace_stated(
    connection: Connection, stated: Mapping[str, Sequence[Identifier]]
) -> dict[str, tuple[list[str], list[str]]]:
    """Writes what a book states of its securities, each whole; returns what differed, as texts before and after.

    Names that end on a day are history, and stay.
    """
    open_ended = among(identifiers.c.symbol, list(stated)) & identifiers.c.until.is_(None)
    known: dict[str, set[Name]] = {}
    for row in connection.execute(
        select(identifiers.c.symbol, identifiers.c.scheme, identifiers.c.value).where(open_ended)
    ):
        known.setdefault(row.symbol, set()).add((row.scheme, row.value))
    wanted: dict[str, set[Name]] = {
        symbol: {(each.scheme, each.value) for each in names} for symbol, names in stated.items()
    }
    differing = [symbol for symbol in stated if wanted[symbol] != known.get(symbol, set())]
    if differing:
        gone = among(identifiers.c.symbol, differing) & identifiers.c.until.is_(None)
        connection.execute(delete(identifiers).where(gone))
    rows = [
        {"symbol": symbol, "scheme": scheme, "value": value}
        for symbol in differing
        for scheme, value in sorted(wanted[symbol])
    ]
    if rows:
        connection.execute(insert(identifiers), rows)
    return {symbol: (_told(known.get(symbol, set())), _told(wanted[symbol])) for symbol in differing}


def _told(names: set[Name]) -> list[str]:
    return [f"{scheme} {value}" for scheme, value in sorted(names)]
