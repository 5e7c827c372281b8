"""`/breaks`: where the books and the custodian differ, and how somebody resolves it."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting import breaks as acting
from domain.values.money import plain
from reading.accounts.breaks import as_json
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("id", "account_id", "rebalance_id", "kind", "symbol", "expected", "actual", "opened_at", "resolved_at",
           "resolved_by", "note", "booked")  # fmt: skip
SHOWN = 500  # rows of the page; a file has all
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
        names = books.accounts.names({each["account_id"] for each in rows[:SHOWN]})
    if format != "html":
        return tables.file("breaks", format, COLUMNS, rows)
    unresolved = sum(each["resolved_at"] is None for each in rows)
    return visit.page(
        "breaks.html", title="Breaks", status=str(unresolved) if unresolved else "", live={}, rows=rows[:SHOWN],
        names=names, account=account.strip(), all=all, more=max(len(rows) - SHOWN, 0),
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


def _listed(row: Any) -> dict[str, Any]:
    """A break in its public form, and the figures that whoever resolves it has seen, as they are kept."""
    return {**as_json(row), "seen": (plain(row.expected), plain(row.actual))}
