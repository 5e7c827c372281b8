"""What tests of the console share: the demo's book, a console over it, and a browser of each of the demo's people."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from policy import in_force
from policy.clock import the_clock
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from web.app import create
from web.console import Console, Temporal
from web.settings import Settings

BASE = "http://localhost:8234"
Visitor = Callable[[str], TestClient]


async def away() -> None:
    """Temporal, where it does not answer."""
    raise RuntimeError("nobody is there")


@pytest.fixture(scope="module", autouse=True)
def anchors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Seals are kept in a file of these tests alone: another database's are not theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBALANCER_SEAL_ANCHORS", f"file:{tmp_path_factory.mktemp('anchors') / 'seals.jsonl'}")
        yield


@pytest.fixture
def demo(books: Books) -> Books:
    """Books with the demo's accounts."""
    book = open_book(Path(__file__).parents[2] / "examples" / "demo.yaml")
    today = the_clock().today()
    load(books, book.market, book.accounts, in_force(today), today, Actor("ann"))
    return books


@pytest.fixture
def console(books: Books) -> Console:
    """A console whose Temporal does not answer."""
    return Console(books, Temporal(away), Settings())  # type: ignore[arg-type]


@pytest.fixture
def visitor(console: Console) -> Iterator[Visitor]:
    """`visitor("ann")`: a browser in which that person is signed in; nobody, for no name."""
    app = create(console)
    with TestClient(app, BASE):  # it begins and ends the application that the others ask
        yield lambda name: sign_in(TestClient(app, BASE, follow_redirects=False), name)


def sign_in(client: TestClient, name: str) -> TestClient:
    """The same browser, with somebody signed in."""
    client.headers["sec-fetch-site"] = "same-origin"
    if name:
        assert client.post("/sign-in", data={"name": name}).status_code == 303
    return client


def form_token(client: TestClient, path: str = "/") -> str:
    """What a form of a page of this browser carries."""
    page: str = client.get(path).text
    return page.partition('name="form" value="')[2].partition('"')[0]


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment for commands, without a stack, a database or Temporal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("REBALANCER_", "TEMPORAL_"))}
    here = {"REBALANCER_HOME": str(tmp_path / "no-stack"), "TEMPORAL_ADDRESS": "127.0.0.1:1", "COLUMNS": "160"}
    return kept | the_clock().environment | here
