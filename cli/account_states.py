"""`rebalancer account hold`, `freeze`, `close` and `reopen`: what a person says about an account."""

from typing import TYPE_CHECKING, Any

import click

from cli import persons, say

if TYPE_CHECKING:
    from acting.reports import Status


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
    from acting import accounts
    from cli import connections

    day = say.day("--until", until)
    if (day is None) is not lift:
        raise click.UsageError("say --until DATE, or --lift; one of them")
    if day is not None:
        accounts.must_be_ahead(day, connections.today())
    reason = accounts.given(why)
    books, person = connections.books(), persons.person(by, "switch")
    if day is None:
        click.echo(accounts.lift(books, person, account_id, reason))
    else:
        click.echo(accounts.hold(books, person, account_id, day, reason, connections.today()))


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
    """Open ACCOUNT again; it is in the queue at once for whatever holds of it."""
    _set(account_id, "open", why, by)


def _set(account_id: str, status: "Status", why: str, by: str | None) -> None:
    from acting import accounts
    from cli import connections

    reason = accounts.given(why)
    person, today = persons.person(by, "switch"), connections.today()
    click.echo(accounts.set_status(connections.books(), person, account_id, status, reason, today))
