"""A manager's signal: the new version of a model is stored, and every open sleeve of it trades."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from acting.starting import starting
from identity.person import Person
from reading.files import feed_file
from reading.refused import Refused
from reading.temporal import Connect

if TYPE_CHECKING:
    from reading.files.feed_file import FeedFile
    from storage.connection import Books
    from storage.intake.receiving_signals import SignalReceived

Json = dict[str, Any]


def object_of(file: Path) -> Json:
    """A signal in a file that says itself which model and version it is. Refused with every problem."""
    from domain.books.book import BookRefused
    from reading.files.book_file import read_object
    from reading.files.books import listed

    try:
        return read_object(file, "is not one signal, an object with id, version and holdings")
    except BookRefused as flaw:
        raise Refused(listed(file, flaw)) from flaw


class _Table(dict[str, Any]):
    """A signal from a CSV file, with the file's line of each holding."""

    lines: list[int]


def of_feed(
    books: "Books", file: Path, feed: str | None, today: date, note: Callable[[str], None]
) -> "FeedFile | None":
    """The file as a feed reads it; None where it is of none. `note` is told what a person should know of it."""
    from domain.books.deliveries import Problems

    problems = Problems()
    found = feed_file.read(books, file, "model", feed, today, problems)
    if found is not None:
        feed_file.unread(file, problems)
        for each in found.notes:
            note(each)
    return found


def table_of(
    books: "Books", file: Path, of_feed: "FeedFile | None", model_id: str, version: int, note: Callable[[str], None]
) -> Json:
    """A table as the object that a JSON file would have been."""
    from domain.books.deliveries import WEIGHT_COLUMNS, Problems, cash_symbols

    with books.transaction() as read:
        cash = cash_symbols(read.market.is_security("CASH"))
    problems = Problems()
    with feed_file.opened(file, of_feed, WEIGHT_COLUMNS, problems) as delivered:
        rows = list(delivered.lines)
        problems.refuse()
    for column in delivered.ignored if of_feed is None else ():
        note(f"the column {column} is left out")
    holdings = [
        ({"cash": True} if symbol in cash else {"symbol": symbol}) | {"weight": weight} for _, (symbol, weight) in rows
    ]
    table = _Table(id=model_id, version=version, holdings=holdings)
    table.lines = [line for line, _ in rows]
    return table


def receive(
    books: "Books", person: Person, file: Path, of_feed: "FeedFile | None", raw: Json, reachable: Callable[[], None]
) -> "SignalReceived":
    """Stores a model's new version, all or nothing. Refused with every problem of it.

    `reachable` is asked before anything is stored, and refuses where the trades could not be started.
    """
    from domain.books.book import BookRefused, Problem
    from reading.files.books import listed
    from storage.intake.receiving_signals import receive_signal

    try:
        source = feed_file.source_of(file, of_feed)
        return receive_signal(books, raw, actor(person), reachable, source)
    except BookRefused as flaw:
        told = flaw
        if isinstance(raw, _Table):
            told = BookRefused(Problem(_line(each.path, raw.lines), each.message) for each in flaw.problems)
        raise Refused(listed(file, told)) from flaw


def _line(path: str, lines: list[int]) -> str:
    """`holdings[2].symbol` as the line of a CSV file."""
    found = re.fullmatch(r"holdings\[([0-9]+)\](?:\.(.*))?", path)
    if found is None:
        return path.replace("holdings", "")
    return f"line {lines[int(found[1])]}" + (f": {found[2]}" if found[2] else "")


async def start(temporal: Connect, workflow_id: str, received: "SignalReceived") -> bool:
    """Starts the trades of a stored signal; False where they run already. Nothing waits for an approval."""
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError
    from temporalio.service import RPCError

    from workflows.contract import TASK_QUEUE

    client = await starting(temporal)
    try:
        await client.start_workflow(
            "ApplyModelSignal",
            {"model_id": received.model_id, "version": received.version},
            id=workflow_id,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=f"version {received.version} of model {received.model_id}",
        )
    except WorkflowAlreadyStartedError:
        return False
    except RPCError as flaw:
        raise Refused(
            f"version {received.version} of model {received.model_id} is stored, but its trades were not started "
            f"({flaw}): give the same command again"
        ) from flaw
    return True
