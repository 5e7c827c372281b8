"""`rebalancer model`: what managers say. A signal is a model's new version; its sleeves trade without an approval."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import connections, lists, say
from reading.files import feed_file
from reading.refused import Refused

if TYPE_CHECKING:
    from reading.files.feed_file import FeedFile
    from storage.intake.receiving_signals import SignalReceived

Json = dict[str, Any]
TABLES = {".csv"}
ANSWER = timedelta(seconds=5)  # how long a worker may take to say how far it is


@click.group()
def model() -> None:
    """List and show models; take a manager's signal, a new version of a model."""


model.add_command(lists.model_list)
model.add_command(lists.model_show)


@model.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.feed_option
@click.option("--id", "model_id", default=None, help="The model, where FILE does not say it.")
@click.option(
    "--version", type=click.IntRange(min=1), default=None, help="Its new version, where FILE does not say it."
)
@click.option("--wait", is_flag=True, help="Follow the trades until all have ended; Ctrl-C only stops following.")
@say.by_option
@say.format_option
def signal(
    file: Path, feed: str | None, model_id: str | None, version: int | None, wait: bool, by: str | None, form: str
) -> int:
    """Store the new version of a model in FILE, all or nothing, and trade every open sleeve of it.

    FILE is JSON or YAML with id, version and holdings; CSV with the columns symbol and weight (cash is CASH or an
    empty symbol); or a fund's holdings as its company publishes them (`rebalancer feed list`). Prints the id of the
    workflow that trades. Nothing waits for an approval.
    """
    from workflows.contract import signal_workflow_id

    by_feed = feed is not None or (model_id is not None and file.suffix.lower() not in feed_file.OWN_FORMATS)
    books = connections.books() if by_feed else None
    of_feed = _of_feed(books, file, feed)
    is_table = of_feed is not None or file.suffix.lower() in TABLES
    if is_table is not (model_id is not None and version is not None) or (model_id is None) is not (version is None):
        raise click.UsageError("a CSV file needs --id and --version; any other file says both itself")
    books = books or connections.books()
    raw = _table(books, file, of_feed, str(model_id), version or 0) if is_table else _object(file)
    received = _receive(books, file, of_feed, raw, say.who(by))
    workflow_id = signal_workflow_id(received.model_id, received.version)
    connections.run(_start(workflow_id, received))
    if form == "table":
        click.echo(workflow_id)
        say.message(
            f"version {received.version} of model {received.model_id} stored (was {received.before}); "
            f"{received.sleeves:,} open {'sleeve trades' if received.sleeves == 1 else 'sleeves trade'} to it. "
            f"See: rebalancer show {workflow_id}"
        )
    result = connections.run(_follow(workflow_id, received.sleeves)) if wait else None
    if form == "json":
        stored = {"model_id": received.model_id, "version": received.version, "previous_version": received.before}
        say.as_json({"workflow_id": workflow_id, **stored, "sleeves": received.sleeves, "result": result})
    elif result is not None:
        say.message(_summary(result))
    return 1 if result is not None and (result["failed"] or result["superseded_by"]) else 0


def _object(file: Path) -> Json:
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


def _of_feed(books: Any, file: Path, feed: str | None) -> "FeedFile | None":
    """The file as a feed reads it, where --feed or --id and --version say that it is a table."""
    from domain.books.deliveries import Problems

    if books is None:
        return None
    problems = Problems()
    found = feed_file.read(books, file, "model", feed, connections.today(), problems)
    if found is not None:
        feed_file.unread(file, problems)
        for note in found.notes:
            say.message(note)
    return found


