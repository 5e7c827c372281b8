"""`rebalancer policy`: the numbers in force, what each means and why it is so. Needs neither database nor Temporal."""

from typing import Any

import click

from cli import say
from reading import words
from reading.refused import Refused


@click.command()
@click.option("--as-of", default=None, metavar="DATE", help="The day; by default today.")
@say.format_option
def policy(as_of: str | None, form: str) -> None:
    """The firm's numbers in force on a day: the defaults, the file of REBALANCER_POLICY over them, and, where a
    database is connected, what the last book overrides. Targets and accounts may override them again.
    """
    from cli import connections
    from reading import policy

    day = say.day("--as-of", as_of) or connections.today()
    listed = policy.overridden(policy.listing(day), *_of_the_book())
    if form == "json":
        say.as_json(listed)
        return
    say.show(f"The numbers in force on {day}\n")
    rows = [(each["key"], words.setting(each["value"]), f"{each['says']}\n{_why(each)}") for each in listed]
    made = say.table("", ("key", "value", "what it means, and why it is so"), rows, right=(1,))
    made.columns[0].no_wrap = made.show_lines = True
    say.show(made)


def _why(row: dict[str, Any]) -> str:
    firm = f"; the firm's number is {words.setting(row['firm_value'])}" if "firm_value" in row else ""
    return f"{row['unit']} · {row['rule']} · since {row['since']} ({row['source']}): {row['because']}{firm}"


def _of_the_book() -> tuple[dict[str, Any], str]:
    """What the last book overrides, and its day. Nothing where no database is connected."""
    from cli import connections

    try:
        connections.database_url()
    except Refused:
        return {}, ""
    from sqlalchemy.exc import SQLAlchemyError

    from reading.policy import of_the_book

    try:
        with connections.books().transaction() as books:
            return of_the_book(books)
    except (Refused, SQLAlchemyError) as flaw:
        say.message(f"what the last book overrides is not shown: {str(flaw).splitlines()[0]}")
        return {}, ""
