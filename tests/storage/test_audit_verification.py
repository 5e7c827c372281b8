"""Whoever is superuser can change the record all the same: then `verify` names where."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from storage.actor import Actor
from storage.connection import Books
from storage.record.chain import Link, beginning, linked
from storage.record.fault import Fault
from storage.record.histories import ClosedWorkflow
from storage.record.seals import SEALS, HeadsDigest, Seal, seal_content
from storage.record.verification import NotSealed, find_seal, snapshot, verify
from tests.storage.small_book import decision, loaded

FIELDS = (
    "id, chain, seq, at, who, action, account_id, rebalance_id, rule, rules_version, policy_version, workflow_id,"
    " run_id, activity, before::text, after::text"
)


@pytest.fixture
def record(books: Books) -> Books:
    """Six records of A and of B, two without an account, and what was attested: half of them sealed, half not."""
    for half in range(2):
        for at in range(3):
            with books.transaction(Actor("ann")) as transaction:
                transaction.audit.record(f"step {3 * half + at + 1}", account_id="A", after={"at": at})
                transaction.audit.record(f"step {3 * half + at + 1}", account_id="B", before={"at": at})
        with books.transaction(Actor("ann")) as transaction:
            transaction.audit.record("book loaded")
        if half == 0:
            sealed(books)
    return books


def sealed(books: Books) -> Seal | None:
    with books.transaction(Actor("clerk")) as transaction:
        return transaction.seals.seal()


@contextmanager
def tampering(owner: Engine) -> Iterator[Connection]:
    """As a superuser does it who knows what he is doing: with the triggers off."""
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


def faults(books: Books, account_id: str | None = None) -> list[Fault]:
    with snapshot(books.engine) as connection:
        return verify(connection, account_id).faults


def only(books: Books) -> tuple[str, int, str]:
    """The single fault: chain, place, kind. Each account's own verification says the same, and no other's."""
    found = faults(books)
    assert len(found) == 1, found
    assert said(faults(books, "A")) == said([fault for fault in found if fault.chain == "account/A"])
    assert faults(books, "B") == []
    return found[0].chain, found[0].seq, found[0].kind


def said(found: Sequence[Fault]) -> list[str]:
    """What faults say, but for the moment at which it was looked."""
    return [re.sub(r"it is \S+ by", "it is now by", fault.says) for fault in found]


def place(chain: str, seq: int) -> str:
    return f"chain = '{chain}' AND seq = {seq}"


def chained_anew(connection: Connection, chain: str, first: int = 1) -> None:
    """Gives the records of a chain hashes that follow from each other again, and the chain its new end."""
    head, seq = beginning(chain), 0
    for *values, kept in connection.execute(
        text(f"SELECT {FIELDS}, hash FROM audit_records WHERE chain = :chain ORDER BY seq"), {"chain": chain}
    ).all():
        link = Link(*values)
        made = link.hash(head) if link.seq >= first else kept
        connection.execute(
            text("UPDATE audit_records SET previous = :previous, hash = :hash WHERE id = :id"),
            {"previous": head, "hash": made, "id": link.id},
        )
        head, seq = made, link.seq
    connection.execute(
        text("UPDATE audit_heads SET seq = :seq, hash = :hash WHERE chain = :chain"),
        {"seq": seq, "hash": head, "chain": chain},
    )


def test_what_nobody_touched_is_whole(record: Books) -> None:
    with snapshot(record.engine) as connection:
        done = verify(connection)
        of_a = verify(connection, "A")
    assert (done.records, done.chains, done.seals, done.unsealed, done.faults) == (15, 4, 1, 7, [])
    assert (of_a.records, of_a.chains, of_a.seals, of_a.unsealed, of_a.faults) == (6, 1, 1, 3, [])


CHANGES = (
    "who = 'eve'",
    "at = at + interval '1 second'",
    "after = '[8]'",
    "after = (after::text || ' ')::json",  # the same value in other bytes
    "rule = 'X'",
    "id = 999",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seq", [1, 2, 6])
def test_a_record_that_was_changed(record: Books, owner: Engine, change: str, seq: int) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET {change} WHERE {place('account/A', seq)}"))
    assert only(record) == ("account/A", seq, "changed")


@pytest.mark.parametrize("seq", [1, 2, 5])
def test_a_record_that_was_changed_and_got_a_new_hash(record: Books, owner: Engine, seq: int) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET who = 'eve' WHERE {place('account/A', seq)}"))
        found = connection.execute(
            text(f"SELECT {FIELDS}, previous FROM audit_records WHERE {place('account/A', seq)}")
        ).one()
        new = Link(*found[:-1]).hash(found.previous)
        connection.execute(text(f"UPDATE audit_records SET hash = :h WHERE {place('account/A', seq)}"), {"h": new})
    assert only(record) == ("account/A", seq, "changed")


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_record_that_was_removed(record: Books, owner: Engine, seq: int) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"DELETE FROM audit_records WHERE {place('account/A', seq)}"))
    assert only(record) == ("account/A", seq, "removed")


def test_a_record_that_was_removed_and_the_rest_moved_up(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"DELETE FROM audit_records WHERE {place('account/A', 4)}"))
        for seq in (5, 6):
            connection.execute(text(f"UPDATE audit_records SET seq = seq - 1 WHERE {place('account/A', seq)}"))
    assert only(record) == ("account/A", 4, "removed")


def test_a_record_that_was_put_in_between(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        for seq in (6, 5, 4):
            connection.execute(text(f"UPDATE audit_records SET seq = seq + 1 WHERE {place('account/A', seq)}"))
        forged(connection, "account/A", 4)
    assert only(record) == ("account/A", 4, "inserted")


def test_a_record_that_was_put_behind_the_last(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        forged(connection, "account/A", 7)
    assert only(record) == ("account/A", 7, "inserted")


def test_a_chain_that_nobody_began(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        forged(connection, "account/C", 1)
    assert only(record) == ("account/C", 1, "inserted")


def test_all_of_an_account_removed(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text("DELETE FROM audit_records WHERE chain = 'account/A'"))
    assert only(record) == ("account/A", 1, "removed")


def test_all_of_an_account_removed_and_where_it_ended_too(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text("DELETE FROM audit_records WHERE chain = 'account/A'"))
        connection.execute(text("DELETE FROM audit_heads WHERE chain = 'account/A'"))
    assert only(record) == ("account/A", 1, "removed")


def test_a_chain_rewritten_whole_is_not_what_was_sealed(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET who = 'eve' WHERE {place('account/A', 2)}"))
        chained_anew(connection, "account/A")
    assert only(record) == ("account/A", 1, "rewritten")
    assert "one of records 1 to 3 was changed" in faults(record)[0].says


def test_the_newest_seal_narrows_it_down(record: Books, owner: Engine) -> None:
    sealed(record)
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET who = 'eve' WHERE {place('account/A', 5)}"))
        chained_anew(connection, "account/A")
    assert only(record) == ("account/A", 4, "rewritten")
    assert "one of records 4 to 6 was changed" in faults(record)[0].says


def test_what_was_sealed_and_is_shortened(record: Books, owner: Engine) -> None:
    """The last records removed, and the chain made to end there."""
    sealed(record)
    with tampering(owner) as connection:
        connection.execute(text("DELETE FROM audit_records WHERE chain = 'account/A' AND seq > 4"))
        chained_anew(connection, "account/A", first=9)
    assert only(record) == ("account/A", 4, "rewritten")


def test_every_account_tampered_with_is_named(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET who = 'eve' WHERE {place('account/A', 5)}"))
        connection.execute(text(f"DELETE FROM audit_records WHERE {place('account/B', 2)}"))
        connection.execute(text(f"UPDATE audit_records SET action = 'x' WHERE {place('general/1', 1)}"))
    found = [(fault.chain, fault.seq, fault.kind) for fault in faults(record)]
    assert found == [("account/B", 2, "removed"), ("general/1", 1, "changed"), ("account/A", 5, "changed")]


# --- what the record says was kept


@pytest.fixture
def decided(books: Books) -> Books:
    """A round, kept."""
    loaded(books)
    with books.transaction(Actor("rebalancer")) as transaction:
        rebalance = decision(transaction)
    assert rebalance == "R-000001"
    assert faults(books) == []
    return books


@pytest.fixture
def kept(books: Books) -> Books:
    """A history, archived; of a workflow that is no rebalance's here."""
    with books.transaction(Actor("ann")) as transaction:
        at = datetime(2026, 11, 20, tzinfo=UTC)
        transaction.histories.keep(
            ClosedWorkflow("rebalance/A", "r1", "r1", "RebalanceAccount", "COMPLETED", at, at, 3, '{"events": []}')
        )
    assert faults(books) == []
    return books


