"""Many rows by one statement, whose parameters are columns: one an array, however many rows there are.

The driver's own way, a statement a row, costs each row a round of adapting, sending and running it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Connection, Table, TextClause, text
from sqlalchemy.dialects import postgresql

from storage.record.chain import as_json

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], otherwise: str = "") -> None:
    """Adds rows in their order, all of the same columns; `otherwise` is what is done about conflicts."""
    if not rows:
        return
    names = tuple(rows[0])
    connection.execute(_insert(table, names, otherwise), columns(table, names, rows))


def columns(table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows as the statement's parameters."""
    written = {name: isinstance(table.c[name].type, JSON) for name in names}
    return {name: [as_json(row[name]) if written[name] else row[name] for row in rows] for name in names}


def given(table: Table, names: Sequence[str]) -> str:
    """The rows as a table `given` of the statement's FROM; `at` is the place of each."""
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(DIALECT)}[])" for name in names)
    return f"unnest({arrays}) WITH ORDINALITY AS given ({', '.join(names)}, at)"


@lru_cache
def _insert(table: Table, names: tuple[str, ...], otherwise: str) -> TextClause:
    listed = ", ".join(names)
    rows = f"SELECT {listed} FROM {given(table, names)} ORDER BY at"
    return text(f"INSERT INTO {table.fullname} ({listed}) {rows} {otherwise}")
