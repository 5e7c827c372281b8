"""Resolving a break: somebody found out which side is right (RECON-1)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person
from reading.actions import do
from reading.refused import Changed, Conflict, Refused, Unknown

if TYPE_CHECKING:
    from domain.executing.reconciliation import Break, Ledger
    from storage.connection import Books, Transaction

Seen = tuple[Decimal, Decimal]  # the books' figure, and the custodian's


@dataclass(frozen=True, slots=True)
class Resolved:
    """A break that was resolved, and the account's breaks that are still open."""

    number: int
    account_id: str
    booked: bool
    left: list[str]


def resolve(
    books: "Books", person: Person, number: int, note: str, book_custodian: bool, today: date, seen: Seen | None = None
) -> Resolved:
    """Resolves a break with a note; the account can be rebalanced again.

    `book_custodian`: the books take over the custodian's figure. `seen`: the figures that whoever decides has looked
    at. Raises Unknown, Conflict, and Changed where it is not what it was; such a break then shows its new figures.
    """
    from storage.accounts.breaks import UnknownBreak

    why = noted(note)
    refused: Refused | None = None
    left: list[str] = []
    with books.transaction() as read:
        try:
            account_id = read.breaks.get(number).account_id
        except UnknownBreak as flaw:
            raise Unknown(f"there is no break {number}: ", do("breaks", all=True, told="{} lists them")) from flaw
        custodian = read.accounts.custodian(account_id)
    theirs = _theirs(books, custodian, account_id) if book_custodian else None
    with books.transaction(actor(person)) as work:
        work.accounts.locked(account_id)
        row = work.breaks.get(number)
        if row.resolved_at is not None:
            raise Conflict(f"break {number} was resolved by {row.resolved_by} already: {row.note}")
        if seen is not None and seen != (row.expected, row.actual):
            raise _changed(number, row, "Nothing was resolved; look again")
        if theirs is not None:
            refused = _book(work, row, theirs, today)
        if refused is None:
            work.breaks.resolve(row, why, book_custodian)
            left = [str(each.id) for each in work.breaks.open_of(account_id)]
    if refused is not None:
        raise refused
    return Resolved(number, account_id, book_custodian, left)


def noted(note: str) -> str:
    """A note that says something."""
    if not note.strip():
        raise Refused("--note is empty: say what was found out, like --note 'dividend of 20 November, booked late'")
    return note.strip()


def _changed(number: int, now: Any, told: str) -> Changed:
    figures = f"now the books have {now.expected:f} and the custodian {now.actual:f}"
    return Changed(f"break {number} is not what it was: {figures}. {told}", rule="RECON-1")


def _theirs(database: "Books", custodian: str, account_id: str) -> "Ledger":
    """The custodian's figures, asked while nobody holds the account."""
    from venues.port import UnknownAtCustodian
    from venues.registry import Venues

    try:
        return Venues(database.engine).custodian(custodian).ledger(account_id)
    except UnknownAtCustodian as flaw:
        raise Conflict(f"{flaw}: there is no figure to book") from flaw


def _book(books: "Transaction", row: Any, theirs: "Ledger", today: date) -> Refused | None:
    """Takes the custodian's figure into the books, or says why not.

    Nobody books a figure that he has not seen: where it is no longer the break's, the break shows the new one.
    """
    from domain.executing.reconciliation import COMPARED, corrected

    if row.kind not in COMPARED:
        return Conflict(
            f"break {row.id} is about an order, and what was filled of it is in the books: there is nothing to book. "
            "Resolve it without --book-custodian"
        )
    under_way = books.rebalances.executing(row.account_id)
    if under_way is not None:
        look = do("show", under_way.id, told="({})")
        told = f"{under_way.id} trades on account {row.account_id} now: wait for its end "
        return Conflict(told, look, ", then try again")
    snapshot, _ = books.snapshots.take(row.account_id, None, today)
    account = snapshot.account
    now = _now(account, row, theirs)
    if (now.expected, now.actual) != (row.expected, row.actual):
        books.breaks.renew(row, now)
        return _changed(row.id, now, "Nothing was booked; look again, and repeat the command if that is right")
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
