"""The stream of events while its database is killed and comes back: nothing is lost, and nothing is told twice."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from devstack.postgres import Postgres
from reading.record.events import BEGINNING, Place
from storage import migrations
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from tests.web.conftest import away
from web.api import events
from web.api.caller import Caller
from web.console import Console, Temporal
from web.session import Asserted


class Request:
    """Somebody who listens, as ann."""

    def __init__(self) -> None:
        self.cookies = {Asserted.COOKIE: "ann." + "x" * 32}
        self.headers: dict[str, str] = {}

    async def is_disconnected(self) -> bool:
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server that can be killed: no other test's."""
    with Postgres(tmp_path / "postgres", durable=False) as started:
        migrations.upgrade(started.url)
        yield started


def recorded(books: Books, *actions: str) -> None:
    for each in actions:
        for _ in range(50):
            try:
                with books.transaction(Actor("ann")) as work:
                    work.audit.record(each, account_id="A-1")
                break
            except OperationalError:  # a connection of before the kill
                continue


async def test_a_database_that_is_killed_and_comes_back(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    one, two        told
    killed          the stream stays, and says nothing; three and four are recorded once it is back
    three, four     told by the same stream; and by another that begins with the id of `two`
    """
    monkeypatch.setattr(events, "PAUSE", 0.05)
    books = Books(connect(server.application_url))
    console = Console(books, Temporal(away))  # type: ignore[arg-type]
    person = console.sessions.of(Request()).person  # type: ignore[arg-type,union-attr]
    caller = Caller(console, person, console.clock.now())

    def stream(after: Place) -> Any:
        return events._stream(caller, Request(), after)  # type: ignore[arg-type]

    async def hear(told: Any, count: int) -> list[dict[str, Any]]:
        heard = list[dict[str, Any]]()
        async with asyncio.timeout(60):
            while len(heard) < count:
                said = await anext(told)
                if not said.startswith(":"):
                    event = json.loads(said.partition("data: ")[2])
                    heard += [event] if event["who"] == "ann" else []
        return heard

    recorded(books, "one", "two")
    told = stream(BEGINNING)
    first = await hear(told, 2)
    server.kill()
    waiting = asyncio.create_task(hear(told, 2))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(recorded, books, "three", "four")
    second = await waiting
    place = await asyncio.to_thread(events._place, caller, first[-1]["id"])
    again = await hear(stream(place), 2)
    books.engine.dispose()
    assert [each["action"] for each in first] == ["one", "two"]
    assert [each["action"] for each in second] == [each["action"] for each in again] == ["three", "four"]
    assert again == second
