"""Migrations bring a database to exactly the tables that the code has, once, however many processes try."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

import storage.schema.audit
import storage.schema.calls
import storage.schema.deliveries
import storage.schema.desk
import storage.schema.feeds
import storage.schema.people
import storage.schema.webhooks  # noqa: F401
from storage import migrations
from storage.connection import Books
from storage.engine import connect
from storage.migrations.__main__ import main
from storage.schema.execution import PAPER
from storage.schema.fix import FIX, fix_orders
from storage.schema.requests import request_accounts
from storage.schema.tables import metadata
from storage.schema.venues import venue_terms
from tests.storage.small_book import by_hand

assert fix_orders.metadata is venue_terms.metadata is request_accounts.metadata is metadata  # all tables are known

ALL = sorted(path.name[:4] for path in Path(migrations.__file__).parent.glob("versions/0*.py"))

# What compare_metadata does not look at: checks, partial indexes, defaults, deferrable keys. Partitions are left out.
CATALOGUE = {
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace IN ('public'::regnamespace, 'paper'::regnamespace, 'fix'::regnamespace)
            AND conname NOT LIKE 'alembic%' AND contype <> 't'
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = conrelid)
        ORDER BY 1, 2
    """,
    "indexes": """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname IN ('public', 'paper', 'fix') AND indexname NOT LIKE 'alembic%'
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('%I.%I', schemaname, tablename)::regclass)
        ORDER BY schemaname, 1
    """,
    "columns": """
        SELECT table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale, is_nullable,
               column_default, is_identity, identity_generation
        FROM information_schema.columns
        WHERE table_schema IN ('public', 'paper', 'fix') AND table_name NOT IN ('alembic_version', 'month_partitions')
            AND NOT EXISTS (
                SELECT FROM pg_inherits WHERE inhrelid = format('%I.%I', table_schema, table_name)::regclass
            )
        ORDER BY 1, 2, 3
    """,
}


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = connect(empty_database_url)
    yield engine
    engine.dispose()


def catalogue(connection: Connection) -> dict[str, list[Any]]:
    return {part: [tuple(row) for row in connection.execute(text(query))] for part, query in CATALOGUE.items()}


PARTITION = re.compile(r"evaluation_\w+_(\d{4}_\d\d|other)")


def looked_at(_: Any, name: str | None, *__: Any) -> bool:
    """All but partitions, and an index whose order of text is read back as if it had none; the catalogue has it."""
    if name is not None and PARTITION.fullmatch(name):
        return False
    return name not in {"ix_accounts_evaluated", "ix_sleeves_model_id_in_order", "ix_queue_entries_in_order"}


def test_a_migrated_database_has_the_tables_of_the_code(books: Books) -> None:
    with books.engine.connect() as connection:
        options = {"include_schemas": True, "compare_type": True, "include_object": looked_at}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_and_their_checks_indexes_and_defaults(books: Books, empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {PAPER}"))
        connection.execute(text(f"CREATE SCHEMA {FIX}"))
        metadata.create_all(connection)
        made = catalogue(connection)
    with books.engine.connect() as connection:
        assert catalogue(connection) == made


def test_upgrade_says_what_it_applied_and_then_has_nothing_to_do(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    with empty.connect() as connection:
        assert migrations.current(connection) is None
    assert migrations.upgrade(url) == ALL
    assert migrations.upgrade(url) == []
    with empty.connect() as connection:
        assert migrations.current(connection) == migrations.head() == ALL[-1]


def test_two_at_once_migrate_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(lambda _: run(url), range(2)))
    assert [code for code, _, _ in applied] == [0] * 2
    assert sorted(", ".join(ALL) in told for _, told, _ in applied) == [False, True]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "REBALANCER_DATABASE_URL is not set"),
        ("no url", "is not a database URL"),
        ("postgresql://nobody@127.0.0.1:1/none", "can't be migrated"),
    ],
)
def test_the_command_says_why_it_can_not(
    url: str | None, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REBALANCER_DATABASE_URL", raising=False)
    if url is not None:
        monkeypatch.setenv("REBALANCER_DATABASE_URL", url)
    assert main([]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert told in error


@pytest.mark.parametrize("table", ["models", "targets"])
def test_versions_only_rise(books: Books, table: str) -> None:
    more = {"models": ", 'M', 0", "targets": ""}[table]
    names = {"models": ", manager, investment_minimum", "targets": ""}[table]
    with books.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} (id, name, version{names}) VALUES ('X', 'x', 2{more})"))
        connection.execute(text(f"UPDATE {table} SET version = 3"))
        by_hand(connection)
    with pytest.raises(IntegrityError, match="only rises: 1 is below 3"), books.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET version = 1"))


@pytest.mark.parametrize("change", ["UPDATE model_holdings SET weight = 0.5", "DELETE FROM model_holdings"])
def test_what_a_version_held_is_kept(books: Books, change: str) -> None:
    with books.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO models (id, name, manager, investment_minimum, version) VALUES ('X', '', '', 0, 1)")
        )
        connection.execute(text("INSERT INTO model_holdings VALUES ('X', 1, 0, NULL, 1)"))
        by_hand(connection)
    with pytest.raises(IntegrityError, match="is kept"), books.engine.begin() as connection:
        connection.execute(text(change))


def run(url: str) -> tuple[int, str, str]:
    """`python -m storage.migrations` with a database URL."""
    environment = os.environ | {"REBALANCER_DATABASE_URL": url}
    command = [sys.executable, "-m", "storage.migrations"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
