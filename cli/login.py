"""`rebalancer login`, `logout` and `whoami`: who decides at this machine, where decisions are signed."""

import sys
from typing import Any

import click

from cli import logins, say
from reading.refused import Refused


@click.command()
@click.argument("name", required=False)
@click.option("--token", "by_token", is_flag=True, help="By an API token of yours, which the console's page /me makes.")
@click.option("--console", "given", metavar="URL", default=None, help="Where the console is, if not where it is known.")
def login(name: str | None, by_token: bool, given: str | None) -> None:
    """Sign in at the console, as NAME by password, or with --token by a token; kept for this user alone.

    What is secret is asked for on a terminal, else read from standard input. Who signs in by passkey or single sign-on
    makes a token at the console.
    """
    from cli.console import Console, address

    if by_token is (name is not None):
        raise click.UsageError("say NAME, or --token; one of them")
    console = address(given)
    if name is None:
        secret = _secret("API token")
        me = Console(console, secret).call("GET", "/me")
    else:
        opened = Console(console).call("POST", "/sessions", {"name": name, "password": _secret("Password")})
        secret, me = opened["token"], opened["me"]
    if me["how"] == "asserted":
        raise Refused(f"nobody signs in at {console}: names are asserted there, and --by names the person")
    place = logins.write(logins.Login(console, me["name"], secret))
    click.echo(f"{_described(me)}, at {console}")
    say.message(f"kept in {place}, for you alone; until: rebalancer logout")


@click.command()
def logout() -> None:
    """Sign out: the session ends, and what was kept of it is removed. An API token is ended at the console."""
    from cli.console import Console

    found = logins.read()
    if found is None and not logins.remove():
        click.echo("nobody is signed in here")
        return
    logins.remove()
    name = found.name if found else "whoever it was"
    try:
        ended = found is not None and Console.of(found).call("DELETE", "/sessions/this")["ended"]
    except Refused as flaw:
        say.message(f"rebalancer: {flaw}")
        ended = False
    click.echo(f"{name} is signed out" + ("" if ended else "; a token is good until it is ended at the console, /me"))


@click.command()
@say.format_option
def whoami(form: str) -> None:
    """Who is signed in here, as the console knows them."""
    from cli.console import Console
    from reading.actions import do

    found = logins.read()
    if found is None:
        raise Refused("nobody is signed in here: ", do("login", "NAME"))
    me = Console.of(found).call("GET", "/me")
    if form == "json":
        say.as_json(me | {"console": found.console})
    else:
        click.echo(f"{_described(me)}, at {found.console}")


def _described(me: dict[str, Any]) -> str:
    from identity.person import IN_WORDS

    return f"{me['name']} is signed in {IN_WORDS[me['how']]}, as {', '.join(me['roles']) or 'nobody: no role'}"


def _secret(what: str) -> str:
    """What somebody types unseen, or the first line of standard input."""
    given = click.prompt(what, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    secret = str(given).strip()
    if not secret:
        raise Refused(f"no {what.lower()} was given: type it, or give it on standard input")
    return secret
