"""`rebalancer halt`: the kill switch. Nothing is sent any more, by any worker, until somebody else resumes it."""

from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Transaction


@click.command()
@click.option("--why", required=True, metavar="TEXT", help="Why; shown to everybody who looks, and kept for good.")
@say.by_option
@say.format_option
def halt(why: str, by: str | None, form: str) -> None:
    """Halt all sending at once, over all workers, and say what is open.

    When this answers, no order is sent any more. What is at the venues already is asked after and booked as it fills;
    `rebalancer cancel R-…` cancels it. Another person lets sending go on: rebalancer resume --by WHO --why TEXT.
    """
    from cli import connections
    from storage.actor import Actor

    who, desk = say.who(by), connections.books()
    with desk.transaction(Actor(who)) as books:
        books.halts.halt(_meant(why))
    with desk.transaction() as books:
        out, waiting = _out(books), books.halts.waiting()
    if form == "json":
        say.as_json({"halted_by": who, "why": why.strip(), "open": out, "waiting": waiting})
        return
    click.echo(f"sending is halted, by {who}: {why.strip()}")
    if out:
        keys = ("rebalance_id", "account_id", "client_order_id", "side", "symbol", "quantity", "filled", "status")
        rows = [tuple(str(each[key]) for key in keys) for each in out]
        columns = ("rebalance", "account", "order", "side", "symbol", "quantity", "filled", "at the venue")
        say.show("", say.table("Open at the venues", columns, rows, right=(5, 6)))
        say.show("SENT: the venue has not said yet whether it has it. To cancel: rebalancer cancel REBALANCE")
    else:
        say.message("nothing is open at the venues")
    if waiting:
        noun = "order waits" if waiting == 1 else "orders wait"
        say.message(f"{waiting:,} approved {noun} to be sent, and will be once another person resumes")


def resume_sending(by: str | None, why: str, form: str) -> None:
    """Lets sending go on. Refused to whoever halted it (four eyes), and where nothing is halted."""
    from cli import connections
    from storage.actor import Actor
    from storage.work.halts import NotHalted, SamePerson
    from storage.work.rebalances import utc

    who = say.who(by)
    try:
        with connections.books().transaction(Actor(who)) as books:
            ended = books.halts.resume(_meant(why))
    except NotHalted as flaw:
        raise Refused(f"{flaw}: there is nothing to resume. A paused request is named: rebalancer resume Q-…") from flaw
    except SamePerson as flaw:
        raise Refused(f"{flaw}: rebalancer resume --by SOMEBODY-ELSE --why TEXT") from flaw
    halts = [{"halted_by": each.halted_by, "why": each.why, "halted_at": utc(each.halted_at)} for each in ended]
    if form == "json":
        say.as_json({"resumed_by": who, "why": why.strip(), "halts": halts})
        return
    click.echo(f"sending goes on, by {who}: {why.strip()}")
    for each in halts:
        say.message(f"it was halted {words.moment(each['halted_at'])} by {each['halted_by']}: {each['why']}")


def _meant(why: str) -> str:
    """A reason that says something."""
    if not why.strip():
        raise Refused("--why is empty: say what happened, like --why 'prices of XYZ are wrong'")
    return why.strip()


def _out(books: "Transaction") -> list[dict[str, Any]]:
    from domain.values.money import plain

    return [
        {
            "rebalance_id": each.rebalance_id,
            "account_id": each.account_id,
            "client_order_id": each.client_order_id,
            "side": each.side,
            "symbol": each.symbol,
            "quantity": plain(each.quantity),
            "filled": plain(each.filled_quantity),
            "status": each.status,
        }
        for each in books.halts.out()
    ]
