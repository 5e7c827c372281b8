"""`rebalancer corporate-actions`: splits, new symbols and dividends from a file into the books, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.intake.corporate_actions import ActionDone, ActionsReport


@click.command(name="corporate-actions")
@click.argument("file", type=click.Path(path_type=Path))
@say.by_option
@say.format_option
def corporate_actions(file: Path, by: str | None, form: str) -> int:
    """Apply the corporate actions of FILE to every account that holds the security; all or nothing.

    FILE is JSON or YAML with a list `actions`, or CSV with the columns id, type, symbol, date and the terms that the
    type needs: split and reverse_split (new, old, price of a share for fractions), symbol_change (to), cash_dividend
    (amount a share). An action is applied once, by its id; the same file again changes nothing.
    """
    from dataclasses import asdict

    from cli import connections
    from domain.books.action_files import read_actions
    from domain.books.book import BookRefused
    from reading.files import feed_file
    from reading.files.books import listed
    from storage.actor import Actor
    from storage.intake.corporate_actions import apply_actions

    books = connections.books()
    try:
        actions = read_actions(_raw(file), connections.today())
        report = apply_actions(books, actions, feed_file.source_of(file), Actor(say.who(by)))
    except BookRefused as flaw:
        raise Refused(listed(file, flaw)) from flaw
    if form == "json":
        say.as_json({"actions": [asdict(each) for each in report.done]})
        return 0
    for told in _told(file, report):
        click.echo(told)
    return 0


def _raw(file: Path) -> Any:
    from domain.books.action_files import COLUMNS, TERMS, of_table
    from domain.books.deliveries import Problems
    from reading.files import delivery_file
    from reading.files.book_file import read_object

    if file.suffix.lower() != ".csv":
        return read_object(file, "is not an object with a list of actions")
    problems = Problems()
    with delivery_file.opened(file, COLUMNS, TERMS, problems) as delivered:
        rows = list(delivered.lines)
        problems.refuse()
        if delivered.ignored:
            raise Refused(f"{file} refused: no action has a column {', '.join(delivered.ignored)}; nothing was changed")
    return of_table(rows, delivered.columns)


def _told(file: Path, report: "ActionsReport") -> Iterator[str]:
    if not report.changed_anything:
        yield f"{file} was applied already: nothing changes ({words.counted(len(report.done), 'action')})"
        return
    yield f"{file} applied: {words.counted(len(report.done), 'action')}"
    for each in report.done:
        yield f"  {each.id:<14}  {_of(each)}"
    yield "Next: the day's prices (rebalancer prices), then rebalancer evaluate"


def _of(done: "ActionDone") -> str:
    what = f"{done.kind.replace('_', ' ')} of {done.symbol}"
    if done.already:
        return f"{what}: was applied already"
    fractions = f", {words.counted(done.fractions, 'fraction')} paid out" if done.fractions else ""
    cash = f", cash of {done.cash}" if done.cash != "0.00" else ""
    return f"{what}: {words.counted(done.accounts, 'account')}{cash}{fractions}"
