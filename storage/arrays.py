"""Columns of rows on their way to PostgreSQL: lists that are written as array literals in one go.

The driver asks its dumper for each element, and escapes each quote of a text by a regular expression: of documents and
records, which are JSON, that is most of what a statement costs in Python. What else there is in lists it still does.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, ClassVar

from psycopg import Connection
from psycopg.abc import Buffer, DumperKey
from psycopg.adapt import PyFormat
from psycopg.postgres import types
from psycopg.types.array import BaseListDumper, ListDumper


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


LITERALS: Mapping[type, Callable[[Any], str]] = {str: _quoted, Decimal: str, date: date.isoformat}
ARRAYS = {str: 0, Decimal: types["numeric"].array_oid, date: types["date"].array_oid}  # a text is as good as unsaid


class Lists(ListDumper):
    """Chooses by what is in a list; one of several types, of none, or of others is the driver's."""

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:
        """What lists of the same elements have in common."""
        kind = _kind(obj)
        return super().get_key(obj, format) if kind is None else (self.cls, kind)

    def upgrade(self, obj: list[Any], format: PyFormat) -> BaseListDumper:
        """The dumper of such a list."""
        kind = _kind(obj)
        return super().upgrade(obj, format) if kind is None else COLUMNS[kind](self.cls, self._tx)


class Column(ListDumper):
    """Lists of one type of elements, and of None."""

    kind: ClassVar[type]

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:
        """The type, once and for all."""
        return (self.cls, self.kind)

    def upgrade(self, obj: list[Any], format: PyFormat) -> BaseListDumper:
        """Is what it has to be."""
        return self

    def dump(self, obj: list[Any]) -> Buffer | None:
        """The array literal."""
        literal = LITERALS[self.kind]
        text = ",".join(["NULL" if each is None else literal(each) for each in obj])
        if "\0" in text:
            return super().dump(obj)  # raises DataError
        return f"{{{text}}}".encode()


COLUMNS: Mapping[type, type[Column]] = {
    kind: type(f"{kind.__name__.title()}Column", (Column,), {"kind": kind, "oid": ARRAYS[kind]}) for kind in LITERALS
}


def _kind(obj: list[Any]) -> type | None:
    kinds = set(map(type, obj)) - {NoneType}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind if kind in LITERALS else None


def write_lists_at_once(connection: Connection[Any]) -> None:
    """Has a connection write its lists so."""
    connection.adapters.register_dumper(list, Lists)
