"""No change of the books without its record; and who switches off what sees to that is found."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from storage import migrations
from storage.connection import Books
from storage.record.fault import Fault
from storage.record.guard import attested
from storage.record.verification import snapshot, verify
from tests.storage.small_book import by_hand, loaded, migrations_command, rows

OF_AN_ACCOUNT = (
    "UPDATE accounts SET gain_budget = 9 WHERE id = 'A-1'",
    "UPDATE accounts SET household_id = 'H' WHERE id = 'A-1'",
    "UPDATE sleeves SET cash = cash + 1 WHERE account_id = 'A-1' AND kind = 'managed'",
    "UPDATE holdings SET quantity = quantity + 1 WHERE sleeve_id IN (SELECT id FROM sleeves WHERE account_id = 'A-1')",
    "DELETE FROM holdings WHERE sleeve_id IN (SELECT id FROM sleeves WHERE account_id = 'A-1')",
    "DELETE FROM lots WHERE sleeve_id IN (SELECT id FROM sleeves WHERE account_id = 'A-1')",
    "UPDATE lots SET cost_per_share = 1 WHERE sleeve_id IN (SELECT id FROM sleeves WHERE account_id = 'A-1')",
    "INSERT INTO restrictions (account_id, type, symbol) VALUES ('A-1', 'exclude', 'X')",
    "DELETE FROM withdrawals WHERE account_id = 'A-1'",
    "INSERT INTO recent_sales (account_id, symbol, sold, quantity, gain) VALUES ('A-1', 'X', '2026-11-02', 1, 1)",
    "INSERT INTO breaks (account_id, kind, expected, actual) VALUES ('A-1', 'cash', 1, 2)",
)
OF_THE_MARKET = (
    "UPDATE prices SET price = price + 1",
    "INSERT INTO prices VALUES ('X', '2026-11-19', 99)",
    "UPDATE securities SET quantity_increment = 1",
    "UPDATE models SET investment_minimum = 0",
    "INSERT INTO model_holdings VALUES ('M', 3, 0, 'X', 1)",
    "UPDATE targets SET policy = '{}', name = 'x'",
    "INSERT INTO target_components (target_id, version, position, kind, weight) VALUES ('CORE', 2, 0, 'cash', 1)",
    "UPDATE book_days SET as_of = '2026-11-19'",
)


@pytest.fixture
def filled(books: Books) -> Books:
    """The small book, as it is loaded: its records are all there."""
    loaded(books)
    assert faults(books) == []
    return books


def faults(books: Books, account_id: str | None = None) -> list[Fault]:
    with snapshot(books.engine) as connection:
        return verify(connection, account_id).faults


def told(books: Books) -> list[tuple[str, str]]:
    return [(fault.chain, fault.kind) for fault in faults(books)]


@pytest.mark.parametrize("change", [*OF_AN_ACCOUNT, *OF_THE_MARKET])
def test_a_change_without_its_record_is_not_committed(filled: Books, owner: Engine, change: str) -> None:
    """Not by the application, not by who owns the tables; a record of another account does not do."""
    of = "account A-1" if change in OF_AN_ACCOUNT else "the market"
    for engine in (filled.engine, owner):
        with pytest.raises(IntegrityError, match=f"{of} was changed without a record"), engine.begin() as connection:
            assert connection.execute(text(change)).rowcount > 0
            by_hand(connection, "A-2")
        with engine.connect() as connection, connection.begin() as change_of_mind:
            connection.execute(text(change))
            change_of_mind.rollback()
    with filled.engine.begin() as connection:
        connection.execute(text(change))
        by_hand(connection, *(["A-1"] if change in OF_AN_ACCOUNT else []))
    assert faults(filled) == []
    assert rows(filled, "SELECT count(*) FROM unrecorded_changes") == [(0,)]


def test_a_row_moved_to_another_account_is_a_change_of_both(filled: Books) -> None:
    for recorded, of in ((["A-1"], "A-2"), (["A-2"], "A-1")):
        with (
            pytest.raises(IntegrityError, match=f"account {of} was changed without a record"),
            filled.engine.begin() as connection,
        ):
            connection.execute(text("UPDATE withdrawals SET account_id = 'A-2'"))
            by_hand(connection, *recorded)


def test_what_looks_at_commit_can_not_be_talked_out_of_it(filled: Books) -> None:
    """Looked at early, or from within a trigger of the application's own: it is noted again."""
    with pytest.raises(IntegrityError, match="without a record"), filled.engine.begin() as connection:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        connection.execute(text(OF_AN_ACCOUNT[0]))
    with pytest.raises(ProgrammingError, match="permission denied"), filled.engine.begin() as connection:
        connection.execute(text(OF_AN_ACCOUNT[0]))
        connection.execute(text("DELETE FROM unrecorded_changes"))
    with pytest.raises(IntegrityError, match="without a record"), filled.engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE mine (x int) ON COMMIT DROP"))
        connection.execute(
            text(
                "CREATE FUNCTION pg_temp.hide() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {OF_AN_ACCOUNT[5]}; RETURN NULL; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER hide AFTER INSERT ON mine FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.hide()")
        )
        connection.execute(text("INSERT INTO mine VALUES (1)"))


