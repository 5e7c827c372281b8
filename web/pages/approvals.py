"""`/approvals`: all that I may decide about, by when it expires."""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.approvals import same_person
from reading.words import utc
from web import tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("rebalance_id", "account_id", "request_id", "requested_by", "expires_at", "liquidation")
ROWS = 200


@router.get("/approvals")
def show(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """Requests with plans that wait, and rebalances that were started by themselves."""
    with visit.console.books.reading() as books:
        rows = [_row(each) for each in books.rebalances.listing(status="PENDING_APPROVAL", limit=None)]
        names = books.accounts.names({each["account_id"] for each in rows})
        known = books.requests.known({each["request_id"] for each in rows if each["request_id"]})
    rows.sort(key=lambda each: (each["expires_at"] or "", each["request_id"] or "", each["account_id"]))
    mine = [each for each in rows if not same_person(each["requested_by"], visit.person.name)]
    mine = mine if visit.may("approve") else []
    if format != "html":
        return tables.file("approvals", format, COLUMNS, mine)
    requests: dict[str, list[dict[str, Any]]] = {}
    for each in mine:
        requests.setdefault(each["request_id"] if each["request_id"] in known else "", []).append(each)
    alone = requests.pop("", [])
    return visit.page(
        "approvals.html",
        title="Approvals",
        status=str(len(mine)) if mine else "",
        live={},
        requests=requests,
        names=names,
        alone=alone[:ROWS],
        others=len(rows) - len(mine),
        mine=len(mine),
    )


def _row(row: Any) -> dict[str, Any]:
    return {
        "rebalance_id": row.id,
        "account_id": row.account_id,
        "request_id": row.request_id,
        "requested_by": row.requested_by,
        "expires_at": utc(row.expires_at),
        "liquidation": row.liquidation,
    }
