"""What tests of commands share: the command as an operator calls it, alone in the world but for what a test names."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from cli.main import run as run_command
from devstack.postgres import Postgres
from policy import in_force
from policy.clock import the_clock
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.intake.loading import load
from tests.forked import Said, rebalancer

NOWHERE = "127.0.0.1:1"  # nobody listens there
_numbers = itertools.count(1)


Command = Callable[..., Said]


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment without a stack, a database or Temporal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("REBALANCER_", "TEMPORAL_"))}
    here = {"REBALANCER_HOME": str(tmp_path / "no-stack"), "TEMPORAL_ADDRESS": NOWHERE, "COLUMNS": "160"}
    return kept | the_clock().environment | here


@pytest.fixture
def command(alone: dict[str, str]) -> Command:
    """`command("queue", "--format", "json", REBALANCER_DATABASE_URL=…)`, as a process of its own."""

    def run(*arguments: str, **environment: str) -> Said:
        return rebalancer(arguments, alone | environment)

    return run


@pytest.fixture(scope="session")
def demo(template: str, postgres: Postgres, administrator: Engine) -> str:
    """A database with the demo's book, from which tests take copies."""
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE demo TEMPLATE {template}"))
    book = open_book(Path(__file__).parents[2] / "examples" / "demo.yaml")
    engine = connect(_named(postgres, "demo"))
    today = the_clock().today()
    load(Books(engine), book.market, book.accounts, in_force(today), today, Actor("ann"))
    engine.dispose()
    return "demo"


@pytest.fixture
def demo_url(demo: str, postgres: Postgres, administrator: Engine) -> Iterator[str]:
    """A database of this test alone, with the demo's book in it."""
    name = f"demo_{next(_numbers)}"
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {demo} STRATEGY FILE_COPY"))
    yield _named(postgres, name)
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def desk(demo_url: str) -> Iterator[Books]:
    """The books behind `loaded`."""
    engine = connect(demo_url)
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def as_owner(postgres: Postgres, demo_url: str) -> Iterator[Books]:
    """The same books as the owner of their tables, who is a superuser."""
    engine = connect(make_url(postgres.url).set(database=make_url(demo_url).database).render_as_string(False))
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def inside(alone: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """As `command`, in this process: where a test asks much and what is asked does not depend on the process."""
    for key in os.environ.keys() - alone.keys():
        monkeypatch.delenv(key)
    for key, value in alone.items():
        monkeypatch.setenv(key, value)

    def run(*arguments: str, **environment: str) -> Said:
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr(sys, "argv", ["rebalancer", *arguments])
        capsys.readouterr()
        code = run_command()
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture
def loaded(inside: Command, demo_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command at a database with the demo's book, in this process."""
    monkeypatch.setenv("REBALANCER_DATABASE_URL", demo_url)
    return inside


def _named(postgres: Postgres, name: str) -> str:
    return make_url(postgres.application_url).set(database=name).render_as_string(hide_password=False)