@pytest.mark.parametrize(
    ("tampered", "kind"),
    [
        ("DELETE FROM workflow_histories", "removed"),
        (r"UPDATE workflow_histories SET sha256 = '\x00'", "changed"),
        (r"UPDATE workflow_histories SET content = content || '\x01'", "changed"),
        ("UPDATE workflow_histories SET content = set_byte(content, 15, 255)", "changed"),
    ],
)
def test_a_history_that_is_gone_or_another(kept: Books, owner: Engine, tampered: str, kind: str) -> None:
    with tampering(owner) as connection:
        connection.execute(text(tampered))
    found = faults(kept)
    assert [(fault.chain, fault.seq, fault.kind) for fault in found] == [("general/1", 1, kind)]
    assert f"the history that it archived was {kind}: record 1 (id " in found[0].says


def test_a_decision_that_is_gone(books: Books) -> None:
    with books.transaction(Actor("ann")) as transaction:
        transaction.audit.record("decision kept", account_id="A", rebalance_id="R-1", after={"round": 1})
    assert [(fault.chain, fault.kind) for fault in faults(books)] == [("account/A", "removed")]


@pytest.mark.parametrize(
    ("tampered", "kind"),
    [
        ("DELETE FROM rebalance_rounds", "removed"),
        ('UPDATE rebalance_rounds SET snapshot = \'{"cash": "2.00"}\'', "changed"),
        ("UPDATE rebalance_rounds SET policy = '{ }'", "changed"),
        ("UPDATE rebalance_rounds SET plan_digest = NULL", "changed"),
        ("UPDATE rebalance_rounds SET snapshot_digest = policy_digest", "changed"),
        ("UPDATE documents SET content = '{ }' FROM rebalance_rounds WHERE digest = snapshot_digest", "changed"),
        ("DELETE FROM documents USING rebalance_rounds WHERE digest = plan_digest", "changed"),
        ("UPDATE rebalance_rounds SET rules_version = '0'", "changed"),
        (
            "INSERT INTO rebalance_rounds (rebalance_id, round, rules_version, snapshot_digest, policy_digest)"
            " SELECT rebalance_id, 2, rules_version, snapshot_digest, policy_digest FROM rebalance_rounds",
            "inserted",
        ),
    ],
)
def test_a_round_that_is_gone_another_or_nobodys(decided: Books, owner: Engine, tampered: str, kind: str) -> None:
    with tampering(owner) as connection:
        connection.execute(text(tampered))
    assert [(fault.chain, fault.kind) for fault in faults(decided)] == [("account/A-1", kind)]
    assert faults(decided, "A-2") == []


