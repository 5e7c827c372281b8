"""`/breaks`: where the books and the custodian differ, and how somebody resolves it."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting import breaks as acting
from reading.accounts import breaks as reading
from reading.accounts.accounts import names
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("id", "account_id", "rebalance_id", "kind", "symbol", "expected", "actual", "opened_at", "resolved_at",
           "resolved_by", "note", "booked")  # fmt: skip
SIZE = 50
AGAIN = (("/breaks", "Look again"),)


@router.get("/breaks")
def listing(
    visit: Annotated[Visit, needs("read")],
    account: Annotated[str, Query(max_length=80)] = "",
    all: bool = False,
    after: Annotated[str | None, Query(max_length=600)] = None,
    format: Format = "html",
) -> Response:
    """Open breaks, the books' figure beside the custodian's; with `all`, resolved ones too."""
    of = account.strip() or None
    if format != "html":
        rows = visit.rows(lambda books, place: reading.page(books, of, all, place, tables.PAGE))
        return tables.file("breaks", format, COLUMNS, rows)
    with visit.console.books.reading() as books:
        found = reading.page(books, of, all, after, SIZE)
        unresolved = reading.unresolved(books, of)
        called = names(books, {each["account_id"] for each in found.rows})
    return visit.page(
        "breaks.html", title="Breaks", status=f"{unresolved:,}" if unresolved else "", live={}, rows=found.rows,
        names=called, account=account.strip(), all=all, after=after, next=found.after,
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
    try:
        seen = Decimal(expected), Decimal(actual)
    except InvalidOperation as flaw:
        raise Refusal(
            422, "Which figures?", "What was shown is not what came back. Nothing was changed.", AGAIN
        ) from flaw
    if not note.strip():
        raise Refusal(422, "Why?", "Say what was found out; the note is kept for good. Nothing was changed.", AGAIN)
    console = visit.console
    today = console.clock.today()
    done = acting.resolve(console.books, visit.person, number, note, bool(book), today, seen, visit.sign)
    booked = ", and the books have the custodian’s figure" if done.booked else ""
    return visit.back("/breaks", f"Break {number} of account {done.account_id} is resolved{booked}.")
