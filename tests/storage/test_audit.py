"""The audit record: every effect has one, in its own transaction, with who did it and from where."""

import pytest

from storage.connection import Actor, Books
from tests.storage.small_book import TODAY, audited, loaded, rows


def test_it_says_who_when_what_and_from_where(books: Books) -> None:
    actor = Actor("ann", workflow_id="rebalance/A-1", run_id="r1", activity="reconcile")
    with books.transaction(actor) as transaction:
        transaction.audit.record(
            "break opened", account_id="A-1", rebalance_id="R-1", rule="RECON-1", before=None, after={"day": TODAY}
        )
    columns = "who, action, account_id, rebalance_id, rule, workflow_id, run_id, activity, before, after"
    assert rows(books, f"SELECT {columns} FROM audit_records") == [
        (
            "ann",
            "break opened",
            "A-1",
            "R-1",
            "RECON-1",
            "rebalance/A-1",
            "r1",
            "reconcile",
            None,
            {"day": "2026-11-20"},
        )
    ]
    assert rows(books, "SELECT before IS NULL, now() - at < interval '1 minute' FROM audit_records") == [(True, True)]


def test_an_effect_that_is_taken_back_leaves_no_record(books: Books) -> None:
    with pytest.raises(ZeroDivisionError), books.transaction() as transaction:
        transaction.audit.record("target assigned")
        _ = 1 / 0
    assert audited(books) == []


def test_a_load_records_each_account_and_itself(books: Books) -> None:
    loaded(books)
    found = audited(books)
    assert [each for each in found if each[0] == "account created"] == [
        ("account created", "A-1"), ("account created", "A-2"), ("account created", "a-3"),
    ]  # fmt: skip
    assert [action for action, who in found if who is None] == [
        "business day set", "prices loaded", "model created", "model created",
        "target created", "target created", "target created", "book loaded",
    ]  # fmt: skip
    assert {who for (who,) in rows(books, "SELECT who FROM audit_records")} == {"ann"}