def test_a_history_that_nobody_archived(kept: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text("UPDATE workflow_histories SET run_id = 'r2'"))
    assert [(fault.chain, fault.kind) for fault in faults(kept)] == [
        ("histories", "inserted"),
        ("general/1", "removed"),
    ]


# --- seals


@pytest.mark.parametrize(
    "tampered",
    [
        "UPDATE audit_seals SET sealed_by = 'eve' WHERE id = 1",
        "UPDATE audit_seals SET sealed_at = sealed_at + interval '1 day' WHERE id = 1",
        "UPDATE audit_seals SET chains = 9 WHERE id = 1",
        "DELETE FROM audit_seal_heads WHERE seal_id = 1 AND chain = 'account/B'",
        r"INSERT INTO audit_seal_heads SELECT 1, 'account/Z', seq, hash FROM audit_records WHERE seq = 1 LIMIT 1",
        "DELETE FROM audit_seals WHERE id = 1",
    ],
)
def test_a_seal_that_was_tampered_with(record: Books, owner: Engine, tampered: str) -> None:
    sealed(record)
    with tampering(owner) as connection:
        connection.execute(text(tampered))
    found = faults(record)
    assert (found[0].chain, found[0].seq, found[0].kind) == ("seals", 1, "seal")


def test_records_and_seal_changed_together_break_the_next_seal(record: Books, owner: Engine) -> None:
    sealed(record)
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET who = 'eve' WHERE {place('account/A', 6)}"))
        chained_anew(connection, "account/A")
        connection.execute(
            text(
                "UPDATE audit_seal_heads AS s SET hash = r.hash FROM audit_records AS r"
                " WHERE r.chain = s.chain AND r.seq = s.seq"
            )
        )
    assert [(fault.chain, fault.kind) for fault in faults(record)] == [("seals", "seal")]


