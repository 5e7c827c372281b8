"""`rebalancer breaks`: differences between the books and the custodian, and how somebody resolves them."""

from typing import Any

import click

from cli import say
from reading import words


@click.group(invoke_without_command=True)
@click.option("--account", "account_id", metavar="ID", default=None, help="Only this account's.")
@click.option("--all", "all_", is_flag=True, help="Those that were resolved too.")
@say.format_option
@click.pass_context
def breaks(ctx: click.Context, account_id: str | None, all_: bool, form: str) -> None:
    """Open differences between the books and the custodian (RECON-1). Each keeps its account from being rebalanced."""
    if ctx.invoked_subcommand is not None:
        return
    from cli import connections
    from reading.accounts.breaks import listing

    with connections.books().transaction() as books:
        listed = listing(books, account_id, all_)
    if form == "json":
        say.as_json(listed)
    elif not listed:
        whose = f" of account {account_id}" if account_id else ""
        say.show(f"No break{whose} is open." if not all_ else f"There never was a break{whose}.")
    else:
        rows = [
            (str(each["id"]), each["account_id"], _of(each), each["expected"], each["actual"],
             words.moment(each["opened_at"]), each["rebalance_id"] or "–", _resolution(each))
            for each in listed
        ]  # fmt: skip
        columns = ("break", "account", "of", "books", "custodian", "opened", "by", "resolved")
        say.show(say.table("", columns, rows, right=(0, 3, 4)), "")
        if any(each["resolved_at"] is None for each in listed):
            say.show(
                "Find out which side is right, then: rebalancer breaks resolve BREAK --note TEXT, and --book-custodian "
                "where the custodian is."
            )


@breaks.command()
@click.argument("break_id", metavar="BREAK")
@click.option("--note", required=True, metavar="TEXT", help="Why; kept for good.")
@click.option("--book-custodian", is_flag=True, help="Take the custodian's figure into the books.")
@say.by_option
def resolve(break_id: str, note: str, book_custodian: bool, by: str | None) -> None:
    """Resolve BREAK with a note; the account can be rebalanced again.

    With --book-custodian the books take over the custodian's figure: what it has more comes into the managed sleeve
    (shares at an unknown cost), what it has less goes out of it first. Without, the books stay as they are; if the
    custodian does not mend its side, the next rebalance opens the break again.
    """
    from acting import breaks
    from cli import connections

    if not (break_id.isascii() and break_id.isdigit()):
        raise click.UsageError(f"a break is a number, like 3, not {break_id}: rebalancer breaks lists them")
    number, why = int(break_id[:18]), breaks.noted(note)
    books, today = connections.books(), connections.today()
    done = breaks.resolve(books, say.person(by), number, why, book_custodian, today)
    booked = ", and the books have the custodian's figure" if done.booked else ""
    click.echo(f"break {number} of account {done.account_id} is resolved{booked}")
    again = f"it can be rebalanced again: rebalancer submit {done.account_id}"
    say.message(f"still open: {', '.join(done.left)}" if done.left else again)


def _of(each: dict[str, Any]) -> str:
    """What a break is about: cash, a security, or an order of one."""
    kind = {"overfill": ", overfilled", "foreign_answer": ", another order's answer"}.get(each["kind"], "")
    return f"{each['symbol'] or 'cash'}{kind}"


def _resolution(each: dict[str, Any]) -> str:
    if each["resolved_at"] is None:
        return "open"
    booked = ", the custodian's figure booked" if each["booked"] else ""
    return f"{words.moment(each['resolved_at'])} by {each['resolved_by']}{booked}: {each['note']}"
