"""`rebalancer target`: what accounts should hold, and which accounts."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import choosing, lists, persons, say
from reading.refused import Refused

if TYPE_CHECKING:
    from acting.reports import TargetEdit

Json = dict[str, Any]


@click.group()
def target() -> None:
    """Assign, remove, edit, list and show targets."""


target.add_command(lists.target_list)


@target.command()
@choosing.ids("ACCOUNT")
@choosing.account_filters
@click.argument("target_id", metavar="TARGET")
@say.dry_run_option
@say.by_option
def assign(
    ids: tuple[str, ...],
    file: Any,
    target_id: str,
    dry_run: bool,
    by: str | None,
    **like: str | None,
) -> None:
    """Assign TARGET to accounts, in place of any other; to all of them, or none. Queues them; nothing trades."""
    from acting import targets
    from cli import connections

    chosen = choosing.accounts(ids, file, **like)
    if not dry_run:
        choosing.agreed(any(like.values()), len(chosen), "account", f"assign target {target_id}")
    books, person = connections.books(dry_run), persons.person(by, "assign")
    choosing.tell(targets.assign(books, person, chosen, target_id, connections.today(), persons.signer(person)))
    say.rehearsed(dry_run)


@target.command()
@choosing.ids("ACCOUNT")
@choosing.account_filters
@say.dry_run_option
@say.by_option
def remove(ids: tuple[str, ...], file: Any, dry_run: bool, by: str | None, **like: str | None) -> None:
    """Remove the target of accounts; of all of them, or none.

    A rebalance then sells each to cash, once it is submitted and approved.
    """
    from acting import targets
    from cli import connections

    chosen = choosing.accounts(ids, file, **like)
    if not dry_run:
        choosing.agreed(any(like.values()), len(chosen), "account", "remove the target")
    books, person = connections.books(dry_run), persons.person(by, "assign")
    choosing.tell(targets.remove(books, person, chosen, connections.today(), persons.signer(person)))
    say.rehearsed(dry_run)


@target.command()
@click.argument("file", type=click.Path(path_type=Path))
@say.dry_run_option
@say.by_option
@say.format_option
def edit(file: Path, dry_run: bool, by: str | None, form: str) -> None:
    """A new version of the target in FILE, JSON or YAML, in the form that a book has it; all or nothing.

    Every account that it serves, rebalancing on, is in the queue when it is done, those included whose target contains
    it. Nothing trades.
    """
    from acting import targets
    from cli import connections
    from domain.books.book import BookRefused
    from reading.files.book_file import read_object
    from reading.files.books import listed

    try:
        raw = read_object(file, "is not one target, an object with id and components")
        person = persons.person(by, "assign")
        done = targets.edit(connections.books(dry_run), person, raw, persons.signer(person))
    except BookRefused as flaw:
        raise Refused(listed(file, flaw)) from flaw
    say.rehearsed(dry_run)
    for finding in done.warnings:
        say.message(f"warning: {finding.message}")
    if form == "json":
        say.as_json(targets.as_json(done))
    else:
        for line in _edited(file, done):
            click.echo(line)


def _edited(file: Path, done: "TargetEdit") -> Iterator[str]:
    from domain.queue import in_order

    if not done.versions:
        same = "only its name changes" if done.renamed else "nothing changes"
        yield f"target {done.target_id} holds what {file} says already: {same}, version {done.version} stays"
        return
    yield f"target {done.target_id} is now version {done.version} (was {done.versions[done.target_id][0]})"
    for key, (before, now) in done.versions.items():
        if key != done.target_id:
            yield f"  target {key}, which contains it, is now version {now} (was {before})"
    listed = ", ".join(f"{done.queued[reason]:,} {reason}" for reason in in_order(done.queued))
    yield f"  queued      {listed or 'none'}"
    if done.off:
        yield f"  not queued  {done.off:,}, because their rebalancing is off"
    yield "Nothing trades until it is submitted and approved. Next: rebalancer queue"


@target.command()
@click.argument("target_id", metavar="TARGET")
@say.format_option
def show(target_id: str, form: str) -> None:
    """What TARGET comes to: every component with its bands, sub-targets flattened, and how many accounts have it."""
    from cli import connections
    from reading.market import targets

    with connections.books().transaction() as books:
        told = targets.show(books, target_id, connections.today())
    if form == "json":
        say.as_json(told)
    else:
        say.show(*_page(told))


def _page(told: Json) -> Iterator[object]:
    from cli.plan_page import title
    from reading.words import share

    yield title(told["target"], told["name"], f"version {told['version']}")
    noun = "account" if told["accounts"] == 1 else "accounts"
    yield f"assigned to {told['accounts']:,} {noun}"
    for each in told["sub_targets"]:
        yield f"{share(each['weight'])} of it is target {each['target']}, {each['name']}"
    yield ""
    rows = [
        (
            each["component"],
            share(each["weight"]),
            f"{share(each['lower'])} to {share(each['upper'])}",
            f"{share(each['precision_lower'])} to {share(each['precision_upper'])}",
        )
        for each in told["components"]
    ]
    columns = ("component", "weight", "threshold", "destination band")
    yield say.table("", columns, rows, right=(1, 2, 3))
    if any(Decimal(each["weight"]) and not Decimal(each["lower"]) for each in told["components"][:-1]):
        yield "\nA lower threshold of 0: the asset need not be held, and that it is missing queues nobody. (TARGET-5)"
