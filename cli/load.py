"""`rebalancer load`: a book file into the database, all of it or nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import persons, say

if TYPE_CHECKING:
    from acting.reports import LoadReport
    from reading.files.book_file import BookFile

KINDS = ("securities", "identifiers", "prices", "models", "targets")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--historical", is_flag=True, help="Judge the book from its own day, as if it said so itself (DAY-3).")
@click.option("--business-day", is_flag=True, help="Make the book's day the business day, whatever it is now (DAY-4).")
@click.option(
    "--overwrite-positions", is_flag=True, help="Take the book's positions, though trades came since (LOAD-1)."
)
@say.dry_run_option
@say.by_option
def load(
    file: Path, historical: bool, business_day: bool, overwrite_positions: bool, dry_run: bool, by: str | None
) -> int:
    """Loads the book FILE, JSON or YAML, into the database; all or nothing.

    Creates what is new and replaces, by id, what the book names; what it does not name stays. Accounts that need a
    rebalance for it are in the queue when it is done. Loading the same book again changes nothing; where trades were
    executed since, it is refused.
    """
    from acting.load import Meant
    from acting.load import load as load_book
    from cli import connections

    meant = Meant(historical, business_day, overwrite_positions)
    person, today = persons.person(by, "load"), connections.today()
    report = load_book(lambda: connections.books(dry_run), person, file, today, meant, _progress)
    for line in told(file, report):
        click.echo(line)
    say.rehearsed(dry_run)
    return 0


def told(file: Path, report: "LoadReport") -> Iterator[str]:
    """What a load did, for a person."""
    if not report.changed_anything:
        yield f"{file} was loaded already: nothing changes ({_counted(report.unchanged, 'account')} as in the book)"
        return
    kind = ", a historical book: judged from its own day" if report.historical else ""
    yield f"{file} loaded, business day {report.day_now}{kind}"
    for each in report.stays:
        yield f"  it stays so, and is not {each.day}: {each.why} (DAY-4)"
    if report.day_now is not None and report.as_of < report.day_now:
        yield f"  the book is of {report.as_of}, before it: only --business-day moves it back (DAY-4)"
    if report.stale_from is not None:
        yield (
            f"  prices      too old: the oldest that count today are of {report.stale_from}. Next: rebalancer prices "
            "FILE; or load it with --historical, to be judged from its own day"
        )
    yield f"  accounts    {report.created:,} created, {report.replaced:,} replaced, {report.unchanged:,} unchanged"
    for kind in KINDS:
        created, replaced = (len(each.get(kind, ())) for each in (report.market.created, report.market.replaced))
        if created or replaced:
            yield f"  {kind:<11} {created:,} created, {replaced:,} replaced"
    for target, (before, now) in report.market.new_versions.items():
        yield f"  target {target} is now version {now} (was {before})"
    if report.households:
        yield f"  households  {_counted(report.households, 'account')} moved"
    if report.withdrawn:
        yield f"  queue       {_counted(report.withdrawn, 'entry', 'entries')} withdrawn: rebalancing is off"
    if report.queued:
        from domain.queue import in_order

        listed = ", ".join(f"{report.queued[reason]:,} {reason}" for reason in in_order(report.queued))
        yield f"  queued      {listed}. Next: rebalancer queue"
    else:
        yield "  queued      none. Next: rebalancer evaluate"


def _counted(number: int, noun: str, nouns: str = "") -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


@contextmanager
def _progress(book: "BookFile") -> Iterator[Callable[[int], None] | None]:
    """A bar on standard error where that is a terminal: how much of the file is read, and how many accounts."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]:,} accounts"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=book.size, done=0)
        yield lambda done: bar.update(task, completed=book.position(), done=done)
