"""`rebalancer breaks`: differences between the books and the custodian, and how somebody resolves them."""

from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from domain.executing.reconciliation import Break, Ledger
    from storage.connection import Books, Transaction


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

    with connections.books().transaction() as books:
        listed = [_as_json(each) for each in books.breaks.listing(account_id, all_)]
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
    from cli import connections
    from storage.accounts.breaks import UnknownBreak
    from storage.actor import Actor

    if not (break_id.isascii() and break_id.isdigit()):
        raise click.UsageError(f"a break is a number, like 3, not {break_id}: rebalancer breaks lists them")
    number = int(break_id[:18])
    if not note.strip():
        raise Refused("--note is empty: say what was found out, like --note 'dividend of 20 November, booked late'")
    refused: Refused | None = None
    database = connections.books()
    with database.transaction() as books:
        try:
            account_id = books.breaks.get(number).account_id
        except UnknownBreak as flaw:
            raise Refused(f"there is no break {number}: rebalancer breaks --all lists them") from flaw
        custodian = books.accounts.custodian(account_id)
    theirs = _theirs(database, custodian, account_id) if book_custodian else None
    with database.transaction(Actor(say.who(by))) as books:
        books.accounts.locked(account_id)
        row = books.breaks.get(number)
        if row.resolved_at is not None:
            raise Refused(f"break {number} was resolved by {row.resolved_by} already: {row.note}")
        if theirs is not None:
            refused = _book(books, row, theirs)
        if refused is None:
            books.breaks.resolve(row, note.strip(), book_custodian)
            left = [str(each.id) for each in books.breaks.open_of(account_id)]
    if refused is not None:
        raise refused
    done = ", and the books have the custodian's figure" if book_custodian else ""
    click.echo(f"break {number} of account {account_id} is resolved{done}")
    more = f"still open: {', '.join(left)}" if left else f"it can be rebalanced again: rebalancer submit {account_id}"
    say.message(more)


def _theirs(database: "Books", custodian: str, account_id: str) -> "Ledger":
    """The custodian's figures, asked while nobody holds the account."""
    from venues.port import UnknownAtCustodian
    from venues.registry import Venues

    try:
        return Venues(database.engine).custodian(custodian).ledger(account_id)
    except UnknownAtCustodian as flaw:
        raise Refused(f"{flaw}: there is no figure to book") from flaw


def _book(books: "Transaction", row: Any, theirs: "Ledger") -> Refused | None:
    """Takes the custodian's figure into the books, or says why not.

    Nobody books a figure that he has not seen: where it is no longer the break's, the break shows the new one.
    """
    from cli import connections
    from domain.executing.reconciliation import COMPARED, corrected

    if row.kind not in COMPARED:
        return Refused(
            f"break {row.id} is about an order, and what was filled of it is in the books: there is nothing to book. "
            "Resolve it without --book-custodian"
        )
    under_way = books.rebalances.executing(row.account_id)
    if under_way is not None:
        return Refused(
            f"{under_way.id} trades on account {row.account_id} now: wait for its end (rebalancer show "
            f"{under_way.id}), then try again"
        )
    snapshot, _ = books.snapshots.take(row.account_id, None, connections.today())
    account = snapshot.account
    now = _now(account, row, theirs)
    if (now.expected, now.actual) != (row.expected, row.actual):
        books.breaks.renew(row, now)
        return Refused(
            f"break {row.id} is not what it was: now the books have {now.expected:f} and the custodian "
            f"{now.actual:f}. Nothing was booked; look again, and repeat the command if that is right"
        )
    books.accounts.store_positions(account.id, account, corrected(account, now))
    return None


def _now(account: Any, row: Any, theirs: "Ledger") -> "Break":
    """The break's figures as they are now."""
    from domain.executing.reconciliation import Break, ledger
    from domain.values.money import ZERO

    ours = ledger(account)
    if row.kind == "cash":
        return Break("cash", None, ours.cash, theirs.cash)
    return Break("quantity", row.symbol, ours.positions.get(row.symbol, ZERO), theirs.positions.get(row.symbol, ZERO))


def _as_json(row: Any) -> dict[str, Any]:
    from domain.values.money import cents, plain
    from storage.work.rebalances import utc

    shown = cents if row.kind == "cash" else plain
    return {
        "id": row.id,
        "account_id": row.account_id,
        "rebalance_id": row.rebalance_id,
        "kind": row.kind,
        "symbol": row.symbol,
        "expected": shown(row.expected),
        "actual": shown(row.actual),
        "opened_at": utc(row.opened_at),
        "resolved_at": utc(row.resolved_at),
        "resolved_by": row.resolved_by,
        "note": row.note,
        "booked": row.booked,
    }


def _of(each: dict[str, Any]) -> str:
    """What a break is about: cash, a security, or an order of one."""
    kind = {"overfill": ", overfilled", "foreign_answer": ", another order's answer"}.get(each["kind"], "")
    return f"{each['symbol'] or 'cash'}{kind}"


def _resolution(each: dict[str, Any]) -> str:
    if each["resolved_at"] is None:
        return "open"
    booked = ", the custodian's figure booked" if each["booked"] else ""
    return f"{words.moment(each['resolved_at'])} by {each['resolved_by']}{booked}: {each['note']}"
