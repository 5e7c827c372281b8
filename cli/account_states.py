"""`rebalancer account hold`, `freeze`, `close` and `reopen`: what a person says about an account."""

from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading.accounts.known import known
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.accounts.states import Status


def why_option(function: Any) -> Any:
    """`--why TEXT`, which is kept."""
    return click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")(function)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--until", metavar="DATE", default=None, help="The last day on which it is held.")
@click.option("--lift", is_flag=True, help="Take the hold back.")
@why_option
@say.by_option
def hold(account_id: str, until: str | None, lift: bool, why: str, by: str | None) -> None:
    """Keep ACCOUNT out of `submit --queue` until a day; it stays in the queue, and a person may submit it by name."""
    from cli import connections
    from storage.actor import Actor

    day = say.day("--until", until)
    if (day is None) is not lift:
        raise click.UsageError("say --until DATE, or --lift; one of them")
    if day is not None and day < connections.today():
        raise Refused(f"--until {day} is over: a hold ends today or later")
    reason = _given(why)
    with connections.books().transaction(Actor(say.who(by))) as books, known(account_id):
        if day is not None:
            books.account_states.hold(account_id, day, reason)
            told = f"account {account_id} is held until {day}, that day included: {reason}"
        elif books.account_states.lift(account_id, reason):
            told = f"account {account_id} is held no more"
        else:
            told = f"account {account_id} is not held: nothing changes"
    click.echo(told)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@why_option
@say.by_option
def freeze(account_id: str, why: str, by: str | None) -> None:
    """Freeze ACCOUNT: it leaves the queue and can't be planned until it is opened again."""
    _set(account_id, "frozen", why, by)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@why_option
@say.by_option
def close(account_id: str, why: str, by: str | None) -> None:
    """Close ACCOUNT, which has to be empty."""
    _set(account_id, "closed", why, by)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@why_option
@say.by_option
def reopen(account_id: str, why: str, by: str | None) -> None:
    """Open ACCOUNT again; the next evaluation looks at it."""
    _set(account_id, "open", why, by)


def _set(account_id: str, status: "Status", why: str, by: str | None) -> None:
    from cli import connections
    from storage.accounts.states import NotNow
    from storage.actor import Actor

    reason = _given(why)
    try:
        with connections.books().transaction(Actor(say.who(by))) as books, known(account_id):
            changed = books.account_states.set_status(account_id, status, reason)
    except NotNow as flaw:
        raise Refused(f"account {account_id} can't be {status} now: {flaw}") from flaw
    click.echo(f"account {account_id} is {status}{'' if changed else ' already: nothing changes'}")


def _given(why: str) -> str:
    if not why.strip():
        raise Refused("--why is empty: say why, like --why 'estate in probate'")
    return why.strip()
