"""The queue: one open entry an account, its reasons in order, and no record of what changed nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storage.actor import Actor
from storage.connection import Books
from storage.work.queue import STANDING, QueueEntry
from tests.storage.small_book import TODAY, audited, last_audit, loaded, rows


@pytest.fixture
def queue(books: Books) -> Books:
    """Books whose queue is empty."""
    loaded(books)
    with books.transaction() as transaction:
        transaction.queue.leave("A-2", "the test begins")
    return books


def add(books: Books, account_id: str, reasons: dict[str, Any], **more: Any) -> bool:
    with books.transaction(Actor("ann")) as transaction:
        return transaction.queue.add(account_id, reasons, **more)


def entry(books: Books, account_id: str) -> QueueEntry:
    with books.transaction() as transaction:
        found = transaction.queue.entry(account_id)
    assert found is not None
    return found


def test_reasons_join_the_open_entry_primary_first(queue: Books) -> None:
    at = last_audit(queue)
    assert add(queue, "A-1", {"HIGH_CASH": {"weight": "0.05"}, "MANUAL": {"by": "ann"}})
    assert add(queue, "A-1", {"TARGET_CHANGED": {"version": 2}})
    found = entry(queue, "A-1")
    assert (found.primary_reason, found.reasons) == ("TARGET_CHANGED", ["TARGET_CHANGED", "HIGH_CASH", "MANUAL"])
    assert found.evidence == {
        "TARGET_CHANGED": {"version": 2},
        "HIGH_CASH": {"weight": "0.05"},
        "MANUAL": {"by": "ann"},
    }
    assert list(found.evidence) == found.reasons
    assert audited(queue, at) == [("queued", "A-1"), ("queue reasons changed", "A-1")]
    rules = rows(queue, "SELECT rule, before, after FROM audit_records WHERE id > :at ORDER BY id", at=at)
    assert [rule for rule, _, _ in rules] == ["QUEUE-3", "QUEUE-1"]
    assert rules[1][1].keys() == {"HIGH_CASH", "MANUAL"}


def test_the_same_reason_again_changes_nothing(queue: Books) -> None:
    add(queue, "A-1", {"LOW_CASH": {"weight": "0.001"}})
    at = last_audit(queue)
    assert not add(queue, "A-1", {"LOW_CASH": {"weight": "0.001"}})
    assert not add(queue, "A-1", {})
    assert audited(queue, at) == []
    assert add(queue, "A-1", {"LOW_CASH": {"weight": "0.002"}})
    assert entry(queue, "A-1").evidence["LOW_CASH"] == {"weight": "0.002"}


def test_cash_is_low_or_high_not_both(queue: Books) -> None:
    add(queue, "A-1", {"LOW_CASH": {}})
    add(queue, "A-1", {"HIGH_CASH": {}})
    assert entry(queue, "A-1").reasons == ["HIGH_CASH"]


def test_reasons_measured_anew_replace_the_old(queue: Books) -> None:
    add(queue, "A-1", {"NO_TARGET": {}, "LOW_CASH": {}, "MANUAL": {}})
    add(queue, "A-1", {"FIRST_REBALANCE": {}}, instead_of=STANDING)
    assert entry(queue, "A-1").reasons == ["FIRST_REBALANCE", "MANUAL"]


def test_leaving(queue: Books) -> None:
    add(queue, "A-1", {"MANUAL": {}})
    at = last_audit(queue)
    with queue.transaction() as transaction:
        assert transaction.queue.leave("A-1", "its rebalance is complete")
        assert not transaction.queue.leave("A-1", "again")
        assert transaction.queue.entry("A-1") is None
    assert audited(queue, at) == [("left the queue", "A-1")]
    assert add(queue, "A-1", {"MANUAL": {}})  # and it may come again
    assert rows(queue, "SELECT count(*) FROM queue_entries WHERE account_id = 'A-1'") == [(2,)]


def test_the_last_issue_stays_on_the_entry(queue: Books) -> None:
    add(queue, "A-1", {"MANUAL": {}})
    with queue.transaction() as transaction:
        transaction.queue.note_issue("A-1", "order 2 was rejected")
        at = last_audit(queue)
        transaction.queue.note_issue("A-1", "order 2 was rejected")
        transaction.queue.note_issue("A-2", "it is not in the queue")
    assert entry(queue, "A-1").last_issue == "order 2 was rejected"
    assert audited(queue, at) == [("issue noted in the queue", "A-1")]


def test_listing_and_depth(queue: Books) -> None:
    add(queue, "A-1", {"HIGH_CASH": {}})
    add(queue, "a-3", {"NO_TARGET": {}, "HIGH_CASH": {}})
    add(queue, "A-2", {"HIGH_CASH": {}})
    with queue.transaction() as transaction:
        assert [each.account_id for each in transaction.queue.entries()] == ["a-3", "A-1", "A-2"]
        assert [each.account_id for each in transaction.queue.entries("NO_TARGET")] == ["a-3"]
        assert [each.account_id for each in transaction.queue.entries("HIGH_CASH")] == ["a-3", "A-1", "A-2"]
        assert transaction.queue.depth() == {"NO_TARGET": 1, "HIGH_CASH": 2}


def test_two_at_once_open_one_entry(queue: Books) -> None:
    with ThreadPoolExecutor(8) as pool:
        reasons = [{"MANUAL": {"by": str(at % 2)}} for at in range(16)]
        list(pool.map(lambda each: add(queue, "A-1", each), reasons))
    assert rows(queue, "SELECT count(*) FROM queue_entries WHERE account_id = 'A-1'") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO queue_entries (account_id, reasons, primary_reason) SELECT 'A-1', '{\"MANUAL\": {}}', 'MANUAL'"
        " FROM generate_series(1, 2)",
        "INSERT INTO queue_entries (account_id, reasons, primary_reason) VALUES ('A-1', '{}', 'MANUAL')",
        "INSERT INTO queue_entries (account_id, reasons, primary_reason) VALUES ('A-1', '{\"WHY\": {}}', 'WHY')",
        "INSERT INTO queue_entries (account_id, reasons, primary_reason) VALUES ('A-9', '{\"MANUAL\": {}}', 'MANUAL')",
        "INSERT INTO sleeves (account_id, kind, model_id) VALUES ('A-1', 'model', 'M')",
        "INSERT INTO sleeves (account_id, kind) VALUES ('A-1', 'managed')",
        "UPDATE holdings SET quantity = 0",
        "UPDATE holdings SET quantity = -1",
        "UPDATE lots SET quantity = -1",
        "UPDATE accounts SET status = 'lost'",
        "UPDATE accounts SET rebalanced_target_id = NULL WHERE id = 'A-1'",
        "INSERT INTO model_holdings VALUES ('M', 9, 0, 'X', 1.1)",
        "INSERT INTO prices VALUES ('X', '2026-01-01', 0)",
    ],
)
def test_what_must_never_be_is_refused_by_the_database(queue: Books, statement: str) -> None:
    with pytest.raises(IntegrityError), queue.engine.begin() as connection:
        connection.execute(text(statement.replace(":", r"\:")))


def test_a_page_follows_the_page_before_it(queue: Books) -> None:
    """Two a page: as `entries` lists them, once each; a reason's page and count have who has it among theirs."""
    add(queue, "A-1", {"HIGH_CASH": {}})
    add(queue, "a-3", {"NO_TARGET": {}, "HIGH_CASH": {}})
    add(queue, "A-2", {"MANUAL": {}})
    with queue.transaction() as books:
        first = books.queue_pages.page(None, "", None, 2, TODAY)
        second = books.queue_pages.page(None, "", first.after, 2, TODAY)
        assert [[row.account_id for row in page.rows] for page in (first, second)] == [["a-3", "A-1"], ["A-2"]]
        assert second.after is None
        assert books.queue_pages.chosen("HIGH_CASH", "", TODAY) == ["a-3", "A-1"]
        assert books.queue_pages.chosen(None, "a-", TODAY) == ["a-3", "A-1", "A-2"]
        assert books.queue_pages.counts() == {None: 3, "NO_TARGET": 1, "HIGH_CASH": 2, "MANUAL": 1}
