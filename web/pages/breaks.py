"""`/breaks`: where the books and the custodian differ, and how somebody resolves it."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from domain.executing.reconciliation import COMPARED, Break, corrected, ledger
from domain.values.money import ZERO, cents, plain
from storage.work.rebalances import utc
from venues.port import UnknownAtCustodian
from venues.registry import Venues
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("id", "account_id", "rebalance_id", "kind", "symbol", "expected", "actual", "opened_at", "resolved_at",
           "resolved_by", "note", "booked")  # fmt: skip
AGAIN = (("/breaks", "Look again"),)


@router.get("/breaks")
def listing(
    visit: Annotated[Visit, needs("read")],
    account: Annotated[str, Query(max_length=80)] = "",
    all: bool = False,
    format: Format = "html",
) -> Response:
    """Open breaks, the books' figure beside the custodian's; with `all`, resolved ones too."""
    with visit.console.books.reading() as books:
        rows = [_listed(each) for each in books.breaks.listing(account.strip() or None, all)]
    if format != "html":
        return tables.file("breaks", format, COLUMNS, rows)
    unresolved = sum(each["resolved_at"] is None for each in rows)
    return visit.page(
        "breaks.html", title="Breaks", status=str(unresolved) if unresolved else "", live={}, rows=rows[:500],
        account=account.strip(), all=all, more=max(len(rows) - 500, 0),
    )  # fmt: skip


@router.post("/breaks/{number}/resolve")
def resolve(
    visit: Annotated[Visit, needs("resolve")],
    number: int,
    note: Annotated[str, Form(max_length=2000)],
    expected: Annotated[str, Form()],
    actual: Annotated[str, Form()],
    book: Annotated[str, Form()] = "",
) -> Response:
    """Resolves a break as it was shown, with a note; `book` takes the custodian's figure into the books."""
    if not note.strip():
        raise Refusal(422, "Why?", "Say what was found out; the note is kept for good. Nothing was changed.", AGAIN)
    database = visit.console.books
    with database.reading() as books:
        shown = _shown(books, number)
        custodian = books.accounts.custodian(shown.account_id)
    theirs = _theirs(database, custodian, shown.account_id) if book else None
    refusal: Refusal | None = None
    with database.transaction(visit.actor) as books:
        books.accounts.locked(shown.account_id)
        row = books.breaks.get(number)
        if row.resolved_at is not None:
            raise Refusal(409, "It is resolved", f"Break {number} was resolved by {row.resolved_by}: {row.note}", AGAIN)
        if (plain(row.expected), plain(row.actual)) != (expected, actual):
            raise _other(number, row.expected, row.actual)
        if theirs is not None:
            refusal = _book(visit, books, row, theirs)
        if refusal is None:
            books.breaks.resolve(row, note.strip(), bool(book))
    if refusal is not None:
        raise refusal
    done = ", and the books have the custodian’s figure" if book else ""
    return visit.back("/breaks", f"Break {number} of account {shown.account_id} is resolved{done}.")


def _shown(books: Any, number: int) -> Any:
    rows = [each for each in books.breaks.listing(None, True) if each.id == number]
    if not rows:
        raise Refusal(404, f"There is no break {number}", "Nothing of that number is in the books.", AGAIN)
    return rows[0]


def _theirs(database: Any, custodian: str, account_id: str) -> Any:
    try:
        return Venues(database.engine).custodian(custodian).ledger(account_id)
    except UnknownAtCustodian as flaw:
        raise Refusal(409, "There is no figure to book", f"{flaw}. Nothing was changed.", AGAIN) from flaw


def _book(visit: Visit, books: Any, row: Any, theirs: Any) -> Refusal | None:
    """Takes the custodian's figure into the books. Nobody books a figure that they have not seen (RECON-1)."""
    if row.kind not in COMPARED:
        why = f"Break {row.id} is about an order: what was filled is in the books. Resolve it without booking."
        return Refusal(409, "There is nothing to book", why, AGAIN)
    trading = books.rebalances.executing(row.account_id)
    if trading is not None:
        why = f"{trading.id} trades on account {row.account_id} now. Wait for its end."
        return Refusal(409, "Not now", why, ((f"/rebalances/{trading.id}", "See it"),))
    snapshot, _ = books.snapshots.take(row.account_id, None, visit.console.clock.today())
    account, ours = snapshot.account, ledger(snapshot.account)
    if row.kind == "cash":
        now = Break("cash", None, ours.cash, theirs.cash)
    else:
        of = (each.positions.get(row.symbol, ZERO) for each in (ours, theirs))
        now = Break("quantity", row.symbol, *of)
    if (now.expected, now.actual) != (row.expected, row.actual):
        books.breaks.renew(row, now)
        return _other(row.id, now.expected, now.actual)
    books.accounts.store_positions(account.id, account, corrected(account, now))
    return None


def _other(number: int, expected: Any, actual: Any) -> Refusal:
    why = f"Now the books have {plain(expected)}, the custodian {plain(actual)}. Nothing was resolved or booked."
    return Refusal(412, f"Break {number} is not what it was", why, AGAIN)


def _listed(row: Any) -> dict[str, Any]:
    shown = cents if row.kind == "cash" else plain
    return {
        "id": row.id,
        "account_id": row.account_id,
        "rebalance_id": row.rebalance_id,
        "kind": row.kind,
        "symbol": row.symbol,
        "expected": shown(row.expected),
        "actual": shown(row.actual),
        "seen": (plain(row.expected), plain(row.actual)),
        "opened_at": utc(row.opened_at),
        "resolved_at": utc(row.resolved_at),
        "resolved_by": row.resolved_by,
        "note": row.note,
        "booked": row.booked,
    }
