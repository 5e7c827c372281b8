"""COPY: PostgreSQL's way of taking many rows at once."""

from collections.abc import Iterable, Sequence

from psycopg import Connection as Psycopg
from psycopg import sql
from sqlalchemy import Connection, Table


def copy_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Adds rows to a table, in their order, inside the connection's transaction. Values are in the columns' order."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, Psycopg):
        raise TypeError(f"psycopg is needed, not {type(driver).__name__}")
    named = [table.schema, table.name] if table.schema else [table.name]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*named), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
