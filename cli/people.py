"""`rebalancer people` and `rebalancer keys`: who may sign in and as what, and the keys that sign what they decide."""

from datetime import datetime
from pathlib import Path

import click

from cli import persons, say
from reading import words
from reading.refused import Refused

SIGNING_KEY = "REBALANCER_SIGNING_KEY"  # as in identity/keys.py, which is too heavy to import for help
roles_option = click.option(
    "--role", "roles", multiple=True, metavar="ROLE", help="viewer, operator, approver, auditor or admin; several."
)


@click.group()
def people() -> None:
    """Who may sign in at the console, and as what."""


@people.command("list")
@say.format_option
def list_(form: str) -> None:
    """Everybody who may sign in."""
    from cli import connections
    from reading import people as reading

    found = reading.people(connections.books())
    if form == "json":
        say.as_json(found)
        return
    rows = [
        (each["name"], ", ".join(each["roles"]) or "none", each["subject"], words.moment(each["signed_in_at"]))
        for each in found
    ]
    say.show(say.table("", ("name", "roles", "subject", "signed in"), rows))


@people.command()
@click.argument("name")
@roles_option
@say.by_option
def add(name: str, roles: tuple[str, ...], by: str | None) -> None:
    """Add a local account, and print the link by which NAME sets a password, once, within a day."""
    from acting import people as acting
    from cli import connections

    line = name.strip()
    if not line or not line.isprintable() or len(line) > 200:
        raise Refused("NAME is one line of at most 200 characters")
    books = connections.books()
    secret = acting.add(books, persons.person(by, "people"), line, roles, _now())
    click.echo(f"{line} may sign in, as {', '.join(sorted(roles)) or 'nobody: give a role'}")
    click.echo(f"{line} sets a password, once, within a day: {_link(secret)}")


@people.command("roles")
@click.argument("name")
@roles_option
@say.by_option
def roles_(name: str, roles: tuple[str, ...], by: str | None) -> None:
    """Give NAME these roles and no others; at once, wherever they are signed in."""
    from acting import people as acting
    from cli import connections

    books, person = connections.books(), persons.person(by, "people")
    given = acting.give(books, person, acting.subject_of(books, name), roles)
    click.echo(f"{given} is {', '.join(sorted(roles)) or 'nobody'} from now on")


@people.command()
@click.argument("name")
@say.by_option
def link(name: str, by: str | None) -> None:
    """Print another link by which NAME sets a password: the one before was lost, or the password was."""
    from acting import people as acting
    from cli import connections

    books, person = connections.books(), persons.person(by, "people")
    whose, secret = acting.link(books, person, acting.subject_of(books, name), _now())
    click.echo(f"{whose} sets a password, once, within a day: {_link(secret)}")


@people.command()
@click.argument("name")
@say.by_option
def remove(name: str, by: str | None) -> None:
    """Let NAME sign in no more: sessions and tokens end now; what they decided stays theirs."""
    from acting import people as acting
    from cli import connections

    books, person = connections.books(), persons.person(by, "people")
    gone = acting.remove(books, person, acting.subject_of(books, name))
    click.echo(f"{gone} may not sign in any more")


@click.group()
def keys() -> None:
    """The keys that sign what people decide: public parts are in the database, the private one is the console's."""


@keys.command("list")
@say.format_option
def list_keys(form: str) -> None:
    """Every key there ever was; public parts."""
    from cli import connections
    from reading import people as reading

    found = reading.keys(connections.books())
    if form == "json":
        say.as_json(found)
        return
    rows = [
        (
            each["key"][:12],
            words.moment(each["added_at"]),
            each["added_by"],
            words.moment(each["retired_at"]),
            each["why"] or "–",
        )
        for each in found["keys"]
    ]
    say.show(say.table("", ("key", "since", "by", "until", "why"), rows), "", f"identity: {found['identity']}")


@keys.command()
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@click.option("--file", "path", type=click.Path(path_type=Path), envvar=SIGNING_KEY, help=f"Where; else {SIGNING_KEY}.")
@say.by_option
def rotate(why: str, path: Path | None, by: str | None) -> None:
    """Make a new signing key, and retire the one before; then start the console anew.

    The private part goes to a file of mode 0600. Needs the database as its owner: the application may only read keys.
    """
    from sqlalchemy.exc import ProgrammingError

    from acting import people
    from cli import connections
    from identity import keys as made
    from policy.clock import the_clock

    if path is None:
        raise Refused(f"say where the private key is kept: --file, or {SIGNING_KEY}")
    key = made.fresh()
    try:
        people.rotate(connections.books(), persons.doing(by, "keys"), key, why.strip(), the_clock().now(), path)
    except ProgrammingError as flaw:
        raise Refused(
            "keys are rotated by who owns the tables: set REBALANCER_DATABASE_URL as for python -m storage.migrations"
        ) from flaw
    except OSError as flaw:
        raise Refused(f"the key was not rotated: {path} can't be written: {flaw.strerror}") from flaw
    click.echo(f"key {made.name(key)[:12]} signs from now on; its private part is in {path}. Start the console anew")


def _now() -> datetime:
    from policy.clock import the_clock

    return the_clock().now()


def _link(secret: str) -> str:
    import os

    from acting.people import address

    return address(secret, os.environ)
