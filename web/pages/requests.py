"""`/requests` and `/requests/Q`: what was asked for, how far it is, and who needs somebody first."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from acting.submit import Wanted
from identity.roles import Act
from reading.unknown import UnknownRequest
from reading.work import listings, requests
from reading.work.figures import with_figures
from web import acts, tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
by_name = APIRouter()  # behind all others: a name may have a `/` in it
SIZE = 50
COLUMNS = ("request_id", "status", "requested_by", "kind", "amount", "accounts", "pending", "started_at", "ended_at")
ACCOUNTS = ("position", "account_id", "status", "rebalance_id", "issue", "decided_by")
REBALANCES = ("rebalance_id", "account_id", "status", "mode", "kind", "requested_by", "approved_by", "started_at",
              "ended_at", "issue")  # fmt: skip
STATUSES = ("RUNNING", "PAUSED", "COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED")
AGAIN = ("FAILED", "BUSY", "NOT_STARTED")
SHOWN = 200
Place = Annotated[str | None, Query(max_length=600)]


@router.get("/requests")
def listing(
    visit: Annotated[Visit, needs("read")],
    status: str | None = None,
    by: Annotated[str, Query(max_length=200)] = "",
    after: Place = None,
    format: Format = "html",
) -> Response:
    """Requests, newest first."""
    wanted, asker = _known(status, STATUSES, "/requests"), by.strip() or None
    if format != "html":
        rows = visit.rows(lambda books, place: listings.requests(books, wanted, asker, place, tables.PAGE))
        return tables.file("requests", format, COLUMNS, rows)
    with visit.console.books.reading() as books:
        found = listings.requests(books, wanted, asker, after, SIZE)
    return visit.page(
        "requests.html", title="Requests", live={}, rows=found.rows, next=found.after, after=after, wanted=wanted,
        by=asker, statuses=STATUSES,
    )  # fmt: skip


@router.get("/requests/{request_id}")
def show(
    visit: Annotated[Visit, needs("read")],
    request_id: str,
    status: str | None = None,
    after: Place = None,
    format: Format = "html",
) -> Response:
    """One request: counts, progress, its accounts, those first that need somebody."""
    shown = _known(status, listings.FIRST, f"/requests/{request_id}")
    with visit.console.books.reading() as books:
        try:
            found = requests.standing(books, request_id)
        except UnknownRequest:
            return _without(visit, request_id, requests.counted_rebalances(books, request_id), format)
        if format == "html":
            page = listings.accounts_of(books, request_id, shown, after, SHOWN)
            rows, totals = with_figures(books, page.rows)
    if format != "html":
        listed = visit.rows(lambda books, place: listings.accounts_of(books, request_id, shown, place, tables.PAGE))
        return tables.file(request_id, format, ACCOUNTS, listed)
    return visit.page(
        "request.html",
        title=request_id,
        status=_title(found.now, found.counts, found.waiting),
        live={},
        row=found.row,
        now=found.now,
        counts=found.counts,
        waiting=found.waiting,
        listed=rows,
        totals=totals,
        after=after,
        next=page.after,
        shown=shown,
        again=sum(found.counts.get(each, 0) for each in AGAIN),
    )


@by_name.get("/requests/{request_id:path}")
def show_by_name(visit: Annotated[Visit, needs("read")], request_id: str, format: Format = "html") -> Response:
    """What trades to a signal, `model-signal/M/2`: rebalances under a name that no request has."""
    with visit.console.books.reading() as books:
        found = requests.counted_rebalances(books, request_id)
    return _without(visit, request_id, found, format)


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
            return requests.row(books, request_id)
        except UnknownRequest:
            visit.unknown(f"request {request_id}", "/requests")


def _known(status: str | None, known: Sequence[str], back: str) -> str | None:
    """The status of a filter. Raises Refusal for one that there is not."""
    if not status:
        return None
    if status.upper() not in known:
        why = f"{status} is no status: there are {', '.join(known)}."
        raise Refusal(404, "There is no such status", why, ((back, "All of them"),))
    return status.upper()


def _without(visit: Visit, request_id: str, found: tuple[list[Any], dict[str, int]], format: Format) -> Response:
    """A request that no worker has taken up yet, or rebalances that were started one by one under its name."""
    rebalances, counts = found
    if rebalances and format != "html":
        return tables.file(request_id.replace("/", "-"), format, REBALANCES, rebalances)
    if len(rebalances) == 1:
        return RedirectResponse(f"/rebalances/{rebalances[0]['rebalance_id']}", 303)
    if not rebalances:
        from workflows.contract import request_workflow_id

        if not acts.running(visit.console, [request_workflow_id(request_id)]):
            visit.unknown(f"request {request_id}", "/requests")
        return visit.page("accepted.html", title=request_id, status="accepted", live={})
    return visit.page("rebalances.html", title=request_id, live={}, rows=rebalances, counts=counts)


def _title(now: str, counts: dict[str, int], waiting: int) -> str:
    done = sum(counts.get(each, 0) for each in ("COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED"))
    if now == "IN_PROGRESS":
        return f"{waiting} to approve" if waiting else f"{done}/{sum(counts.values())}"
    return now.replace("_", " ").lower()
