"""Front ends ask `reading` and have `acting` act: no repository of the database is called by `cli` or `web` itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from storage.actor import Actor
from storage.connection import Transaction

PROJECT = Path(__file__).resolve().parents[2]
FRONT_ENDS = ("cli", "web")


@pytest.fixture(scope="module")
def repositories() -> set[str]:
    """What a transaction has: its repositories by name, without the connection that they share."""
    with create_engine("sqlite://").connect() as connection:
        return set(vars(Transaction(connection, Actor("test")))) - {"connection"}


def calls(source: str, repositories: set[str]) -> Iterator[str]:
    """Each `<something>.<repository>.<method>(…)` of a file, with its line."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        of = node.func.value
        if not (isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name)):
            continue
        if of.attr in repositories and of.value.id != "console":  # whose sessions are how it knows people
            yield f"{node.lineno}: {of.value.id}.{of.attr}.{node.func.attr}"


def test_a_call_of_a_repository_is_found(repositories: set[str]) -> None:
    assert {"queue", "rebalances", "audit", "waiting"} <= repositories
    assert list(calls("work.queue.entry('A-1')", repositories)) == ["1: work.queue.entry"]
    assert not list(calls("queue.entry(work, 'A-1')", repositories))


@pytest.mark.parametrize("package", FRONT_ENDS)
def test_no_front_end_asks_a_repository(package: str, repositories: set[str]) -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{each}"
        for path in sorted(PROJECT.glob(f"{package}/**/*.py"))
        for each in calls(path.read_text(), repositories)
    ]
    assert not found, "\n".join(found)
