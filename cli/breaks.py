"""`rebalancer breaks`: differences between the books and the custodian, and how somebody resolves them."""

from typing import Any

import click

from cli import choosing, persons, say
from reading import words

LISTED = 10  # accounts that a line names


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
@choosing.ids("BREAK")
@click.option("--account", default=None, metavar="ID", help="All that are open of this account.")
@click.option("--symbol", default=None, metavar="SYMBOL", help="All that are open of this security, or of cash.")
@click.option("--statement", default=None, metavar="NAME", help="All that are open of the statement in this file.")
@click.option("--note", required=True, metavar="TEXT", help="Why; kept for good.")
@click.option("--book-custodian", is_flag=True, help="Take the custodian's figure into the books.")
@say.dry_run_option
@say.by_option
def resolve(
    ids: tuple[str, ...],
    file: Any,
    account: str | None,
    symbol: str | None,
    statement: str | None,
    note: str,
    book_custodian: bool,
    dry_run: bool,
    by: str | None,
) -> None:
    """Resolve breaks with a note, all or none of them; their accounts can be rebalanced again.

    With --book-custodian the books take over the custodian's figure: what it has more comes into the managed sleeve
    (shares at an unknown cost), what it has less goes out of it first. Without, the books stay as they are; if the
    custodian does not correct its side, the next rebalance opens the break again.
    """
    from acting import breaks
    from cli import connections

    numbers, why = choosing.breaks(ids, file, account, symbol, statement), breaks.noted(note)
    if not dry_run:
        choosing.agreed(not ids and file is None, len(numbers), "open break", "resolve with this note")
    books, person, today = connections.books(dry_run), persons.person(by, "resolve"), connections.today()
    done = breaks.resolve_all(books, person, numbers, why, book_custodian, today, sign=persons.signer(person))
    booked = ", and the books have the custodian's figure" if book_custodian else ""
    choosing.tell([f"break {each.number} of account {each.account_id} is resolved{booked}" for each in done])
    say.rehearsed(dry_run)
    left = sorted({each for one in done for each in one.left}, key=int)
    again = sorted({each.account_id for each in done if not each.left})
    if left:
        say.message(f"still open: {', '.join(left)}")
    if again:
        who = "it can" if len(again) == 1 else "they can" if len(again) <= LISTED else f"{len(again):,} accounts can"
        listed = " ".join(again) if len(again) <= LISTED else "ACCOUNT…"
        say.message(f"{who} be rebalanced again: rebalancer submit {listed}")


def _of(each: dict[str, Any]) -> str:
    """What a break is about: cash, a security, or an order of one."""
    kind = {
        "overfill": ", overfilled",
        "foreign_answer": ", another order's answer",
        "changed_fill": ", busted or corrected",
        "allocation": ", refused",
    }.get(each["kind"], "")
    return f"{each['symbol'] or 'cash'}{kind}"


def _resolution(each: dict[str, Any]) -> str:
    if each["resolved_at"] is None:
        return "open"
    booked = ", the custodian's figure booked" if each["booked"] else ""
    return f"{words.moment(each['resolved_at'])} by {each['resolved_by']}{booked}: {each['note']}"
