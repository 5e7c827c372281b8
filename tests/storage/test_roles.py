"""The application's role works with the books, and may read and add to the record, but not change or remove it."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from storage.connection import Actor, Books
from tests.storage.small_book import loaded, rows

KEPT = ("audit_records", "audit_seals", "audit_seal_heads", "rebalance_rounds", "workflow_histories")
CHANGES = {
    "audit_records": "who = 'x'",
    "audit_seals": "sealed_by = 'x'",
    "audit_seal_heads": "seq = 1",
    "rebalance_rounds": "round = 9",
    "workflow_histories": "status = 'x'",
}


@pytest.fixture
def recorded(owner: Engine, books: Books) -> Books:
    """A row in each table of the record."""
    loaded(books)
    with owner.begin() as connection:
        for statement in (
            "INSERT INTO rebalances (id, account_id, start_key, workflow_id, kind, mode, approval, requested_by, stage)"
            " VALUES ('R-1', 'A-1', 'k', 'w', 'full', 'exact', 'required', 'ann', 'CHECKING')",
            "INSERT INTO rebalance_rounds (rebalance_id, round, rules_version, snapshot, policy)"
            " VALUES ('R-1', 1, '1', '{}', '{}')",
            r"INSERT INTO audit_seals VALUES (1, now(), 'ann', 0, 0, '\x', '\x')",
            r"INSERT INTO audit_seal_heads VALUES (1, 'account/A-1', 1, '\x')",
            r"INSERT INTO workflow_histories VALUES ('w', 'r', 'r', 'T', 'COMPLETED', now(), now(), 1, '\x', '\x')",
        ):
            connection.execute(text(statement))
    return books


def refused(engine: Engine, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as told, engine.begin() as connection:
        connection.execute(text(statement))
    return told.value


@pytest.mark.parametrize("table", KEPT)
def test_the_record_is_only_added_to(recorded: Books, owner: Engine, table: str) -> None:
    before = rows(recorded, f"SELECT count(*) FROM {table}")
    assert before != [(0,)]
    for statement in (f"UPDATE {table} SET {CHANGES[table]}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        app = refused(recorded.engine, statement)
        assert isinstance(app, ProgrammingError) and "permission denied" in str(app)
        by_owner = refused(owner, statement)
        assert isinstance(by_owner, IntegrityError) and "the record is only added to" in str(by_owner)
    assert rows(recorded, f"SELECT count(*) FROM {table}") == before


def test_heads_only_move_forwards(recorded: Books, owner: Engine) -> None:
    for statement in (
        "UPDATE audit_heads SET seq = seq - 1",
        "UPDATE audit_heads SET seq = seq",
        "UPDATE audit_heads SET chain = chain || 'x', seq = seq + 1",
    ):
        assert "the record is only added to" in str(refused(recorded.engine, statement))
    assert "permission denied" in str(refused(recorded.engine, "DELETE FROM audit_heads"))
    assert "permission denied" in str(refused(recorded.engine, "TRUNCATE audit_heads"))
    assert "the record is only added to" in str(refused(owner, "TRUNCATE audit_heads"))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_records DISABLE TRIGGER ALL",
        "DROP TABLE audit_records",
        "CREATE TABLE more (x int)",
        "UPDATE alembic_version SET version_num = '0001'",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_can_not_lift_the_guard(books: Books, statement: str) -> None:
    told = str(refused(books.engine, statement))
    assert "permission denied" in told or "must be owner" in told


def test_it_works_with_every_table_and_sequence(books: Books) -> None:
    kept = ", ".join(f"'{table}'" for table in (*KEPT, "audit_heads", "alembic_version"))
    tables = f"FROM pg_tables WHERE schemaname IN ('public', 'paper') AND tablename NOT IN ({kept})"
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        held = f"has_table_privilege(format('%I.%I', schemaname, tablename), '{right}')"
        assert rows(books, f"SELECT tablename {tables} AND NOT {held}") == []
    sequences = "FROM pg_sequences WHERE schemaname IN ('public', 'paper')"
    held = "has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'USAGE')"
    assert rows(books, f"SELECT sequencename {sequences} AND NOT {held}") == []
    assert rows(books, f"SELECT count(*) > 0 {sequences}") == [(True,)]
    assert rows(books, "SELECT current_user") == [("rebalancer_app",)]


def test_a_large_load_may_have_its_tables_analyzed(books: Books) -> None:
    with books.transaction(Actor("ann")) as transaction:
        transaction.execute(text("ANALYZE accounts"))
    assert rows(books, "SELECT has_table_privilege('accounts', 'MAINTAIN')") == [(True,)]
