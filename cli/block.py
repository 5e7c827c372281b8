"""`rebalancer block`: trade blocks, what each account got of them, and taking an account out of one."""

from typing import Any

import click

from cli import persons, say
from reading import words


@click.group()
def block() -> None:
    """Trade blocks: list them, show one with each account's part, take an account out, allocate a day otherwise."""


@block.command("list")
@click.option("--venue", default=None, metavar="VENUE", help="Only this venue's.")
@click.option("--open", "open_only", is_flag=True, help="Only those that have not ended.")
@say.format_option
def list_(venue: str | None, open_only: bool, form: str) -> None:
    """Blocks, newest first."""
    from cli import connections
    from cli.desk import blocks_table
    from reading.work.desks import blocks

    with connections.books().transaction() as read:
        listed = blocks(read, venue, open_only)
    if form == "json":
        say.as_json(listed)
    elif not listed:
        say.show("No block is open." if open_only else "There never was a block.")
    else:
        say.show(blocks_table(listed))


@block.command()
@click.argument("block_id", metavar="BLOCK")
@say.format_option
def show(block_id: str, form: str) -> None:
    """BLOCK with its orders day by day, each account's part, and what each account is told (ALLOC-8)."""
    from cli import connections
    from reading.work import desks

    with connections.books().transaction() as read:
        found = desks.block(read, block_id)
    if form == "json":
        say.as_json(found)
    else:
        say.show(*page(found))


def page(found: dict[str, Any]) -> list[Any]:
    """A block, for people."""
    ended = f", ended {words.moment(found['ended_at'])}" if found["ended_at"] else ""
    unfilled = f": {found['reason']}" if found["reason"] else ""
    lines: list[Any] = [
        f"{found['block_id']}: {found['side']} {found['symbol']} at {words.number(found['price'])} at {found['venue']}"
        f" · {found['status']}{ended}{unfilled}",
        f"stated {words.moment(found['released_at'])}, SHA-256 {found['digest']}"
        + (f", allocated in lots of {found['lot']} (ALLOC-6)" if found["lot"] else "")
        if found["digest"]
        else "not released: nothing is stated yet",
        "",
    ]
    if found["orders"]:
        lines += [_orders(found), ""]
    if found["accounts"]:
        lines += [_allocated(found), ""]
    lines += [
        f"{each['account_id']} asked to leave at {each['filled']} filled, lacking {each['rest']} ({each['why']}, "
        f"{each['asked_by']}): {each['said'] or 'not answered yet'}"
        + (f", reduced by {each['reduced']}" if each["reduced"] not in (None, "0") else "")
        for each in found["leavings"]
    ]
    lines += [_departure(each) for each in found["departures"]]
    lines += ["", *(each["told"] for each in found["accounts"] if each["told"])]
    lines += ["", f"Computed again: rebalancer audit recompute {found['block_id']}"]
    return lines


def _orders(found: dict[str, Any]) -> Any:
    rows = [
        (str(each["day"]), each["client_order_id"], words.number(each["quantity"]),
         words.number(each["reduced_to"]) if each["reduced_to"] else "–", words.number(each["filled"]),
         words.amount(each["amount"]), *_costs(found, each), each["status"], each["venue_reason"] or "")
        for each in found["orders"]
    ]  # fmt: skip
    costs = ("costs",) if _has_costs(found) else ()
    columns = ("day", "order", "shares", "reduced to", "filled", "for", *costs, "stands", "")
    return say.table("Orders", columns, rows, right=(2, 3, 4, 5, *((6,) if costs else ())))


def _has_costs(found: dict[str, Any]) -> bool:
    return any(each["costs"] != "0.00" for part in ("orders", "accounts") for each in found[part])


def _costs(found: dict[str, Any], each: dict[str, Any]) -> tuple[str, ...]:
    """A cell with costs, where the block has any (ALLOC-5)."""
    return (words.amount(each["costs"]),) if _has_costs(found) else ()


