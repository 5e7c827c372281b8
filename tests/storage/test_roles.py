"""The application's role works with the books, and may read the record, and add to it by the database's functions."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.record.verification import snapshot, verify
from tests.storage.small_book import decision, loaded, rows
from tests.storage.test_histories import CLOSED

KEPT = ("audit_records", "audit_seals", "audit_seal_heads", "rebalance_rounds", "workflow_histories", "documents")
CHANGES = {
    "audit_records": "who = 'x'",
    "audit_seals": "sealed_by = 'x'",
    "audit_seal_heads": "seq = 1",
    "rebalance_rounds": "round = 9",
    "workflow_histories": "status = 'x'",
    "documents": "content = '{}'",
}

# What is needed of the tables of people, beside reading them, and no more (tests/storage/test_people.py).
OF_PEOPLE = (
    "people", "sessions", "passkeys", "challenges", "api_tokens", "setup_links", "sign_in_failures", "signing_keys",
    "identity_settings", "decisions", "shown_lists", "shown_plans", "webhooks",
)  # fmt: skip


@pytest.fixture
def recorded(books: Books) -> Books:
    """A row in each table of the record."""
    loaded(books)
    with books.transaction(Actor("ann")) as transaction:
        decision(transaction)
        transaction.histories.keep(CLOSED)
    with books.transaction(Actor("ann")) as transaction:
        transaction.seals.seal()
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


def test_the_application_adds_to_it_by_the_databases_functions_only(recorded: Books) -> None:
    """A record of last year, a seal of the year 2999, a round and a history of its own: all refused."""
    for table in (*KEPT, "audit_heads"):
        assert "permission denied for table" in str(refused(recorded.engine, f"INSERT INTO {table} DEFAULT VALUES"))
        with recorded.engine.begin() as connection:
            may = text("SELECT has_any_column_privilege(:table, 'INSERT, UPDATE')")
            assert connection.scalar(may, {"table": table}) is False
    for numbers in ("audit_records_id_seq", "audit_general_chains"):
        assert "permission denied" in str(refused(recorded.engine, f"SELECT nextval('{numbers}')"))


def test_what_it_asks_for_is_dated_by_the_database_whatever_its_session_says(recorded: Books, owner: Engine) -> None:
    with recorded.engine.begin() as connection:
        connection.execute(text("SET LOCAL timezone = 'Pacific/Kiritimati'"))
        work = Transaction(connection, Actor("eve"))
        work.audit.record("queued", account_id="A-1")
        work.audit.write()
        assert work.seals.seal() is not None
    for table, at in (("audit_records", "at"), ("audit_seals", "sealed_at")):
        newest = f"SELECT max({at}) BETWEEN now() - interval '1 minute' AND now() FROM {table}"
        with owner.connect() as connection:
            assert connection.scalar(text(newest)) is True
    with snapshot(recorded.engine) as connection:
        assert verify(connection).faults == []


@pytest.mark.parametrize("shadow", ["audit_heads", "audit_records", "sealing", "audit_seals"])
def test_a_table_of_its_own_by_the_same_name_misleads_no_function(recorded: Books, owner: Engine, shadow: str) -> None:
    """Whatever the application puts in its way, the functions write where they always write, or not at all."""
    kept = rows(recorded, "SELECT count(*) FROM public.audit_records")[0][0]
    with recorded.engine.begin() as connection:
        connection.execute(text(f"CREATE TEMPORARY TABLE {shadow} (chain text, seq bigint) ON COMMIT DROP"))
        connection.execute(text("SET LOCAL search_path = pg_temp, public"))
        work = Transaction(connection, Actor("eve"))
        work.audit.record("queued", account_id="A-1")
        work.audit.write()
    assert rows(recorded, "SELECT count(*) FROM public.audit_records")[0][0] == kept + 1
    with snapshot(recorded.engine) as connection:
        assert verify(connection).faults == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("SELECT keep_round('R-000002', '1')", "round 1 of R-000002 is kept without its record"),
        (
            r"SELECT keep_history('w', 'x', 'x', 'T', 'COMPLETED', now(), now(), 1, '\x', '\x')",
            "the history of w, run x, is kept without its record",
        ),
    ],
)
def test_what_is_kept_has_its_record(recorded: Books, call: str, told: str) -> None:
    with recorded.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO rebalances (id, account_id, start_key, workflow_id, kind, mode, approval, requested_by,"
                " stage, status, ended_at, snapshot, policy) VALUES ('R-000002', 'A-1', 'k', 'w', 'full', 'exact',"
                " 'required', 'ann', 'ENDED', 'FAILED', now(), '{}', '{}')"
            )
        )
    assert told in str(refused(recorded.engine, call))


def test_heads_only_move_forwards(recorded: Books, owner: Engine) -> None:
    for statement in (
        "UPDATE audit_heads SET seq = seq - 1",
        "UPDATE audit_heads SET seq = seq",
        "UPDATE audit_heads SET chain = chain || 'x', seq = seq + 1",
    ):
        assert "permission denied" in str(refused(recorded.engine, statement))
        assert "the record is only added to" in str(refused(owner, statement))
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
    named = (*KEPT, "audit_heads", "record_eras", "seal_anchors", "unrecorded_changes", "alembic_version", *OF_PEOPLE)
    kept = ", ".join(f"'{table}'" for table in named)
    tables = f"FROM pg_tables WHERE schemaname IN ('public', 'paper', 'fix') AND tablename NOT IN ({kept})"
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        held = f"has_table_privilege(format('%I.%I', schemaname, tablename), '{right}')"
        assert rows(books, f"SELECT tablename {tables} AND NOT {held}") == []
    own = "'audit_records_id_seq', 'audit_general_chains'"
    sequences = f"FROM pg_sequences WHERE schemaname IN ('public', 'paper', 'fix') AND sequencename NOT IN ({own})"
    held = "has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'USAGE')"
    assert rows(books, f"SELECT sequencename {sequences} AND NOT {held}") == []
    assert rows(books, f"SELECT count(*) > 0 {sequences}") == [(True,)]
    assert rows(books, "SELECT current_user") == [("rebalancer_app",)]


def test_a_large_load_may_have_its_tables_analyzed(books: Books) -> None:
    with books.transaction(Actor("ann")) as transaction:
        transaction.execute(text("ANALYZE accounts"))
    assert rows(books, "SELECT has_table_privilege('accounts', 'MAINTAIN')") == [(True,)]
