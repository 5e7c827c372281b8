"""`rebalancer desk`: what a venue's desk has gathered, which blocks are open; stop it, start it, release at once."""

from typing import Any

import click

from cli import persons, say
from reading import words


class _Desk(click.Group):
    """Without a subcommand it shows the desk, of the venue that is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks = args[:1] in (["-h"], ["--help"])
        shows = not asks and (not args or args[0] not in self.commands)
        return super().parse_args(ctx, ["show", *args] if shows else args)


@click.group(cls=_Desk)
def desk() -> None:
    """The trading desk of each venue: legs that wait, open blocks. `desk VENUE` shows one; stop, start, release it."""


@desk.command()
@click.argument("venue", required=False)
@say.format_option
def show(venue: str | None, form: str) -> None:
    """What waits at the desk of VENUE, or at each, and which blocks are open."""
    from cli import connections
    from reading.work.desks import desks

    books = connections.books()
    with books.transaction() as read:
        listed = desks(read, connections.venues(books), venue)
    if form == "json":
        say.as_json(listed)
        return
    for each in listed:
        say.show(*page(each), "")


def page(each: dict[str, Any]) -> list[Any]:
    """A desk, for people."""
    if not each["blocks"] and not each["open"] and not each["waiting"]:
        told = f"{each['venue']}: orders are sent one by one. In blocks: "
        return [f"{told}rebalancer venue set {each['venue']} --blocks window"]
    stopped = each["stopped"]
    told = f"stopped by {stopped['by']}, {words.moment(stopped['at'])}: {stopped['why']}" if stopped else "at work"
    gathers = f", gathered until {words.moment(each['gathers_until'])}" if each["gathers_until"] else ""
    lines: list[Any] = [f"{each['venue']}: {told} · {words.counted(each['waiting'], 'leg')} waiting{gathers}"]
    return [*lines, blocks_table(each["open"])] if each["open"] else [*lines, "No block is open."]


def blocks_table(listed: list[dict[str, Any]]) -> Any:
    """Blocks in lines."""
    rows = [
        (each["block_id"], each["venue"], each["side"], each["symbol"], words.number(each["ordered"]),
         words.number(each["filled"]), f"{each['accounts']:,}", str(each["days"]), each["status"],
         words.moment(each["formed_at"]))
        for each in listed
    ]  # fmt: skip
    columns = ("block", "venue", "side", "symbol", "ordered", "filled", "accounts", "days", "stands", "formed")
    return say.table("", columns, rows, right=(4, 5, 6, 7))


@desk.command()
@click.argument("venue")
@click.option("--why", required=True, metavar="TEXT", help="Why; shown to everybody who looks, and kept for good.")
@say.by_option
@say.format_option
def stop(venue: str, why: str, by: str | None, form: str) -> None:
    """Stop the desk of VENUE at once: nothing more is formed or released. What is at the venue is looked after."""
    from acting import desks
    from cli import connections

    books = connections.books()
    done = desks.stop(books, connections.venues(books), persons.person(by, "halt"), venue, why)
    if form == "json":
        say.as_json(done)
        return
    click.echo(f"the desk of {venue} is stopped")
    say.show(*page(done), "", f"Let it go on: rebalancer desk start {venue}")


@desk.command()
@click.argument("venue")
@say.by_option
def start(venue: str, by: str | None) -> None:
    """Let the desk of VENUE go on, and wake its open blocks, those too whose workflow was ended."""
    from acting import desks
    from cli import connections

    books = connections.books()
    work = desks.start(books, connections.venues(books), connections.temporal, persons.person(by, "venue"), venue)
    click.echo(f"the desk of {venue} goes on, with {words.counted(connections.run(work), 'open block')}")


@desk.command()
@click.argument("venue")
@say.by_option
def release(venue: str, by: str | None) -> None:
    """Form blocks of what the desk of VENUE has gathered now, and release them, without waiting for the window."""
    from acting import desks
    from cli import connections

    books = connections.books()
    connections.run(
        desks.release(books, connections.venues(books), connections.temporal, persons.person(by, "venue"), venue)
    )
    click.echo(f"the window of {venue} is closed: its blocks are released")
    say.message(f"See them: rebalancer desk {venue}")
