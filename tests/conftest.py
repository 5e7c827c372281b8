"""What tests of many parts share: a PostgreSQL server a test process, and a fresh migrated database a test."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from devstack.postgres import Postgres
from storage import migrations
from storage.connection import Books
from storage.engine import connect
from tests import clock, memory

clock.hand_in()  # before anything asks what time it is
memory.use()  # before anything asks where files go
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and so would be the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPLATE = "migrated"
LONG = ("web/test_browser.py", "web/test_signed_browser.py", "devstack/test_short_demo.py", "docs/test_demo_fix.py",
        "workflows/test_crashes.py", "workflows/test_request_crashes.py", "fuzz/test_fuzz.py")  # fmt: skip
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of this test process alone."""
    with Postgres(tmp_path_factory.mktemp("postgres") / "data", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def administrator(postgres: Postgres) -> Iterator[Engine]:
    """Makes and drops databases."""
    engine = create_engine(_named(postgres.url, "postgres"), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def template(postgres: Postgres, administrator: Engine) -> str:
    """A migrated database, from which tests take copies: faster than migrating each."""
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    migrations.upgrade(_named(postgres.url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_database_url(postgres: Postgres, administrator: Engine) -> Iterator[str]:
    """A database that was never migrated, as its owner."""
    for name in _database(administrator, "template1"):
        yield _named(postgres.url, name)


@pytest.fixture
def database_url(postgres: Postgres, administrator: Engine, template: str) -> Iterator[str]:
    """A migrated database of this test alone, as workers and commands log in."""
    for name in _database(administrator, template):
        yield _named(postgres.application_url, name)


@pytest.fixture
def owner(postgres: Postgres, database_url: str) -> Iterator[Engine]:
    """The same database as the owner of its tables, who is a superuser."""
    engine = connect(_named(postgres.url, make_url(database_url).database or ""))
    yield engine
    engine.dispose()


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """The books of this test alone, empty."""
    engine = connect(database_url)
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def examples() -> Path:
    """The example books."""
    return Path(__file__).parents[1] / "examples"


def _database(administrator: Engine, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield name
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
