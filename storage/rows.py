"""Many rows by one statement, whose parameters are columns: one an array, however many rows there are.

The driver's own way, a statement a row, costs each row a round of adapting, sending and running it. A statement is made
and compiled once for a table and its columns, and costs no more than its text afterwards.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import ARRAY, JSON, Connection, Table, TextClause, bindparam, cast, column, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.selectable import TableValuedAlias

from storage.record.chain import as_json

DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
Conflicts = Literal["refused", "left", "replaced"]


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], conflicts: Conflicts = "refused"
) -> None:
    """Adds rows in their order, all of the same columns. One that is there already is refused, left or replaced."""
    if not rows:
        return
    names = tuple(rows[0])
    connection.execute(_insert(table, names, conflicts), columns(table, names, rows))


def columns(table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows as the statement's parameters."""
    written = {name: isinstance(table.c[name].type, JSON) for name in names}
    return {name: [as_json(row[name]) if written[name] else row[name] for row in rows] for name in names}


def given(table: Table, names: Sequence[str]) -> TableValuedAlias:
    """The rows as a table `given`; `at` is the place of each."""
    listed = [column(name, table.c[name].type) for name in names]
    arrays = [cast(bindparam(each.name), ARRAY(each.type)) for each in listed]
    return func.unnest(*arrays).table_valued(*listed, with_ordinality="at").render_derived(name="given")


def made(statement: ClauseElement) -> TextClause:
    """A statement in its words, compiled once and for all; its parameters keep their names."""
    return text(str(statement.compile(dialect=DIALECT)))


@lru_cache
def _insert(table: Table, names: tuple[str, ...], conflicts: Conflicts) -> TextClause:
    rows = given(table, names)
    ordered = select(*[rows.c[each] for each in names]).order_by(rows.c.at)
    statement = insert(table).from_select(names, ordered, include_defaults=False)
    if conflicts == "left":
        statement = statement.on_conflict_do_nothing()
    elif conflicts == "replaced":
        keys = [each.name for each in table.primary_key]
        others = {each: statement.excluded[each] for each in names if each not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
    return made(statement)