def test_a_hash_kept_elsewhere_is_found_again(record: Books) -> None:
    made = sealed(record)
    assert made is not None and (made.id, made.chains, made.records) == (2, 3, 7)
    with snapshot(record.engine) as connection:
        assert find_seal(connection, made.hash.hex().upper())[0] == 2
        with pytest.raises(NotSealed):
            find_seal(connection, "00" * 32)


def test_nothing_new_needs_no_seal_and_one_a_day_is_enough(record: Books) -> None:
    assert sealed(record) is not None
    assert sealed(record) is None
    with record.transaction(Actor("clerk")) as transaction:
        transaction.audit.record("queued", account_id="A")
    with record.transaction(Actor("clerk")) as transaction:
        assert transaction.seals.seal_of_day() is None
    assert faults(record) == []


def test_a_seal_of_another_day_does_not_stop_todays(record: Books, owner: Engine) -> None:
    """Whatever day the last seal is of, the past or the year 2999, today's is made: and what is wrong is told."""
    for day in ("2025-01-01", "2999-01-01"):
        with tampering(owner) as connection:
            connection.execute(
                text("UPDATE audit_seals SET sealed_at = :day WHERE id = (SELECT max(id) FROM audit_seals)"),
                {"day": day},
            )
        with record.transaction(Actor("clerk")) as transaction:
            transaction.audit.record("queued", account_id="A")
        with record.transaction(Actor("clerk")) as transaction:
            assert transaction.seals.seal_of_day() is not None
    assert (faults(record)[0].chain, faults(record)[0].seq, faults(record)[0].kind) == ("seals", 1, "seal")


# --- times