def _allocated(found: dict[str, Any]) -> Any:
    days = [each["trade_date"] for each in found["days"]]
    rows = []
    for each in found["accounts"]:
        by_day = {part["trade_date"]: part for part in each["days"]}
        cells = [_part(by_day.get(day)) for day in days]
        rows.append(
            (each["account_id"], words.number(each["ordered"]), words.number(each["exact"]), *cells,
             words.number(each["received"]), each["average"] or "–", words.amount(each["amount"]), *_costs(found, each))
        )  # fmt: skip
    costs = ("costs",) if _has_costs(found) else ()
    columns = ("account", "ordered", "pro rata", *days, "received", "average", "for", *costs)
    return say.table("Allocation", columns, rows, right=tuple(range(1, len(columns))))


def _part(part: dict[str, Any] | None) -> str:
    if part is None:
        return "–"
    return f"{words.number(part['shares'])}{' refused' if part['refused'] else ''}"


def _departure(each: dict[str, Any]) -> str:
    signed = {account: units if units.startswith("-") else f"+{units}" for account, units in each["moves"].items()}
    moves = ", ".join(f"{account} {units}" for account, units in signed.items())
    agreed = f"approved by {each['approved_by']}" if each["approved_by"] else "not approved"
    came = "booked" if each["booked"] else each["said"] or "not booked yet"
    return f"departure of day {each['day']} ({each['why']}, {each['asked_by']}, {agreed}): {moves}: {came} (ALLOC-9)"


@block.command()
@click.argument("block_id", metavar="BLOCK")
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@say.by_option
def leave(block_id: str, account_id: str, why: str, by: str | None) -> None:
    """Take ACCOUNT out of BLOCK: before its release at once, afterwards as far as the venue confirms (BLOCK-5)."""
    from acting import desks
    from cli import connections

    books = connections.books()
    venues = connections.venues(books)
    asked = connections.run(
        desks.leave(books, venues, connections.temporal, persons.person(by, "cancel"), block_id, account_id, why)
    )
    if asked.status == "FORMED":
        click.echo(f"{account_id} is taken out of {block_id} before its release")
    else:
        click.echo(f"the venue is asked to reduce {block_id} by the {asked.rest} that {account_id} lacks")
        say.message(f"What it answers: rebalancer block show {block_id}")


@block.command()
@click.argument("block_id", metavar="BLOCK")
@click.option(
    "--move",
    "moves",
    multiple=True,
    required=True,
    metavar="ACCOUNT=UNITS",
    help="Like 101=2 and 102=-2: they sum to 0.",
)
@click.option("--why", required=True, metavar="TEXT", help="Why; kept for good.")
@say.by_option
def depart(block_id: str, moves: tuple[str, ...], why: str, by: str | None) -> None:
    """Ask for the day of BLOCK that is not booked yet to be allocated otherwise (ALLOC-9); another person approves."""
    from acting import desks
    from cli import connections

    day = desks.depart(connections.books(), persons.person(by, "venue"), block_id, dict(map(_move, moves)), why)
    click.echo(f"the departure of day {day} of {block_id} waits for somebody else")
    say.message(f"They approve it before the day is booked: rebalancer block approve-departure {block_id} --by WHO")


@block.command("approve-departure")
@click.argument("block_id", metavar="BLOCK")
@say.by_option
def approve_departure(block_id: str, by: str | None) -> None:
    """Approve the departure of BLOCK that another person asked for (ALLOC-9). It lapses where nobody does in time."""
    from acting import desks
    from cli import connections

    done = desks.approve_departure(connections.books(), persons.person(by, "approve"), block_id)
    click.echo(f"approved, as {done['asked_by']} asked ({done['why']}): it is booked with the day")


def _move(given: str) -> tuple[str, int]:
    account, _, units = given.rpartition("=")
    sign, digits = (-1, units[1:]) if units.startswith("-") else (1, units.removeprefix("+"))
    if not account or not digits.isascii() or not digits.isdigit():
        raise click.UsageError(f"--move needs an account and whole units like 101=2 or 101=-2, not {given}")
    return account, sign * int(digits)
