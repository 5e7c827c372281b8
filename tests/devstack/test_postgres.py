"""PostgreSQL: from nothing to a URL, through crashes, and what it finds in its folder."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from devstack.errors import StackError
from devstack.ports import LOOPBACK
from devstack.postgres import Postgres


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    with Postgres(tmp_path / "postgres", durable=False) as server:
        yield server


def ask(server: Postgres, *queries: str) -> object:
    """Run these, each committed by itself; the first value that the last one gives."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        for query in queries:
            cursor = connection.execute(query.encode())
        row = cursor.fetchone()
        return row and row[0]


def test_it_speaks_utf8_and_utc_on_loopback_with_a_password(postgres: Postgres) -> None:
    assert ask(postgres, "SHOW server_encoding") == "UTF8"
    assert ask(postgres, "SHOW timezone") == "UTC"
    assert ask(postgres, "SHOW listen_addresses") == LOOPBACK
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=LOOPBACK, port=postgres.port, user="rebalancer", password="guess", dbname="rebalancer")
    assert stat.S_IMODE((postgres.data_dir / "rebalancer.password").stat().st_mode) == 0o600


def test_what_was_committed_survives_a_crash_and_a_stop_under_the_same_url(postgres: Postgres) -> None:
    url = postgres.url
    ask(postgres, "CREATE TABLE kept (number int)", "INSERT INTO kept VALUES (7) RETURNING number")
    postgres.kill()
    postgres.start()
    assert ask(postgres, "SELECT number FROM kept") == 7
    postgres.stop()
    postgres.start()
    assert ask(postgres, "SELECT number FROM kept") == 7
    assert postgres.url == url


def test_a_crash_in_the_middle_of_a_long_query(postgres: Postgres) -> None:
    with contextlib.closing(psycopg.connect(postgres.url.replace("+psycopg", ""))) as connection:
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
        ask(postgres, "SELECT 1")
        postgres.kill()
        postgres.start()
        assert ask(postgres, "SELECT 1") == 1


def test_a_folder_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path / "postgres", durable=False) as server:
        assert ask(server, "SELECT 1") == 1
    assert not half_made.exists()


def test_a_pid_file_whose_id_is_another_programs_now_is_stale(tmp_path: Path, postgres: Postgres) -> None:
    postgres.kill()
    pid_file = postgres.data_dir / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getppid()), 1))
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_two_servers_on_one_folder_are_refused(postgres: Postgres) -> None:
    assert postgres.child is not None
    with pytest.raises(StackError, match=f"pid {postgres.child.pid}.* already runs on .*kill -INT"):
        Postgres(postgres.data_dir).start()
    assert ask(postgres, "SELECT 1") == 1


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StackError, match="is not a database of this stack"):
        Postgres(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_data_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match=r"made by PostgreSQL 15; this is 18.*pg_dump"):
        Postgres(tmp_path).start()


def test_a_password_that_does_not_fit_is_told_at_once(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.data_dir / "rebalancer.password").write_text("wrong")
    with pytest.raises(StackError, match="refuses the password"):
        postgres.start()
    assert postgres.child is None


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} is used by another program"):
            Postgres(tmp_path / "postgres", port).start()


def test_a_path_longer_than_a_socket_may_have(tmp_path: Path) -> None:
    with Postgres(tmp_path / ("long" * 30) / "postgres", durable=False) as server:
        assert ask(server, "SELECT 1") == 1
