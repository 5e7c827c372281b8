"""`rebalancer target`: what accounts should hold, and which accounts."""

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import lists, say
from reading.accounts.known import known
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.intake.target_edits import TargetEdit

Json = dict[str, Any]


@click.group()
def target() -> None:
    """Assign, remove, edit, list and show targets."""


target.add_command(lists.target_list)


@target.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("target_id", metavar="TARGET")
@say.by_option
def assign(account_id: str, target_id: str, by: str | None) -> None:
    """Assign TARGET to ACCOUNT, in place of any other. Queues the account at once; nothing trades."""
    _change(account_id, by, lambda accounts, today: accounts.assign_target(account_id, target_id, today))


@target.command()
@click.argument("account_id", metavar="ACCOUNT")
@say.by_option
def remove(account_id: str, by: str | None) -> None:
    """Remove the target of ACCOUNT. A rebalance then sells it to cash, once it is submitted and approved."""
    _change(account_id, by, lambda accounts, today: accounts.remove_target(account_id, today))


def _change(account_id: str, by: str | None, change: Callable[[Any, Any], str]) -> None:
    from cli import connections
    from storage.accounts.accounts import TargetUnknown
    from storage.actor import Actor

    with connections.books().transaction(Actor(say.who(by))) as books, known(account_id):
        try:
            told = change(books.accounts, connections.today())
        except TargetUnknown as flaw:
            raise _unknown(flaw.target_id) from flaw
    click.echo(told)


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
    from cli import connections
    from domain.books.book import BookRefused
    from reading.files.book_file import read_object
    from reading.files.books import listed
    from storage.actor import Actor
    from storage.intake.target_edits import edit_target

    try:
        raw = read_object(file, "is not one target, an object with id and components")
        done = edit_target(connections.books(dry_run), raw, Actor(say.who(by)))
    except BookRefused as flaw:
        raise Refused(listed(file, flaw)) from flaw
    say.rehearsed(dry_run)
    for finding in done.warnings:
        say.message(f"warning: {finding.message}")
    if form == "json":
        say.as_json(_edit_as_json(done))
    else:
        for line in _edited(file, done):
            click.echo(line)


def _edit_as_json(done: "TargetEdit") -> Json:
    return {
        "target": done.target_id,
        "version": done.version,
        "versions": {key: {"before": before, "now": now} for key, (before, now) in done.versions.items()},
        "queued": done.queued,
        "rebalancing_off": done.off,
        "warnings": [each.message for each in done.warnings],
    }


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
    from domain.targets.targets import TargetRefused
    from storage.market.reading import read_targets

    with connections.books().transaction() as books:
        known = read_targets(books.connection, [target_id])
        if target_id not in known:
            raise _unknown(target_id)
        day = books.market.book_day()
        policy = books.market.policy(day.as_of if day else connections.today())
        assigned = books.accounts.assigned(target_id)
    try:
        told = _as_json(target_id, known, policy, assigned)
    except TargetRefused as flaw:
        raise Refused(f"target {target_id} can't be used: {flaw}") from flaw
    if form == "json":
        say.as_json(told)
    else:
        say.show(*_page(told))


def _unknown(target_id: str) -> Refused:
    return Refused(f"target {target_id} is unknown: check the id, or load a book that has it")


def _as_json(target_id: str, known: Any, policy: Any, assigned: int) -> Json:
    from domain.targets.targets import flatten
    from domain.values.money import EXACT, weight_text

    shown = known[target_id]
    with localcontext(EXACT):
        flat = flatten(shown, known, policy.overridden(shown.policy))
        return {
            "target": target_id,
            "name": shown.name,
            "version": shown.version,
            "accounts": assigned,
            "sub_targets": [
                {"target": each.ref, "name": known[each.ref].name, "weight": weight_text(each.weight)}
                for each in shown.components
                if each.kind == "target"
            ],
            "components": [
                {
                    "component": each.key,
                    "weight": weight_text(each.weight),
                    "lower": weight_text(each.threshold.lower),
                    "upper": weight_text(each.threshold.upper),
                    "precision_lower": weight_text(each.precision.lower),
                    "precision_upper": weight_text(each.precision.upper),
                }
                for each in flat
            ],
        }


def _page(told: Json) -> Iterator[object]:
    from cli.plan_page import title
    from reading.words import share

    yield title(f"{told['target']} · {told['name']} · version {told['version']}")
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
    columns = ("component", "weight", "threshold", "precision")
    yield say.table("", columns, rows, right=(1, 2, 3))
    if any(Decimal(each["weight"]) and not Decimal(each["lower"]) for each in told["components"][:-1]):
        yield "\nA lower threshold of 0: the asset need not be held, and that it is missing queues nobody. (TARGET-5)"
