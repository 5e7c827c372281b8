"""Resolving a break: somebody found out which side is right (RECON-1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from acting.proving import Sign, deciding
from acting.reasons import reason
from identity.person import Person
from reading.actions import do
from reading.refused import Changed, Conflict, Refused, Unknown

if TYPE_CHECKING:
    from domain.executing.reconciliation import Break, Ledger
    from storage.connection import Books, Transaction

Seen = tuple[Decimal, Decimal]  # the books' figure, and the custodian's
NAMED = 10  # of many that are refused


@dataclass(frozen=True, slots=True)
class Resolved:
    """A break that was resolved, and the account's breaks that are still open."""

    number: int
    account_id: str
    booked: bool
    left: list[str]


def resolve(
    books: "Books",
    person: Person,
    number: int,
    note: str,
    book_custodian: bool,
    today: date,
    seen: Seen | None = None,
    sign: Sign | None = None,
) -> Resolved:
    """Resolves a break with a note; the account can be rebalanced again. As `resolve_all`, of one.

    `seen`: the figures that whoever decides has looked at.
    """
    looked = {} if seen is None else {number: seen}
    (done,) = resolve_all(books, person, [number], note, book_custodian, today, looked, sign)
    return done


def resolve_all(
    books: "Books",
    person: Person,
    numbers: Sequence[int],
    note: str,
    book_custodian: bool,
    today: date,
    seen: Mapping[int, Seen] | None = None,
    sign: Sign | None = None,
) -> list[Resolved]:
    """Resolves breaks with one note, all or none; their accounts can be rebalanced again (BREAK-1).

    `book_custodian`: the books take over the custodian's figures. Raises Unknown, Conflict, and Changed where one is
    not what it was; such a break then shows its new figures.
    """
    why, wanted = noted(note), sorted(set(numbers))
    with books.transaction() as read:
        rows = {row.id: row for row in read.breaks.numbered(wanted)}
        missing = [str(number) for number in wanted if number not in rows]
        if missing:
            what = "is no break" if len(missing) == 1 else "are no breaks"
            lists = do("breaks", all=True, told="{} lists them")
            raise Unknown(f"there {what} {', '.join(missing[:NAMED])}: ", lists)
        accounts = sorted({str(row.account_id) for row in rows.values()})
        custodians = {each: read.accounts.custodian(each) for each in accounts} if book_custodian else {}
    theirs = {each: _theirs(books, custodian, each) for each, custodian in custodians.items()}
    decided = {"breaks": wanted, "note": why, "book_custodian": book_custodian}
    with deciding(books, person, "resolve", decided, sign) as work:
        for account_id in accounts:
            work.accounts.locked(account_id)
        found = [_stands(work, number, (seen or {}).get(number), theirs, today) for number in wanted]
        refused = [each.refused for each in found if each.refused is not None]
        for each in found:
            if not refused:
                _close(work, each, why, today)
            elif each.refused is not None and each.now is not None:
                work.breaks.renew(each.row, each.now)
        left = {each: [str(row.id) for row in work.breaks.open_of(each)] for each in accounts}
    if refused:
        raise _together(refused)
    return [Resolved(each.row.id, each.row.account_id, book_custodian, left[each.row.account_id]) for each in found]


@dataclass(frozen=True, slots=True)
class _Stands:
    """A break as it is: why it can't be resolved; `now`: its figures, where the custodian's are to be booked."""

    row: Any
    refused: Refused | None = None
    now: "Break | None" = None


def _stands(
    work: "Transaction", number: int, seen: Seen | None, theirs: "Mapping[str, Ledger | None]", today: date
) -> _Stands:
    row = work.breaks.get(number)
    if row.resolved_at is not None:
        return _Stands(row, Conflict(f"break {number} was resolved by {row.resolved_by} already: {row.note}"))
    if seen is not None and seen != (row.expected, row.actual):
        return _Stands(row, _changed(number, row, "Nothing was resolved; look again"))
    if row.account_id in theirs:
        return _bookable(work, row, theirs[row.account_id], today)
    return _Stands(row)


def _together(refused: list[Refused]) -> Refused:
    """One refusal for all."""
    if len(refused) == 1:
        return refused[0]
    more = f"; and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    told = "; ".join(str(each).rstrip(". ") for each in refused[:NAMED])
    rule = "RECON-1" if any(isinstance(each, Changed) for each in refused) else None
    return Conflict(f"none was resolved: {told}{more}", rule=rule)


def noted(note: str) -> str:
    """A note that says something."""
    return reason(note, "dividend of 20 November, booked late", "--note", "what was found out")


def _changed(number: int, now: Any, told: str) -> Changed:
    figures = f"now the books have {now.expected:f} and the custodian {now.actual:f}"
    return Changed(f"break {number} is not what it was: {figures}. {told}", rule="RECON-1")


def _theirs(database: "Books", custodian: str, account_id: str) -> "Ledger | None":
    """The custodian's figures, asked while nobody holds the account; None where it can't be asked, and only states."""
    from venues.port import UnknownAtCustodian
    from venues.registry import Venues

    venues = Venues(database.engine)
    if not venues.states(custodian):
        return None
    try:
        return venues.custodian(custodian).ledger(account_id)
    except UnknownAtCustodian as flaw:
        raise Conflict(f"{flaw}: there is no figure to book") from flaw


def _bookable(work: "Transaction", row: Any, theirs: "Ledger | None", today: date) -> _Stands:
    """Whether the custodian's figure can be taken into the books.

    Nobody books a figure that he has not seen: where it is no longer the break's, the break shows the new one.
    """
    from domain.executing.reconciliation import COMPARED

    if row.kind not in COMPARED:
        told = (
            f"break {row.id} is about an order, and what was filled of it is in the books: there is nothing to book. "
        )
        return _Stands(row, Conflict(f"{told}Resolve it without --book-custodian"))
    under_way = work.rebalances.executing(row.account_id)
    if under_way is not None:
        look = do("show", under_way.id, told="({})")
        told = f"{under_way.id} trades on account {row.account_id} now: wait for its end "
        return _Stands(row, Conflict(told, look, ", then try again"))
    now = _now(work.snapshots.take(row.account_id, None, today)[0].account, row, theirs)
    if (now.expected, now.actual) != (row.expected, row.actual):
        again = "Nothing was booked; look again, and repeat the command if that is right"
        return _Stands(row, _changed(row.id, now, again), now)
    return _Stands(row, now=now)


def _close(work: "Transaction", each: _Stands, why: str, today: date) -> None:
    """Resolves it; with figures, the books take over the custodian's."""
    from domain.executing.reconciliation import corrected

    if each.now is not None:
        account = work.snapshots.take(each.row.account_id, None, today)[0].account
        work.accounts.store_positions(account.id, account, corrected(account, each.now))
    work.breaks.resolve(each.row, why, each.now is not None)


def _now(account: Any, row: Any, theirs: "Ledger | None") -> "Break":
    """The break's figures as they are now; of a custodian that can't be asked, as it stated them."""
    from domain.executing.reconciliation import Break, ledger
    from domain.values.money import ZERO

    ours = ledger(account)
    if row.kind == "cash":
        return Break("cash", None, ours.cash, theirs.cash if theirs else row.actual)
    stated = theirs.positions.get(row.symbol, ZERO) if theirs else row.actual
    return Break("quantity", row.symbol, ours.positions.get(row.symbol, ZERO), stated)
