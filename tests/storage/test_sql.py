"""No SQL is put together from strings: values go as parameters, names by psycopg's own `sql` where they must.

Migrations are left out: they take no input, and name tables from lists in their own files.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CODE = (
    "domain",
    "workflows",
    "activities",
    "storage",
    "venues",
    "anchors",
    "policy",
    "reading",
    "acting",
    "markup",
    "cli",
    "devstack",
    "worker.py",
)
TAKES_SQL = {"text", "execute", "exec_driver_sql", "DDL", "literal_column", "copy", "scalar", "scalars"}
STATEMENT = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|CREATE|DROP|ALTER|COPY|GRANT|REVOKE|WITH|SET|LOCK|NOTIFY)\s"
)


def sources() -> Iterator[Path]:
    for name in CODE:
        for path in sorted(PROJECT.glob(f"{name}/**/*.py" if not name.endswith(".py") else name)):
            if "migrations/versions" not in path.as_posix():
                yield path


def built(node: ast.expr) -> bool:
    """True for a string that is put together while the program runs."""
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(each, ast.FormattedValue) for each in values)
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right):
            return _text(left) or _text(right)
        case ast.Call(func=ast.Attribute(attr="format" | "join", value=value)):
            return _text(value)
    return False


def _text(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        or built(node)
    )


def first_words(node: ast.expr) -> str:
    """The constant that a built string begins with."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(begins)), *_]):
            return begins
        case ast.Constant(value=str(begins)):
            return begins
        case ast.BinOp(left=left):
            return first_words(left)
        case ast.Call(func=ast.Attribute(value=value)):
            return first_words(value)
    return ""


def string_built_sql(source: str) -> list[int]:
    """The lines where SQL is put together from strings."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TAKES_SQL and built(node.args[0]):
                found.add(node.lineno)
        if isinstance(node, ast.expr) and built(node) and STATEMENT.match(first_words(node)):
            found.add(node.lineno)
    return sorted(found)


@pytest.mark.parametrize(
    "source",
    [
        'execute(f"SELECT * FROM accounts WHERE id = {account}")',
        'connection.execute(text("DELETE FROM " + table))',
        'q = "UPDATE accounts SET name = %s" % name',
        'q = "SELECT {} FROM x".format(column)',
        'cursor.copy(f"COPY {table} FROM STDIN")',
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert string_built_sql(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        'connection.execute(text("SELECT 1 FROM accounts WHERE id = :id"), {"id": account})',
        "connection.execute(select(accounts).where(accounts.c.id == account))",
        'say(f"{account} is unknown: " + hint)',
    ],
)
def test_what_is_no_such_thing_is_not(source: str) -> None:
    assert string_built_sql(source) == []


def test_no_sql_is_put_together_from_strings() -> None:
    found = {
        str(path.relative_to(PROJECT)): lines
        for path in sources()
        if (lines := string_built_sql(path.read_text(encoding="utf-8")))
    }
    assert found == {}
