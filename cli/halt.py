"""`rebalancer halt`: the kill switch. Nothing is sent any more, by any worker, until somebody else resumes it."""

import click

from cli import persons, say
from reading import words


@click.command()
@click.option("--why", required=True, metavar="TEXT", help="Why; shown to everybody who looks, and kept for good.")
@say.by_option
@say.format_option
def halt(why: str, by: str | None, form: str) -> None:
    """Halt all sending at once, over all workers, and say what is open.

    When this answers, no order is sent any more. What is at the venues already is asked after and booked as it fills;
    `rebalancer cancel R-…` cancels it. Another person lets sending go on: rebalancer resume --by WHO --why TEXT.
    """
    from acting import halts
    from cli import connections

    done = halts.halt(connections.books(), persons.person(by, "halt"), why)
    out, waiting = done.out, done.waiting
    if form == "json":
        say.as_json(done.as_json())
        return
    click.echo(f"sending is halted, by {done.by}: {done.why}")
    if out:
        keys = ("rebalance_id", "account_id", "client_order_id", "side", "symbol", "quantity", "filled", "status")
        rows = [(*(str(each[key]) for key in keys), str(each["block_id"] or "by itself")) for each in out]
        columns = ("rebalance", "account", "order", "side", "symbol", "quantity", "filled", "at the venue", "block")
        say.show("", say.table("Open at the venues", columns, rows, right=(5, 6)))
        say.show("SENT: the venue has not said yet whether it has it. To cancel: rebalancer cancel REBALANCE")
        if any(each["block_id"] for each in out):
            say.show("What a block has filled is its accounts' once it is allocated: rebalancer block show BLOCK")
    else:
        say.message("nothing is open at the venues")
    if waiting:
        noun = "order waits" if waiting == 1 else "orders wait"
        say.message(f"{waiting:,} approved {noun} to be sent, and will be once another person resumes")


def resume_sending(by: str | None, why: str, form: str) -> None:
    """Lets sending go on. Refused to whoever halted it (four eyes), and where nothing is halted."""
    from acting import halts
    from cli import connections

    done = halts.resume(connections.books(), persons.person(by, "resume"), why)
    if form == "json":
        say.as_json(done.as_json())
        return
    click.echo(f"sending goes on, by {done.by}: {done.why}")
    for each in done.halts:
        say.message(f"it was halted {words.moment(each['halted_at'])} by {each['halted_by']}: {each['why']}")
