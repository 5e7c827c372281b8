"""`rebalancer corporate-actions`: splits, new symbols and dividends from a file into the books, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import persons, say
from reading import words

if TYPE_CHECKING:
    from acting.reports import ActionDone, ActionsReport


@click.command(name="corporate-actions")
@click.argument("file", type=click.Path(path_type=Path))
@say.dry_run_option
@say.by_option
@say.format_option
def corporate_actions(file: Path, dry_run: bool, by: str | None, form: str) -> int:
    """Apply the corporate actions of FILE to every account that holds the security; all or nothing.

    FILE is JSON or YAML with a list `actions`, or CSV with the columns id, type, symbol, date and the terms that the
    type needs: split and reverse_split (new, old, price of a share for fractions), symbol_change (to), cash_dividend
    (amount a share). An action is applied once, by its id; the same file again changes nothing.
    """
    from dataclasses import asdict

    from acting.corporate_actions import apply
    from cli import connections

    report = apply(connections.books(dry_run), persons.person(by, "load"), file, connections.today())
    say.rehearsed(dry_run)
    if form == "json":
        say.as_json({"actions": [asdict(each) for each in report.done]})
        return 0
    for told in _told(file, report):
        click.echo(told)
    return 0


def _told(file: Path, report: "ActionsReport") -> Iterator[str]:
    if not report.changed_anything:
        yield f"{file} was applied already: nothing changes ({words.counted(len(report.done), 'action')})"
        return
    yield f"{file} applied: {words.counted(len(report.done), 'action')}"
    for each in report.done:
        yield f"  {each.id:<14}  {_of(each)}"
        if each.price is not None:
            yield f"  {'':<14}  look: {each.symbol} at {each.price} is taken for a price of after it."
            yield f"  {'':<14}  If it is one of before: rebalancer prices FILE, with what is right"
    yield "Next: the day's prices (rebalancer prices), then rebalancer evaluate"


def _of(done: "ActionDone") -> str:
    what = f"{done.kind.replace('_', ' ')} of {done.symbol}"
    if done.already:
        return f"{what}: was applied already"
    fractions = f", {words.counted(done.fractions, 'fraction')} paid out" if done.fractions else ""
    cash = f", cash of {done.cash}" if done.cash != "0.00" else ""
    return f"{what}: {words.counted(done.accounts, 'account')}{cash}{fractions}"
