"""Events of a record that was restored, elsewhere and in its place: nothing is missed, nothing told twice."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from devstack.cluster import binary, clean_env
from devstack.postgres import Postgres
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.record import following
from storage.record.following import BEGINNING, Follower, Place


def record(books: Books, *actions: str, account: str = "A-1") -> None:
    """Each in a transaction of its own."""
    for each in actions:
        with books.transaction(Actor("ann")) as work:
            work.audit.record(each, account_id=account)


def told(books: Books, after: Place, limit: int = 1000) -> tuple[list[str], Place]:
    """What is recorded behind a place, page by page, and the place behind it."""
    found = list[str]()
    while True:
        with books.reading() as work:
            page = following.events(work.connection, after, limit)
        if not page:
            return found, after
        found += [row.action for row in page if row.who == "ann"]
        after = following.place_of(page[-1])


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Postgres]:
    """A server that has counted few transactions."""
    with Postgres(tmp_path / "another", durable=False) as server:
        yield server


def moved(books: Books, owner: str, another: Postgres, dump: Path) -> Books:
    """The books as a dump of them, loaded into another server."""
    at = make_url(another.url)
    for command, url, given in (
        ("pg_dump", make_url(owner).set(database=books.engine.url.database), ["--format=custom", f"--file={dump}"]),
        ("pg_restore", at, ["--single-transaction", f"--dbname={at.database}", str(dump)]),
    ):
        where = ["--host", str(url.host), "--port", str(url.port), "--username", str(url.username)]
        named = [str(url.database)] if command == "pg_dump" else []
        environment = {**clean_env(), "PGPASSWORD": str(url.password)}
        subprocess.run([binary(command), *where, *given, *named], check=True, env=environment, capture_output=True)
    return Books(connect(another.application_url))


def test_a_dump_in_another_server(books: Books, postgres: Postgres, another: Postgres, tmp_path: Path) -> None:
    """
    one, two, three      recorded where thousands of transactions were counted
    dump                 and behind it `lost`, which a reader has seen
    restored             before anything is recorded there, whoever had read `one` is told two and three
    four, five           told to both, though their transactions are thousands before the others'
    """
    for _ in range(3000):
        with books.engine.begin() as connection:
            connection.execute(text("SELECT pg_current_xact_id()"))
    record(books, "one")
    _, read_one = told(books, BEGINNING)
    record(books, "two", "three")
    with books.transaction(Actor("ada")) as work:
        hook = work.webhooks.add("https://hooks.example.com/", [], "whsec_x")
    dump = tmp_path / "books.dump"
    follower = Follower()
    with books.engine.connect() as connection:
        follower.look(connection)
    restored = moved(books, postgres.url, another, dump)
    record(books, "lost")
    seen, read_all = told(books, BEGINNING)
    assert seen == ["one", "two", "three", "lost"]
    try:
        assert told(restored, read_one)[0] == ["two", "three"]
        assert told(restored, read_all)[0] == []
        with restored.engine.connect() as connection:
            assert follower.look(connection).everything, "a page that was open asks for everything again"
        record(restored, "four", "five")
        assert told(restored, read_all)[0] == ["four", "five"]
        for limit in (1, 2, 1000):
            assert told(restored, read_one, limit)[0] == ["two", "three", "four", "five"]
            assert told(restored, BEGINNING, limit)[0] == ["one", "two", "three", "four", "five"]
        with restored.reading() as work:
            row = work.webhooks.to_send(hook)
            horizons = [int(each.transaction) for each in following.events(work.connection, BEGINNING, 1000)]
        assert row is not None
        assert told(restored, Place(row.place_era, row.place_transaction, row.place_id))[0] == ["four", "five"]
        assert max(horizons) > 3000 > horizons[-1], "the other server counts from elsewhere"
        for news in ({"A-1"}, set(), {"A-6"}):
            if news == {"A-6"}:
                record(restored, "six", account="A-6")
            with restored.engine.connect() as connection:
                assert follower.look(connection) == (news, set(), False)
    finally:
        restored.engine.dispose()


def test_a_backup_in_its_place(books: Books) -> None:
    """It can't know it: whoever restores it begins an epoch, and a reader is beyond its transactions by then."""
    record(books, "one")
    _, read = told(books, BEGINNING)
    beyond = Place(read.era, str(int(read.transaction) + 10**6), read.id + 10**6)
    with books.transaction(Actor("ann")) as work:
        work.epochs.renew("backup of noon")
    record(books, "two")
    assert told(books, beyond)[0] == ["sending halted", "epoch begun", "two"]
    assert told(books, BEGINNING)[0] == ["one", "sending halted", "epoch begun", "two"]
    with books.reading() as work:
        tokens = [each.token for each in following.eras(work.connection)]
    assert len(set(tokens)) == len(tokens) >= 2


def test_what_is_not_committed_yet_is_before_the_era(books: Books) -> None:
    """An era begins once whoever adds a record is done: `slow` has its id already, and is of the one before."""
    record(books, "one")
    begun = threading.Event()

    def renew() -> None:
        with books.transaction(Actor("ann")) as work:
            work.epochs.renew("backup of noon")
        begun.set()

    with books.transaction(Actor("ann")) as slow:
        slow.audit.record("slow", account_id="A-1")
        slow.audit.write()
        thread = threading.Thread(target=renew)
        thread.start()
        assert not begun.wait(0.5)
        assert told(books, BEGINNING)[0] == ["one"]
    thread.join(10)
    assert told(books, BEGINNING)[0] == ["one", "slow", "sending halted", "epoch begun"]


def test_two_who_record_first_on_another_server_begin_one_era(books: Books, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE record_eras SET server = 'another'"))
    with books.reading() as work:
        assert [each.over for each in following.eras(work.connection)] == [True]
    together = threading.Barrier(4)

    def first(name: str) -> None:
        together.wait()
        record(books, name)

    threads = [threading.Thread(target=first, args=(name,)) for name in ("a", "b", "c", "d")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with books.reading() as work:
        found = following.eras(work.connection)
    assert [(each.number, each.over) for each in found] == [(1, True), (2, False)]
    assert sorted(told(books, BEGINNING)[0]) == ["a", "b", "c", "d"]
