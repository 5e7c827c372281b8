"""People, sessions, tokens, passkeys and lists, as pages and steps ask for them; and what the application may not."""

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from identity import keys, tokens
from identity.claims import About, made
from identity.passkeys import Passkey, Site
from identity.person import Person
from policy.clock import the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.people.people import NameTaken, UnknownPerson
from storage.people.proof import ShownPlan, list_digest
from storage.people.sign_ins import BY_ADDRESS, BY_NAME
from storage.record.verification import snapshot, verify
from tests.storage.small_book import migrations_command, rows

NOW = datetime(2026, 7, 15, 15, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ADMIN = Actor("ada")


def added(books: Books, name: str = "Ben", *roles: str) -> Person:
    with books.transaction(ADMIN) as work:
        subject = work.people.add(name, roles or ("approver",), "a hash")
        person = work.people.person(subject, "password")
    assert person is not None
    return person


def test_people_are_added_changed_and_removed_each_with_its_record(books: Books) -> None:
    ben = added(books)
    with books.transaction(ADMIN) as work:
        with pytest.raises(NameTaken, match="there is a ben already"):
            work.people.add("ben", ["viewer"])
        with pytest.raises(ValueError, match="there is no role boss"):
            work.people.set_roles(ben.subject, ["boss"])
        work.people.set_roles(ben.subject, ["operator", "viewer"])
        assert work.people.named(" BEN ").roles == ["operator", "viewer"]
        assert "password_hash" not in work.people.listing()[0]._mapping
        secret = work.sessions.open(ben, NOW)
        work.people.remove(ben.subject)
        assert work.sessions.find(secret, NOW) is None and work.people.person(ben.subject, "password") is None
        assert work.people.listing() == []
        with pytest.raises(UnknownPerson):
            work.people.named("Ben")
        work.people.add("Ben", ["viewer"])  # another one, whom the first one's decisions are not taken for
    said = rows(books, "SELECT action, who FROM audit_records WHERE action NOT LIKE 'guard%' ORDER BY id")
    assert said == [(each, "ada") for each in ("person added", "roles changed", "person removed", "person added")]
    with snapshot(books.engine) as connection:
        assert verify(connection).faults == []


def test_a_session_ends_idle_and_at_most_after_half_a_day(books: Books) -> None:
    ben = added(books)
    with books.transaction(ADMIN) as work:
        secret = work.sessions.open(ben, NOW, "10.0.0.1", "Firefox")
        assert work.sessions.find(secret, NOW + 29 * MINUTE) is not None
        assert work.sessions.find(secret, NOW + 31 * MINUTE) is None
        at = NOW
        while at < NOW + 12 * HOUR - 20 * MINUTE:
            at += 20 * MINUTE
            session = work.sessions.find(secret, at)
            assert session is not None and session.person == ben
            work.sessions.use(session, at)
        assert session is not None and session.ends_at == NOW + 12 * HOUR
        assert work.sessions.find(secret, NOW + 12 * HOUR) is None
        assert work.sessions.find("rbs_made-up", NOW) is None
        kept = [tuple(row) for row in work.execute(text("SELECT * FROM sessions"))]
        assert secret not in str(kept)


def test_a_session_is_revoked_by_its_owner_alone(books: Books) -> None:
    ben, ann = added(books), added(books, "Ann")
    with books.transaction(ADMIN) as work:
        secret = work.sessions.open(ben, NOW)
        number = work.sessions.of(ben.subject, NOW)[0].id
        assert not work.sessions.revoke(ann.subject, number)
        assert work.sessions.find(secret, NOW) is not None
        assert work.sessions.revoke(ben.subject, number)
        assert work.sessions.find(secret, NOW) is None and work.sessions.of(ben.subject, NOW) == []
        other = work.sessions.open(ben, NOW)
        work.people.set_password(ben.subject, "another hash")  # whoever had the one before is out
        assert work.sessions.find(other, NOW) is None


def test_a_token_may_a_part_of_what_its_owner_may_now(books: Books) -> None:
    ben = added(books, "Ben", "operator", "viewer")
    with books.transaction(ADMIN) as work:
        for roles in ([], ["approver"], ["operator", "approver"]):
            with pytest.raises(ValueError):
                work.sessions.make_token(ben, "script", roles, NOW, timedelta(days=30))
        secret = work.sessions.make_token(ben, "script", ["operator"], NOW, timedelta(days=30))
        found = work.sessions.by_token(secret, NOW)
        assert found == Person(ben.subject, "Ben", "token", frozenset({"operator"}))
        assert work.sessions.by_token(secret, NOW + timedelta(days=31)) is None
        work.people.set_roles(ben.subject, ["viewer"])
        found = work.sessions.by_token(secret, NOW)
        assert found is not None and found.roles == frozenset()
        token = work.sessions.tokens_of(ben.subject)[0]
        assert token.hint == tokens.hint(secret) and secret not in str(tuple(token))
        assert work.sessions.end_token(ben.subject, token.id) and work.sessions.by_token(secret, NOW) is None


def test_a_set_up_link_sets_a_password_once(books: Books) -> None:
    ben = added(books)
    with books.transaction(ADMIN) as work:
        secret = work.people.setup_link(ben.subject, NOW + HOUR)
        assert work.people.of_link(secret, NOW) == ben
        assert work.people.of_link(secret, NOW + 2 * HOUR) is None
        assert work.people.use_link(secret, "new hash", NOW) == ben
        assert work.people.get(ben.subject).password_hash == "new hash"
        assert work.people.use_link(secret, "thief's hash", NOW) is None
        assert work.people.get(ben.subject).password_hash == "new hash"


def test_the_owner_of_the_tables_lets_the_first_person_in_again(books: Books, owner: Engine) -> None:
    def link(*arguments: str) -> subprocess.CompletedProcess[str]:
        return migrations_command(owner, "link", *arguments)

    assert "link needs a reason" in link().stderr
    nobody = link("--why", "lost")
    assert (nobody.returncode, nobody.stdout) == (1, "") and "admin" in nobody.stderr
    with books.transaction(ADMIN) as work:
        admin = work.people.get(work.people.add("admin", ["admin"]))
    said = link("--why", "the password is lost")
    secret = re.search(
        r"^admin sets a password, once, within a day: http://localhost:8234/set-up\?link=(\S+)$", said.stdout
    )
    assert secret, said
    with books.transaction(ADMIN) as work:
        assert work.people.use_link(secret[1], "new hash", the_clock().now())
        assert work.people.get(admin.subject).password_hash == "new hash"
    with owner.connect() as connection:
        record = connection.execute(
            text(
                "SELECT who, after ->> 'why' FROM audit_records"
                " WHERE action = 'set-up link made' ORDER BY id DESC LIMIT 1"
            )
        ).first()
    assert record == ("migrations", "the password is lost")


def test_a_provider_says_anew_at_each_sign_in_what_somebody_may(books: Books) -> None:
    added(books, "ben@firm.example")
    with books.transaction(Actor("oidc")) as work:
        ben = work.people.vouched_for("oidc:https://idp|7", "Ben@firm.example", ["approver"], NOW)
        assert ben.name.startswith("Ben@firm.example (") and ben.roles == {"approver"} and ben.how == "oidc"
        assert work.people.vouched_for("oidc:https://idp|7", "Ben@firm.example", [], NOW).roles == frozenset()
        work.people.remove(ben.subject)
        with pytest.raises(UnknownPerson, match="was removed here"):
            work.people.vouched_for("oidc:https://idp|7", "Ben", ["approver"], NOW)


def test_who_fails_too_often_waits_by_name_and_by_address(books: Books) -> None:
    with books.transaction(ADMIN) as work:
        for n in range(BY_NAME):
            assert work.sign_ins.attempt("Ben", f"10.0.0.{n}", NOW) is None
        assert work.sign_ins.attempt(" BEN", "10.0.0.99", NOW + MINUTE) == NOW + 15 * MINUTE
        assert work.sign_ins.attempt("ann", "10.0.0.99", NOW) is None
        work.sign_ins.succeeded("ann", "10.0.0.99", NOW)
        assert work.sign_ins.attempt("Ben", "10.0.0.99", NOW + 16 * MINUTE) is None
        for n in range(BY_ADDRESS):
            assert work.sign_ins.attempt(f"name{n}", "10.9.9.9", NOW) is None
        assert work.sign_ins.attempt("one more", "10.9.9.9", NOW) is not None
        assert "Ben" not in str([tuple(row) for row in work.execute(text("SELECT * FROM sign_in_failures"))])


def test_a_challenge_is_answered_once_and_a_removed_passkey_still_proves(books: Books) -> None:
    ben = added(books)
    with books.transaction(ADMIN) as work:
        challenge = work.passkeys.challenge("register", NOW, ben.subject)
        assert not work.passkeys.take(challenge, "sign-in", NOW, ben.subject)
        assert not work.passkeys.take(challenge, "register", NOW, "local:other")
        assert work.passkeys.take(challenge, "register", NOW, ben.subject)
        assert not work.passkeys.take(challenge, "register", NOW, ben.subject)
        late = work.passkeys.challenge("sign-in", NOW)
        assert not work.passkeys.take(late, "sign-in", NOW + HOUR)
        device = Passkey("abc", b"key", 0, Site("localhost", "http://localhost:8234"))
        work.passkeys.add(ben.subject, "phone", device)
        work.passkeys.used("abc", 7, NOW)
        found = work.passkeys.get("abc")
        assert found is not None and found[0] == ben.subject and found[1].uses == 7
        assert not work.passkeys.remove("local:other", "abc", NOW) and work.passkeys.remove(ben.subject, "abc", NOW)
        assert work.passkeys.get("abc") is None and work.passkeys.get("abc", also_removed=True) is not None


def test_a_list_is_what_its_digest_says_or_none(books: Books, owner: Engine) -> None:
    plans = [ShownPlan("R-1", 1, "aa"), ShownPlan("R-2", 2, "bb")]
    with books.transaction(ADMIN) as work:
        digest = work.proof.show("Q-1", plans, "local:ben")
        assert work.proof.show("Q-1", plans, "local:ann") == digest == list_digest("Q-1", plans)
        assert work.proof.shown("Q-1", digest) == plans and work.proof.shown("Q-2", digest) is None
        assert work.proof.was_shown(digest, "Q-1", plans[1])
        assert not work.proof.was_shown(digest, "Q-1", ShownPlan("R-2", 3, "bb"))
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE shown_plans DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE shown_plans SET plan = 'cc' WHERE rebalance_id = 'R-2'"))
    with books.reading() as work:
        assert work.proof.shown("Q-1", digest) is None


def test_keys_rotate_and_what_was_signed_before_stays_good(books: Books, owner: Engine) -> None:
    first, second = keys.fresh(), keys.fresh()
    mine = Books(owner)
    with mine.transaction(ADMIN) as work:
        work.proof.rotate(first, "the first", NOW)
    with mine.transaction(ADMIN) as work:
        work.proof.rotate(second, "a year has passed", NOW + HOUR)
        work.proof.set_identity("signed")
    with books.reading() as work:
        assert work.proof.identity() == "signed"
        assert set(work.proof.keys()) == {keys.name(second)}
        retired = work.proof.key_listing()[0].retired_at
        assert set(work.proof.keys(retired - MINUTE)) == {keys.name(first), keys.name(second)}
        assert set(work.proof.keys(retired + MINUTE)) == {keys.name(second)}
        private = first.as_dict(private=True)["d"]
        assert private not in str([tuple(row) for row in work.proof.key_listing()])


def test_a_decision_is_one_for_ever(books: Books) -> None:
    ben = added(books)
    claims = made(ben.subject, "Ben", "password", "approve", About("rebalance/A-1"), "id-1", NOW)
    with books.transaction(ADMIN) as work:
        assert work.proof.decided(claims, "a.b.c") and work.proof.decided(claims, "a.b.c")
        assert not work.proof.decided(claims, "another.b.c")


RIGHTS = {
    "people": {"SELECT", "INSERT"},
    "sessions": {"SELECT", "INSERT"},
    "passkeys": {"SELECT", "INSERT"},
    "challenges": {"SELECT", "INSERT", "DELETE"},
    "api_tokens": {"SELECT", "INSERT"},
    "setup_links": {"SELECT", "INSERT"},
    "sign_in_failures": {"SELECT", "INSERT", "DELETE"},
    "signing_keys": {"SELECT"},
    "identity_settings": {"SELECT"},
    "decisions": {"SELECT", "INSERT"},
    "shown_lists": {"SELECT", "INSERT"},
    "shown_plans": {"SELECT", "INSERT"},
    "webhooks": {"SELECT", "INSERT"},
}


@pytest.mark.parametrize("table", RIGHTS)
def test_the_application_may_no_more_than_it_needs(books: Books, table: str) -> None:
    wanted = "SELECT unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS r"
    held = rows(books, f"SELECT r FROM ({wanted}) AS w WHERE has_table_privilege('{table}', r)")
    assert {each for (each,) in held} == RIGHTS[table]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE identity_settings SET identity = 'asserted'",
        "INSERT INTO signing_keys (kid, public_key, added_by) VALUES ('x', 'x', 'eve')",
        "UPDATE signing_keys SET retired_at = NULL",
        "UPDATE people SET subject = 'local:eve'",
        "UPDATE passkeys SET public_key = 'x'",
        "UPDATE sessions SET subject = 'local:eve'",
        "UPDATE api_tokens SET roles = ARRAY['approver']",
        "UPDATE webhooks SET url = 'https://elsewhere.example'",
        "DELETE FROM people",
        "UPDATE decisions SET subject = 'local:eve'",
    ],
)
def test_and_changes_neither_keys_nor_what_proves(books: Books, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), books.engine.begin() as connection:
        connection.execute(text(statement))
