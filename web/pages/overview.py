"""`/`: what needs me. Does everything work, who waits in the queue, what waits for me and until when, what failed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from domain.approvals import same_person
from reading.work import listed
from web.visit import Visit, needs

router = APIRouter()
LATELY = timedelta(days=7)
LISTED = 8


@router.get("/")
def show(visit: Annotated[Visit, needs("read")]) -> Response:
    """Tiles with what waits, the first that failed, and when the next evaluation comes."""
    version = visit.console.tiles.version
    with visit.console.books.reading() as books:
        counts = visit.console.tiles.counts(books, version)
        waiting = books.rebalances.listing(status="PENDING_APPROVAL", limit=None)
        since = (visit.now - LATELY).date()
        failures = books.rebalances.failed(since)
        failed = [dict(listed.rebalance(each)) for each in books.rebalances.listing(None, "FAILED", since, LISTED)]
        breaks = books.attention.breaks()
        running = books.listings.requests(0, LISTED, "RUNNING").rows
        under_way = books.listings.request_count("RUNNING")
    mine = [each for each in waiting if not same_person(each.requested_by, visit.person.name)]
    mine = mine if visit.may("approve") else []
    first = min((each.expires_at for each in mine if each.expires_at), default=None)
    workers = visit.workers()
    return visit.page(
        "overview.html",
        title="What needs you",
        status=_title(workers, len(mine), failures),
        live={},
        counts=counts,
        mine=len(mine),
        others=len(waiting) - len(mine),
        first=first,
        left=_left(first - visit.now) if first else None,
        failed=failed,
        failures=failures,
        breaks=breaks,
        running=running,
        under_way=under_way,
        workers=workers,
    )


def _title(workers: int | None, mine: int, failures: int) -> str:
    if workers == 0:
        return "no worker"
    return f"{mine} to approve" if mine else f"{failures} failed" if failures else ""


def _left(left: timedelta) -> str:
    """How long until the close."""
    minutes = max(int(left.total_seconds() // 60), 0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