def test_the_application_attests_nothing(filled: Books) -> None:
    with pytest.raises(ProgrammingError, match="only who owns the record attests"), filled.transaction() as work:
        work.audit.record("guard attested")


@pytest.mark.parametrize("change", [*OF_AN_ACCOUNT[:4], *OF_THE_MARKET[:3]])
def test_a_change_past_the_guard_is_found_in_its_rows(filled: Books, owner: Engine, change: str) -> None:
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(change))
    assert told(filled) == [("account/A-1" if change in OF_AN_ACCOUNT else "market", "unrecorded")]
    assert faults(filled, "A-2") == []


@pytest.mark.parametrize(
    ("done", "why"),
    [
        ("ALTER TABLE holdings DISABLE TRIGGER noted_on_update", "trigger noted_on_update of holdings is switched off"),
        ("ALTER TABLE audit_records DISABLE TRIGGER ALL", "trigger never_emptied of audit_records is switched off"),
        ("ALTER TABLE holdings DISABLE TRIGGER ALL; ALTER TABLE holdings ENABLE TRIGGER ALL", "off and on again"),
        ("DROP TRIGGER has_its_record ON unrecorded_changes", "has_its_record of unrecorded_changes is gone"),
        ("GRANT INSERT ON audit_records TO rebalancer_app", "rights on audit_records was altered"),
        ("ALTER FUNCTION seal_the_record(text) SET search_path = public", "function seal_the_record was altered"),
        ("ALTER FUNCTION the_record_is_only_added_to() COST 1", "the_record_is_only_added_to was altered"),
        ("CREATE FUNCTION x() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "function x was added"),
    ],
)
def test_a_guard_that_was_switched_off_shows_even_switched_on_again(
    filled: Books, owner: Engine, done: str, why: str
) -> None:
    with owner.begin() as connection:
        for statement in done.split("; "):
            connection.execute(text(statement))
    assert told(filled) == [("guard", "guard")]
    assert why in faults(filled)[0].says


def test_who_owns_it_answers_for_it_in_the_record(filled: Books, owner: Engine) -> None:
    """As after a restore: every row and the whole guard are others, until somebody says why."""
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE holdings DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE holdings SET quantity = quantity + 1"))
        connection.execute(text("ALTER TABLE holdings ENABLE TRIGGER ALL"))
    assert {kind for _, kind in told(filled)} == {"guard", "unrecorded"}
    done = migrations_command(owner, "attest", "--why", "restored from a backup")
    assert (done.returncode, done.stdout) == (
        0,
        "the guard is attested as it stands, and 6 rows without a record with it\n",
    )
    assert faults(filled) == []
    with snapshot(filled.engine) as connection:
        last = attested(connection)
    assert last is not None and (last["by"], last["why"], last["rows"]) == ("rebalancer", "restored from a backup", 6)
    assert "needs a reason" in migrations_command(owner, "attest").stderr


def test_migrations_are_attested_each_time(filled: Books) -> None:
    found = rows(filled, "SELECT after ->> 'why' FROM audit_records WHERE chain = 'guard' ORDER BY seq")
    assert found[0][0].startswith("migrated: 0001, ")
    assert found[-1][0].endswith(migrations.head())
