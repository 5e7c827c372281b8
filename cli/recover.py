"""`rebalancer recover`: after something broke. Rebalances whose workflow is gone; a database from a backup."""

from typing import TYPE_CHECKING

import click

from cli import connections, persons, say
from reading import words

if TYPE_CHECKING:
    from identity.person import Person


@click.command()
@click.option("--new-epoch", is_flag=True, help="This database was restored: orders get IDs that no venue has seen.")
@click.option("--why", default=None, metavar="TEXT", help="With --new-epoch: what was restored, from when.")
@click.option("--list", "only_list", is_flag=True, help="Only list the rebalances whose workflow is gone.")
@say.by_option
@say.format_option
def recover(new_epoch: bool, why: str | None, only_list: bool, by: str | None, form: str) -> int:
    """List the rebalances whose workflow is gone, and bring them to their end.

    What the venue took is booked, what was not sent never will be, and what is open is cancelled. A worker does it, so
    one has to run. With --new-epoch instead, which needs the database alone, a restored one is told that it was:
    client order IDs begin anew, and sending is halted until another person has compared and resumes it.
    """
    from acting import recovering
    from reading.work.orphans import orphans

    if new_epoch:
        if not (why or "").strip():
            raise click.UsageError("--new-epoch needs --why: what was restored, like --why 'backup of 27 November'")
        _new_epoch(persons.person(by, "venue"), str(why).strip(), form)
        return 0
    if why is not None:
        raise click.UsageError("--why goes with --new-epoch")
    found = connections.run(orphans(connections.books(), connections.temporal))
    if not only_list:
        who = persons.person(by, "venue").name
        connections.run(
            recovering.end(connections.temporal, found, who, lambda told: say.message(f"rebalancer: {told}"))
        )
    if form == "json":
        say.as_json(found)
    elif not found:
        click.echo("every rebalance under way has its workflow")
    else:
        keys = ("rebalance_id", "account_id", "stage", "workflow_id", "started_at", "outcome")
        columns = ("rebalance", "account", "was", "its workflow, gone", "started", "outcome")
        shown = [each | {"started_at": words.moment(each["started_at"])} for each in found]
        say.show(say.table("", columns, [tuple(str(each[key] or "–") for key in keys) for each in shown]))
    return 1 if any(each["outcome"] is None for each in found) and not only_list else 0


def _new_epoch(who: "Person", why: str, form: str) -> None:
    from acting import recovering

    epoch = recovering.new_epoch(connections.books(), who, why)
    if form == "json":
        say.as_json({"epoch": epoch, "begun_by": who.name, "why": why})
        return
    click.echo(f"epoch {epoch} begins, by {who.name}: {why}")
    say.message(
        "sending is halted. Bring what was under way to its end (rebalancer recover), compare with the custodians "
        "(rebalancer positions FILE, rebalancer breaks); then another person: rebalancer resume --by WHO --why TEXT"
    )
