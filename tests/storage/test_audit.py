"""The audit record: every effect has one, in its own transaction, with who did it and from where."""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import policy
from domain.values.rules import RULES_VERSION
from storage import migrations
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.record import audit
from storage.record.audit import AuditEntry
from storage.record.chain import Link
from tests.storage.small_book import TODAY, audited, loaded, rows

RECORDED = "FROM audit_records WHERE chain <> 'guard'"  # there is one record before any: what the migrations attested


def test_it_says_who_when_what_and_from_where(books: Books) -> None:
    actor = Actor("ann", workflow_id="rebalance/A-1", run_id="r1", activity="reconcile")
    with books.transaction(actor) as transaction:
        transaction.audit.record(
            "break opened", account_id="A-1", rebalance_id="R-1", rule="RECON-1", before=None, after={"day": TODAY}
        )
    columns = "who, action, account_id, rebalance_id, rule, workflow_id, run_id, activity, before, after"
    assert rows(books, f"SELECT {columns} {RECORDED}") == [
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
    assert rows(books, f"SELECT before IS NULL, now() - at < interval '1 minute' {RECORDED}") == [(True, True)]


def test_each_record_is_under_who_acted_when_it_was_made(books: Books) -> None:
    """An approval stays the approver's, whoever goes on in the same transaction."""
    with books.transaction(Actor("ben")) as transaction:
        transaction.audit.record("approved")
        transaction.audit.actor = Actor("rebalancer")
        transaction.audit.record("order handed over")
    recorded = [("ben", "approved"), ("rebalancer", "order handed over")]
    assert rows(books, f"SELECT who, action {RECORDED} ORDER BY id") == recorded


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
    assert {who for (who,) in rows(books, f"SELECT who {RECORDED}")} == {"ann"}


def test_it_names_the_rules_and_the_numbers_in_force(books: Books) -> None:
    with books.transaction() as transaction:
        transaction.audit.record("queued", account_id="A-1")
    assert rows(books, f"SELECT rules_version, policy_version {RECORDED}") == [(RULES_VERSION, policy.version())]


def test_what_a_caller_changes_after_he_recorded_it_is_not_recorded(books: Books) -> None:
    told = {"now": "1"}
    with books.transaction() as transaction:
        transaction.audit.record("queued", account_id="A-1", after=told)
        told["now"] = "2"
    assert rows(books, f"SELECT after ->> 'now' {RECORDED}") == [("1",)]


# --- chains


def chained(books: Books) -> dict[str, list[tuple[int, str]]]:
    """Each chain's records as (place, action), and that every hash follows from the one before it."""
    names = ", ".join(field.name for field in fields(Link) if field.name not in {"before", "after"})
    found = rows(
        books,
        f'SELECT {names}, before::text, after::text, previous, hash FROM audit_records ORDER BY chain COLLATE "C", seq',
    )
    chains: dict[str, list[tuple[int, str]]] = {}
    heads: dict[str, bytes] = {}
    for *values, previous, found_hash in found:
        link = Link(*values)
        assert previous == heads.get(link.chain, hashlib.sha256(link.chain.encode()).digest())
        assert found_hash == link.hash(previous)
        heads[link.chain] = found_hash
        chains.setdefault(link.chain, []).append((link.seq, link.action))
    kept = rows(books, "SELECT chain, seq, hash FROM audit_heads")
    assert sorted(kept) == sorted((chain, len(links), heads[chain]) for chain, links in chains.items())
    assert [action for _, action in chains.pop("guard")] == ["guard attested"]
    return chains


def test_an_account_has_one_chain_and_what_is_of_no_account_another(books: Books) -> None:
    with books.transaction() as transaction:
        transaction.audit.record("queued", account_id="B", before={"x": None}, after=["é", {"y": "ü\n"}])
        transaction.audit.record("book loaded")
        transaction.audit.record("queued", account_id="A")
    with books.transaction() as transaction:
        transaction.audit.record("left the queue", account_id="B")
        transaction.audit.record("prices loaded")
    assert chained(books) == {
        "account/A": [(1, "queued")],
        "account/B": [(1, "queued"), (2, "left the queue")],
        "general/1": [(1, "book loaded"), (2, "prices loaded")],
    }


def test_a_hash_can_be_taken_by_hand(books: Books) -> None:
    with books.transaction(Actor("ann")) as transaction:
        transaction.audit.record("queued", account_id="A", rule="QUEUE-3", after={"b": 1, "a": "é"})
    at, number, kept = rows(books, f"SELECT at, id, encode(hash, 'hex') {RECORDED}")[0]
    content = (
        f'{{"id": {number}, "chain": "account/A", "seq": 1, "at": "{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", '
        '"who": "ann", "action": "queued", "account_id": "A", "rebalance_id": null, "rule": "QUEUE-3", '
        f'"rules_version": "{RULES_VERSION}", "policy_version": "{policy.version()}", "workflow_id": null, '
        '"run_id": null, "activity": null, "before": null, "after": {"b": 1, "a": "é"}}'
    )
    assert hashlib.sha256(hashlib.sha256(b"account/A").digest() + content.encode()).hexdigest() == kept


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def test_the_database_hashes_whatever_text_as_the_program_does(books: Books) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.tuples(*[TEXTS] * 4), VALUES)
    def recorded(names: tuple[str, str, str, str], value: Any) -> None:
        who, action, account, rule = names
        with books.transaction(Actor(who, workflow_id=rule)) as transaction:
            transaction.audit.record(action, account_id=account, rule=rule, before={"is": value}, after=[value])

    recorded()
    assert sum(len(links) for links in chained(books).values()) >= 100


