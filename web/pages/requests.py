"""`/requests` and `/requests/Q`: what was asked for, how far it is, and who needs somebody first."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from acting.submit import Wanted
from domain.requests import counted
from identity.roles import Act
from reading.unknown import UnknownRequest
from reading.work import listed as listed_as
from reading.work.figures import with_figures
from web import acts, tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
SIZE = 50
COLUMNS = ("request_id", "status", "requested_by", "kind", "amount", "accounts", "pending", "started_at", "ended_at")
ACCOUNTS = ("position", "account_id", "status", "rebalance_id", "issue", "decided_by")
# Who needs somebody first: failures, then what waits for a person, what is under way, what is done.
FIRST = ("FAILED", "BUSY", "COMPLETE_WITH_ERRORS", "PENDING_APPROVAL", "EXPIRED", "CANCELED")
STATUSES = ("RUNNING", "PAUSED", "COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED")
AGAIN = ("FAILED", "BUSY", "NOT_STARTED")


@router.get("/requests")
def listing(
    visit: Annotated[Visit, needs("read")],
    status: str | None = None,
    by: str | None = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    format: Format = "html",
) -> Response:
    """Requests, newest first."""
    wanted = status.upper() if status and status.upper() in STATUSES else None
    size = SIZE if format == "html" else tables.AT_MOST
    with visit.console.books.reading() as books:
        found = books.listings.requests((page - 1) * size, size, wanted, by or None)
    rows = [listed_as.request(row) for row in found.rows]
    if format != "html":
        return tables.file("requests", format, COLUMNS, rows)
    return visit.page(
        "requests.html", title="Requests", live={}, rows=rows, more=found.more, page=page, wanted=wanted, by=by,
        statuses=STATUSES,
    )  # fmt: skip


@router.get("/requests/{request_id}")
def show(
    visit: Annotated[Visit, needs("read")], request_id: str, status: str | None = None, format: Format = "html"
) -> Response:
    """One request: counts, progress, its accounts."""
    with visit.console.books.reading() as books:
        try:
            row = books.requests.get(request_id)
        except UnknownRequest:
            rebalances = [
                dict(listed_as.rebalance(each)) for each in books.rebalances.listing(request_id=request_id, limit=None)
            ]
            return _without(visit, request_id, rebalances)
        accounts = books.requests.accounts(request_id)
        waiting = {each.account_id for each in books.requests.pending(request_id)}
    counts = counted(each.outcome for each in accounts)
    listed = [_account(each) for each in accounts if not status or each.outcome == status]
    if format != "html":
        return tables.file(request_id, format, ACCOUNTS, listed)
    listed.sort(key=lambda each: (_rank(each["status"]), each["account_id"]))
    with visit.console.books.reading() as books:
        rows, totals = with_figures(books, listed[:200])
    now = row.status or ("PAUSED" if row.stage == "PAUSED" else "IN_PROGRESS")
    return visit.page(
        "request.html",
        title=request_id,
        status=_title(now, counts, len(waiting)),
        live={},
        row=row,
        now=now,
        counts=counts,
        waiting=len(waiting),
        listed=rows,
        totals=totals,
        more=len(listed) - 200,
        shown=status,
        again=sum(counts.get(each, 0) for each in AGAIN),
    )


@router.post("/requests/{request_id}/pause")
def pause(visit: Annotated[Visit, needs("pause")], request_id: str) -> Response:
    """No more accounts are started, and none goes from approval to execution."""
    return _steer(visit, request_id, "pause", "Paused: no more accounts are started, and none begins to trade.")


@router.post("/requests/{request_id}/resume")
def resume(visit: Annotated[Visit, needs("resume")], request_id: str) -> Response:
    """It goes on."""
    return _steer(visit, request_id, "resume", "It goes on.")


@router.post("/requests/{request_id}/cancel")
def cancel(visit: Annotated[Visit, needs("cancel")], request_id: str, why: Annotated[str, Form()] = "") -> Response:
    """What has not begun to trade is cancelled."""
    said = {"reason": why.strip()} if why.strip() else {}
    return _steer(visit, request_id, "cancel", "Cancelled what had not begun to trade.", said)


@router.post("/requests/{request_id}/again")
def again(visit: Annotated[Visit, needs("submit")], request_id: str) -> Response:
    """What failed, was busy or never started, once more; what was executed is left alone."""
    _request(visit, request_id)
    made = acts.start_request(visit.console, visit.person, Wanted({}, failed_of=request_id))
    return visit.back(f"/requests/{made.request_id}", f"What failed in {request_id} is being planned again.")


def _steer(visit: Visit, request_id: str, update: Act, done: str, said: dict[str, str] | None = None) -> Response:
    row = _request(visit, request_id)
    reply = acts.tell(visit.console, visit.person, row.workflow_id, update, {"by": visit.person.name} | (said or {}))
    told = done if reply.answer is not None else f"Sent, and not answered yet: {reply.why}. It may still take effect."
    return visit.back(f"/requests/{request_id}", told)


def _request(visit: Visit, request_id: str) -> Any:
    with visit.console.books.reading() as books:
        try:
            return books.requests.get(request_id)
        except UnknownRequest:
            visit.unknown(f"request {request_id}", "/requests")


def _without(visit: Visit, request_id: str, rebalances: list[Any]) -> Response:
    """A request that no worker has taken up yet, or rebalances that were started one by one under its name."""
    if len(rebalances) == 1:
        return RedirectResponse(f"/rebalances/{rebalances[0]['rebalance_id']}", 303)
    if not rebalances:
        from workflows.contract import request_workflow_id

        if not acts.running(visit.console, [request_workflow_id(request_id)]):
            visit.unknown(f"request {request_id}", "/requests")
        return visit.page("accepted.html", title=request_id, status="accepted", live={})
    counts = counted(each["status"] for each in rebalances)
    return visit.page("rebalances.html", title=request_id, live={}, rows=rebalances, counts=counts)


def _title(now: str, counts: dict[str, int], waiting: int) -> str:
    done = sum(counts.get(each, 0) for each in ("COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED"))
    if now == "IN_PROGRESS":
        return f"{waiting} to approve" if waiting else f"{done}/{sum(counts.values())}"
    return now.replace("_", " ").lower()


def _rank(status: str) -> int:
    return FIRST.index(status) if status in FIRST else len(FIRST) + (status == "COMPLETE")


def _account(each: Any) -> dict[str, Any]:
    return {
        "position": each.position,
        "account_id": each.account_id,
        "status": each.outcome,
        "rebalance_id": each.rebalance_id,
        "issue": each.issue,
        "decided_by": each.decided_by,
        "liquidation": each.liquidation,
    }