def _table(books: Any, file: Path, of_feed: "FeedFile | None", model_id: str, version: int) -> Json:
    """A table as the object that a JSON file would have been."""
    from domain.books.deliveries import WEIGHT_COLUMNS, Problems, cash_symbols

    with books.transaction() as read:
        cash = cash_symbols(read.market.is_security("CASH"))
    problems = Problems()
    with feed_file.opened(file, of_feed, WEIGHT_COLUMNS, problems) as delivered:
        rows = list(delivered.lines)
        problems.refuse()
    for column in delivered.ignored if of_feed is None else ():
        say.message(f"the column {column} is left out")
    holdings = [
        ({"cash": True} if symbol in cash else {"symbol": symbol}) | {"weight": weight} for _, (symbol, weight) in rows
    ]
    table = _Table(id=model_id, version=version, holdings=holdings)
    table.lines = [line for line, _ in rows]
    return table


def _receive(books: Any, file: Path, of_feed: "FeedFile | None", raw: Json, who: str) -> "SignalReceived":
    from domain.books.book import BookRefused, Problem
    from reading.files.books import listed
    from storage.actor import Actor
    from storage.intake.receiving_signals import receive_signal

    try:
        source = feed_file.source_of(file, of_feed)
        return receive_signal(books, raw, Actor(who), _reachable, source)
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


def _reachable() -> None:
    """Refused before anything is stored where the trades could not be started."""
    connections.run(connections.temporal())


async def _start(workflow_id: str, received: "SignalReceived") -> None:
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError
    from temporalio.service import RPCError

    from workflows.contract import TASK_QUEUE

    client = await connections.temporal()
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
        say.message(f"{workflow_id} is running already")
    except RPCError as flaw:
        raise Refused(
            f"version {received.version} of model {received.model_id} is stored, but its trades were not started "
            f"({flaw}): give the same command again"
        ) from flaw


async def _follow(workflow_id: str, sleeves: int) -> Json:
    """Waits for the end of a signal, showing how far it is; returns its result."""
    import asyncio

    from temporalio.client import WorkflowFailureError
    from temporalio.service import RPCError

    handle = (await connections.temporal()).get_workflow_handle(workflow_id)
    ended = asyncio.ensure_future(handle.result())
    unanswered = 0
    with _progress(sleeves) as show:
        while not ended.done():
            try:
                show(await handle.query("progress", rpc_timeout=ANSWER))
                unanswered = 0
            except RPCError:  # no worker answers now: the next look may find one
                unanswered += 1
                if unanswered == 2:
                    say.message("no worker answers: the signal waits for one. See `rebalancer status`")
            await asyncio.wait([ended], timeout=0.5)
    try:
        result: Json = await ended
    except WorkflowFailureError as failure:
        raise Refused(f"{workflow_id} failed: {failure.cause}") from failure
    return result


def _progress(sleeves: int) -> Any:
    """A bar where standard error is a terminal; else a line whenever the counts change."""
    import sys
    from collections.abc import Callable, Iterator
    from contextlib import contextmanager

    @contextmanager
    def lines() -> Iterator[Callable[[Json], None]]:
        seen: list[str] = []

        def show(told: Json) -> None:
            line = _counts(told)
            if line not in seen[-1:]:
                seen.append(line)
                say.message(line)

        yield show

    @contextmanager
    def bar() -> Iterator[Callable[[Json], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("", total=sleeves)
            yield lambda told: shown.update(task, completed=_done(told), description=_counts(told))

    return bar() if sys.stderr.isatty() else lines()


def _done(told: Json) -> int:
    return int(told["traded"]) + int(told["skipped"]) + int(told["failed"])


def _counts(told: Json) -> str:
    return f"{told['traded']:,} traded, {told['skipped']:,} needed no trade, {told['failed']:,} failed"


def _summary(result: Json) -> str:
    end = f"model {result['model_id']}, version {result['version']}: {_counts(result)}"
    if result["superseded_by"]:
        return f"{end}; version {result['superseded_by']} came meanwhile and trades in its place"
    if result["failed"]:
        return f"{end}. Which: rebalancer show model-signal/{result['model_id']}/{result['version']}"
    return end