def test_a_record_dated_before_the_one_before_it(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET at = at - interval '1 year' WHERE {place('account/A', 6)}"))
        chained_anew(connection, "account/A")
    assert only(record) == ("account/A", 6, "time")
    assert "is dated before record 5 (id " in faults(record)[0].says


def test_a_record_dated_in_the_future(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_records SET at = '2999-01-01Z' WHERE {place('account/A', 6)}"))
        chained_anew(connection, "account/A")
    assert only(record) == ("account/A", 6, "time")
    assert "is dated in the future: it is 20" in faults(record)[0].says


def test_a_chain_that_came_later_than_it_says(record: Books, owner: Engine) -> None:
    """All of it by itself in order, its times too: but a seal of meanwhile did not find it."""
    with tampering(owner) as connection:
        forged(connection, "account/C", 1)
        connection.execute(text("UPDATE audit_records SET at = at - interval '1 year' WHERE chain = 'account/C'"))
        connection.execute(text("INSERT INTO audit_heads VALUES ('account/C', 1, '')"))
        chained_anew(connection, "account/C")
    assert faults(record) == []
    sealed(record)
    assert only(record) == ("account/C", 1, "time")
    assert "is dated before seal 1 of 20" in faults(record)[0].says


@pytest.mark.parametrize(
    ("moved", "why"),
    [
        ("- interval '1 year'", "is dated before the seal before it"),
        ("+ interval '1 year'", "is dated in the future"),
        ("- interval '1 second'", "is dated before a record that it seals"),
    ],
)
def test_a_seal_out_of_time(record: Books, owner: Engine, moved: str, why: str) -> None:
    """Made anew, hash and all, as who owns the database can."""
    with tampering(owner) as connection:
        connection.execute(text("UPDATE audit_seals SET sealed_at = sealed_at - interval '1 hour' WHERE id = 1"))
        connection.execute(text("UPDATE audit_records SET at = at - interval '2 hours'"))
        for chain in ("account/A", "account/B", "general/1", "guard"):
            chained_anew(connection, chain)
        connection.execute(text("UPDATE audit_seal_heads AS s SET hash = r.hash FROM audit_records AS r WHERE r.chain = s.chain AND r.seq = s.seq"))  # fmt: skip  # noqa: E501
        sealed_anew(connection)
    with record.transaction(Actor("ann")) as transaction:
        transaction.audit.record("queued", account_id="A")
    sealed(record)
    assert faults(record) == []
    with tampering(owner) as connection:
        connection.execute(text(f"UPDATE audit_seals SET sealed_at = sealed_at {moved} WHERE id = 2"))
        sealed_anew(connection)
    assert [(fault.chain, fault.seq, fault.kind) for fault in faults(record)] == [("seals", 2, "time")]
    assert why in faults(record)[0].says


def test_a_clock_that_is_set_back_dates_nothing_before_what_is_there(record: Books, owner: Engine) -> None:
    with tampering(owner) as connection:
        connection.execute(text("UPDATE audit_heads SET at = at + interval '1 hour' WHERE chain = 'account/A'"))
    with record.transaction(Actor("ann")) as transaction:
        transaction.audit.record("step 7", account_id="A")
        transaction.audit.record("step 7", account_id="B")
    with snapshot(record.engine) as connection:
        ahead = text("SELECT at > clock_timestamp() FROM audit_records WHERE action = 'step 7' ORDER BY chain")
        assert connection.scalars(ahead).all() == [True, False]


def sealed_anew(connection: Connection) -> None:
    """Gives the seals hashes that follow from each other again."""
    previous = beginning(SEALS)
    for row in connection.execute(text("SELECT * FROM audit_seals ORDER BY id")).all():
        digest = HeadsDigest()
        ends = text('SELECT chain, seq, hash FROM audit_seal_heads WHERE seal_id = :id ORDER BY chain COLLATE "C"')
        for chain, seq, head in connection.execute(ends, {"id": row.id}):
            digest.add(chain, seq, head)
        content = seal_content(row.id, row.sealed_at, row.sealed_by, row.chains, row.records, digest.hex())
        connection.execute(
            text("UPDATE audit_seals SET previous = :previous, hash = :hash WHERE id = :id"),
            {"previous": previous, "hash": (previous := linked(previous, content)), "id": row.id},
        )


def forged(connection: Connection, chain: str, seq: int) -> None:
    """A record with a hash that follows from the one before it."""
    values: dict[str, Any] = {
        "id": 5000 + seq, "chain": chain, "seq": seq, "who": "eve", "action": "approved", "account_id": chain[8:],
    }  # fmt: skip
    previous = connection.execute(
        text("SELECT hash FROM audit_records WHERE chain = :chain AND seq = :seq"), {"chain": chain, "seq": seq - 1}
    ).scalar()
    values["previous"] = previous or beginning(chain)
    connection.execute(
        text(
            "INSERT INTO audit_records (id, chain, seq, who, action, account_id, previous, hash)"
            " VALUES (:id, :chain, :seq, :who, :action, :account_id, :previous, '')"
        ),
        values,
    )
    found = connection.execute(text(f"SELECT {FIELDS} FROM audit_records WHERE id = :id"), values).one()
    made = Link(*found).hash(values["previous"])
    connection.execute(text("UPDATE audit_records SET hash = :hash WHERE id = :id"), {"hash": made, "id": values["id"]})
