"""`rebalancer model`: what managers say. A signal is a model's new version; its sleeves trade without an approval."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from cli import connections, lists, persons, say
from reading import words
from reading.files import feed_file
from reading.refused import Refused

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
@say.dry_run_option
@say.by_option
@say.format_option
def signal(
    file: Path,
    feed: str | None,
    model_id: str | None,
    version: int | None,
    wait: bool,
    dry_run: bool,
    by: str | None,
    form: str,
) -> int:
    """Store the new version of a model in FILE, all or nothing, and trade every open sleeve of it.

    FILE is JSON or YAML with id, version and holdings; CSV with the columns symbol and weight (cash is CASH or an
    empty symbol); or a fund's holdings as its company publishes them (`rebalancer feed list`). Prints the id of the
    workflow that trades. Nothing waits for an approval.
    """
    from acting import signals
    from workflows.contract import signal_workflow_id

    if wait and dry_run:
        raise click.UsageError("--wait follows trades, and --dry-run starts none: one of them")
    by_feed = feed is not None or (model_id is not None and file.suffix.lower() not in feed_file.OWN_FORMATS)
    books = connections.books(dry_run) if by_feed else None
    of_feed = signals.of_feed(books, file, feed, connections.today(), say.message) if books is not None else None
    is_table = of_feed is not None or file.suffix.lower() in TABLES
    if is_table is not (model_id is not None and version is not None) or (model_id is None) is not (version is None):
        raise click.UsageError("a CSV file needs --id and --version; any other file says both itself")
    books = books or connections.books(dry_run)
    if is_table:
        raw = signals.table_of(books, file, of_feed, str(model_id), version or 0, say.message)
    else:
        raw = signals.object_of(file)
    received = signals.receive(books, persons.person(by, "signal"), file, of_feed, raw, _reachable)
    workflow_id = signal_workflow_id(received.model_id, received.version)
    if not dry_run and not connections.run(signals.start(connections.temporal, workflow_id, received)):
        say.message(f"{workflow_id} is running already")
    say.rehearsed(dry_run)
    if form == "table":
        click.echo(workflow_id)
        say.message(
            f"version {received.version} of model {received.model_id} {'would be ' if dry_run else ''}stored (was "
            f"{received.before}); {_trading(received.sleeves, dry_run)} to it."
            f"{'' if dry_run else f' See: rebalancer show {workflow_id}'}"
        )
    result = connections.run(_follow(workflow_id, received.sleeves)) if wait else None
    if form == "json":
        stored = {"model_id": received.model_id, "version": received.version, "previous_version": received.before}
        say.as_json({"workflow_id": workflow_id, **stored, "sleeves": received.sleeves, "result": result})
    elif result is not None:
        say.message(_summary(result))
    return 1 if result is not None and (result["failed"] or result["superseded_by"]) else 0


def _trading(sleeves: int, dry_run: bool) -> str:
    """`2 open sleeves trade`, or would."""
    verb = "would trade" if dry_run else "trades" if sleeves == 1 else "trade"
    return f"{words.counted(sleeves, 'open sleeve')} {verb}"


def _reachable() -> None:
    """Refused before anything is stored where the trades could not be started."""
    connections.run(connections.temporal())


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
