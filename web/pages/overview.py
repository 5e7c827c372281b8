"""`/`: what needs me. Does everything work, who waits in the queue, what waits for me and until when, what failed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from reading.health.status import next_evaluation
from reading.work.overview import Overview, overview
from web.pages.status import told
from web.visit import Visit, needs

router = APIRouter()
WORKERS = {"temporal", "workers", "workflows", "schedule"}  # what can't be told, or is told, where no worker is there


@router.get("/")
def show(visit: Annotated[Visit, needs("read")]) -> Response:
    """What somebody has to act on, tiles with what waits, the first that failed, and when the next evaluation comes."""
    version = visit.console.tiles.version
    with visit.console.books.reading() as books:
        counts = visit.console.tiles.counts(books, version)
        found = overview(books, visit.person, visit.may("approve"), visit.now)
    workers = visit.workers()
    checks = [each for each in visit.console.checked.lately(visit.checks) if each.next_action and not each.ok]
    if not workers:
        checks = [each for each in checks if each.check not in WORKERS]
    quiet = not (found.waiting.mine or found.failures or found.breaks.count or counts[None] or found.running or checks)
    first = found.waiting.first
    return visit.page(
        "overview.html",
        title="What needs you",
        status=_title(workers, found),
        live={},
        counts=counts,
        found=found,
        left=_left(first - visit.now) if first else None,
        checks=[told(each) for each in checks],
        workers=workers,
        quiet=quiet,
        evaluation=visit.console.temporal.run(next_evaluation(visit.temporal)) if quiet and workers else None,
    )


def _title(workers: int | None, found: Overview) -> str:
    if workers == 0:
        return "no worker"
    if found.waiting.mine:
        return f"{found.waiting.mine:,} to approve"
    return f"{found.failures:,} failed" if found.failures else ""


def _left(left: timedelta) -> str:
    """How long until the close."""
    minutes = max(int(left.total_seconds() // 60), 0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
