"""`rebalancer fix`: how FIX sessions stand, and what their gateways are asked to do."""

from typing import TYPE_CHECKING, Any

import click

from cli import persons, say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from venues.fix.standing import Standing, Wish


@click.group()
def fix() -> None:
    """FIX sessions: how they stand; log one out or on; begin its numbers anew; settle an order in doubt."""


@fix.command()
@click.argument("session", required=False)
@say.format_option
def status(session: str | None, form: str) -> int:
    """How SESSION stands, or all of them. Exit status 1 if somebody has to look."""
    from cli import connections
    from venues.fix import standing

    connections.venues(connections.books())  # a session's file that can't be used is refused, and says why
    with connections.books().reading() as books:
        found = [each for each in standing.sessions(books.connection) if session in (None, each.session)]
    if session is not None and not found:
        raise Refused(f"no gateway ever held FIX session {session}: start one with python -m venues.fix {session}")
    if form == "json":
        say.as_json([_told(each) for each in found])
    elif not found:
        say.show("There is no FIX session: docs/fix.md says how one is set up.")
    for each in found if form != "json" else []:
        say.show(*_page(each))
    return 1 if any(each.troubled for each in found) else 0


@fix.command()
@click.argument("session")
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@say.by_option
def logout(session: str, why: str, by: str | None) -> None:
    """Log SESSION out, in order. What is in its outbox waits; `fix logon` lets it in again."""
    _ask(session, "logout", why, by)
    click.echo(f"{session} is asked to log out, and stays out: rebalancer fix logon {session} --why TEXT")


@fix.command()
@click.argument("session")
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@say.by_option
def logon(session: str, why: str, by: str | None) -> None:
    """Let SESSION log on again after `fix logout`."""
    _ask(session, None, why, by)
    click.echo(f"{session} may log on: rebalancer fix status {session}")


@fix.command()
@click.argument("session")
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@say.by_option
def reset(session: str, why: str, by: str | None) -> None:
    """Begin the sequence numbers of SESSION anew at 1, on both sides (141=Y).

    Only as agreed with the broker. What it would have sent again is then asked after, order by order (FIX-5).
    """
    _ask(session, "reset", why, by)
    click.echo(f"{session} begins anew at 1 with its next logon: rebalancer fix status {session}")


@fix.command()
@click.argument("order", metavar="CLIENT-ORDER-ID")
@click.option("--send-again/--canceled", "again", default=None, help="What becomes of it, as the broker never had it.")
@click.option("--why", required=True, metavar="TEXT", help="Whom you asked, and what they said; kept for good.")
@say.by_option
def settle(order: str, again: bool | None, why: str, by: str | None) -> None:
    """Settle an order in doubt, once the broker's desk has said that it never had it."""
    from cli import connections
    from venues.fix import standing

    if again is None:
        raise click.UsageError("say what becomes of it: --send-again or --canceled")
    try:
        with connections.books().transaction(persons.doing(by, "venue")) as books:
            standing.settle(books, order, again=again, why=why)
    except standing.NotInDoubt as flaw:
        raise Refused(str(flaw)) from flaw
    click.echo(f"{order} {'is sent again' if again else 'ends CANCELED'}")


def _ask(session: str, wish: "Wish | None", why: str, by: str | None) -> None:
    from cli import connections
    from venues.fix import standing

    with connections.books().transaction(persons.doing(by, "venue")) as books:
        known = [each.session for each in standing.sessions(books.connection)]
        if session not in known:
            there = f"there is {', '.join(known)}" if known else "there is none: docs/fix.md says how one is set up"
            raise Refused(f"no gateway ever held FIX session {session}: {there}")
        standing.want(books, session, wish, why)


def _told(each: "Standing") -> dict[str, Any]:
    from reading.words import utc

    return {
        "session": each.session,
        "state": each.state,
        "logged_on_at": None if each.logged_on_at is None else utc(each.logged_on_at),
        "heard_at": None if each.heard_at is None else utc(each.heard_at),
        "next_sent": each.ours,
        "next_expected": each.theirs,
        "waiting": each.waiting,
        "unanswered": each.unanswered,
        "orders": each.orders,
        "open_orders": each.open_orders,
        "executions": each.executions,
        "repaired": each.repaired,
        "doubts": [
            {"client_order_id": d.client_order_id, "account_id": d.account_id, "why": d.why} for d in each.doubts
        ],
        "says": each.says,
        "wanted": each.wanted,
    }


def _page(each: "Standing") -> list[str]:
    from reading.words import utc

    since = f" since {words.moment(utc(each.logged_on_at))}" if each.state == "logged on" and each.logged_on_at else ""
    lines = [
        f"{each.session}: {each.state}{since}",
        f"  numbers          next sent {each.ours:,}, next expected {each.theirs:,}",
        f"  messages         {each.waiting:,} waiting, {each.unanswered:,} not answered yet",
        f"  orders           {each.orders:,}, of them {each.open_orders:,} open; {each.executions:,} executions heard",
        f"  told by CumQty   {each.repaired:,} orders in a part (FIX-4)",
    ]
    if each.says:
        lines.append(f"  last trouble     {each.says}")
    if each.wanted:
        lines.append(f"  asked for        {each.wanted}")
    if each.state == "no gateway":
        lines.append(f"  next             start one: python -m venues.fix {each.session}")
    lines += [f"  in doubt         {doubt.client_order_id} ({doubt.account_id}): {doubt.why}" for doubt in each.doubts]
    return lines
