"""`rebalancer status`: is the rebalancer working, and what waits for somebody?"""

from collections.abc import Sequence

import click

from cli import commands, connections, say
from reading.health import status_of_books
from reading.health.checks import Check, to_act


@click.command()
@say.format_option
def status(form: str) -> int:
    """Is the rebalancer working, and what waits for somebody.

    Database, Temporal, workers, workflows, schedules; accounts that could not be checked, prices, breaks, approvals,
    plans that a law refused, signals; queue, archive and seals. Exit status 1 if somebody has to act.
    """
    from cli.checks import as_table

    found = checks()
    ok = all(each.ok for each in found)
    if form == "json":
        say.as_json({"ok": ok, "checks": [each.as_json(commands.line) for each in found]})
    else:
        count = to_act(found)
        told = (
            "Everything works." if ok else f"{count} {'thing needs' if count == 1 else 'things need'} somebody to act."
        )
        say.show(as_table(found), "", told)
    return 0 if ok else 1


def checks(of_books: Sequence[str] = status_of_books.NAMES) -> list[Check]:
    """The checks, of the database and the Temporal that commands are connected to."""
    from reading.health import status

    with connections.engines() as connect:
        return connections.run(status.checks(connect, connections.temporal, connections.today(), of_books))
