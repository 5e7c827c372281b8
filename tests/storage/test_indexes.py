"""Indexes are made beside people at work; what was interrupted is made anew; queries go by them, without a sort."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from storage import migrations
from storage.connection import Books
from storage.engine import connect
from storage.migrations import indexes


def test_one_that_is_not_valid_is_made_anew(owner: Engine) -> None:
    with owner.begin() as connection:
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_rebalances_workflow_id'::regclass"
        assert connection.execute(text(broken)).rowcount == 1
        connection.execute(text("DROP INDEX ix_sleeves_model_id_in_order"))
    assert indexes.make(owner) == ["ix_rebalances_workflow_id", "ix_sleeves_model_id_in_order"]
    assert indexes.make(owner) == []


def test_a_migration_gives_way_to_who_uses_a_table(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    somebody uses `orders`     every try is given up soon, and nothing is changed
    he has done                it gets through
    """
    monkeypatch.setattr(migrations, "PATIENCE", "200ms")
    monkeypatch.setattr(migrations, "PAUSE", 0.2)
    monkeypatch.setattr(migrations, "TRIES", 2)
    assert migrations.upgrade(empty_database_url, "0011")[-1] == "0011"
    engine = connect(empty_database_url)
    with engine.connect() as user:
        user.execute(text("LOCK TABLE orders IN ROW EXCLUSIVE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            migrations.upgrade(empty_database_url)
        with engine.connect() as connection:
            assert migrations.current(connection) == "0011"
        monkeypatch.setattr(migrations, "TRIES", 50)
        done: list[str] = []
        waiting = threading.Thread(target=lambda: done.extend(migrations.upgrade(empty_database_url)))
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        user.rollback()
        waiting.join(30)
    engine.dispose()
    assert done[-1] == migrations.head()


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("ix_sleeves_model_id_in_order", lambda books: books.signals.page("M", "A-1", 100)),
        ("ix_rebalances_workflow_id", lambda books: books.rebalances.left_behind("model-signal/M/2/A-1")),
        ("ix_rebalances_open", lambda books: books.rebalances.listing(under_way=True)),
        ("ix_rebalances_by_status", lambda books: books.rebalances.listing(status="FAILED")),
    ],
)
def test_a_query_goes_by_its_index(books: Books, index: str, asked: Callable[[Any], object]) -> None:
    """As it is asked, with its values; on a table so small that the planner has to be told to use one."""
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, given: Any, *__: Any) -> None:
        if statement.lstrip().startswith("SELECT") and "advisory" not in statement:
            found = cursor.connection.execute(f"EXPLAIN {statement}", given).fetchall()
            plans.append("\n".join(row[0] for row in found))

    with books.transaction() as read:
        read.connection.execute(text("SET LOCAL enable_seqscan = off"))
        read.connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        event.listen(read.connection, "before_cursor_execute", explain)
        asked(read)
    (plan,) = plans
    assert index in plan
    assert "Sort" not in plan