def test_many_at_once_on_the_same_accounts_leave_whole_chains(books: Books) -> None:
    """Opposite orders, several accounts a transaction: nobody waits in a circle, no place is given twice."""

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(10):
            with books.transaction() as transaction:
                for _ in range(8):
                    of = chance.choice([None, *"ABCDEFGH"])
                    transaction.audit.record(f"by {seed}", account_id=of)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert sum(len(links) for links in chained(books).values()) == 6 * 10 * 8


def test_only_the_same_account_waits(books: Books) -> None:
    """A transaction that has written and not committed holds up neither other accounts nor what is of no account."""
    hurried = Books(connect(books.engine.url.render_as_string(hide_password=False), lock_timeout="200ms"))
    with books.transaction() as slow:
        slow.audit.record("book loaded")
        slow.audit.record("queued", account_id="A")
        slow.audit.write()
        with hurried.transaction() as other:
            other.audit.record("prices loaded")
            other.audit.record("queued", account_id="B")
        with pytest.raises(OperationalError, match="lock timeout"), hurried.transaction() as same:
            same.audit.record("queued", account_id="A")
    assert {chain: len(links) for chain, links in chained(books).items()} == {
        "account/A": 1, "account/B": 1, "general/1": 1, "general/2": 1,
    }  # fmt: skip
    hurried.engine.dispose()


def test_more_than_are_gathered_at_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "AT_ONCE", 7)
    with books.transaction() as transaction:
        transaction.audit.record_all(AuditEntry("queued", f"A-{at % 5}") for at in range(33))
    assert sum(len(links) for links in chained(books).values()) == 33


def test_records_of_an_earlier_release_are_chained_as_they_stand(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0002")
    engine = connect(empty_database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_records (who, action, account_id, after) VALUES ('ann', 'queued', 'B', '[1, 2]'),"
                " ('ann', 'book loaded', NULL, NULL), ('ben', 'left the queue', 'B', NULL)"
            )
        )
    migrations.upgrade(empty_database_url)
    books = Books(engine)
    with books.transaction() as transaction:
        transaction.audit.record("prices loaded")
    assert chained(books) == {
        "account/B": [(1, "queued"), (2, "left the queue")],
        "general/1": [(1, "book loaded"), (2, "prices loaded")],
    }
    engine.dispose()


def test_a_load_of_many_accounts_looks_each_chain_up(books: Books) -> None:
    """Read whole for each list, the chains of a load of 20,000 accounts took 14 seconds, of 40,000 a minute."""
    lists, each = 40, 100
    with books.transaction(Actor("ann")) as transaction:
        for at in range(lists):
            numbers = range(at * each, (at + 1) * each)
            transaction.audit.record_all(AuditEntry("account loaded", f"A-{number:05}") for number in numbers)
            transaction.audit.write()
        read = text("SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'audit_heads'")
        whole, looked_up = transaction.connection.execute(read).one()
    assert looked_up >= lists * each
    assert whole < lists * each
