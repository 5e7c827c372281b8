"""`/approvals`: all that I may decide about, by when it expires."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from reading.accounts.accounts import names
from reading.work import deciding
from web import tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("rebalance_id", "account_id", "request_id", "requested_by", "expires_at", "liquidation")
ROWS = 200


@router.get("/approvals")
def show(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """Requests with plans that wait, and rebalances that were started by themselves."""
    may = visit.may("approve")
    with visit.console.books.reading() as books:
        if format != "html":
            return tables.file("approvals", format, COLUMNS, deciding.listing(books, visit.person) if may else [])
        waiting = deciding.waiting(books, visit.person, may)
        alone = deciding.listing(books, visit.person, ROWS, alone=True) if waiting.alone else []
        called = names(books, {each["account_id"] for each in alone})
    return visit.page(
        "approvals.html",
        title="Approvals",
        status=f"{waiting.mine:,}" if waiting.mine else "",
        live={},
        waiting=waiting,
        alone=alone,
        names=called,
    )
