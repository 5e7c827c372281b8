"""`/`: what needs me. Does everything work, who waits in the queue, what waits for me and until when, what failed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from reading.health.status import next_evaluation
from reading.words import utc
from reading.work.overview import Overview, overview
from web import tables
from web.pages.status import told
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("what", "of", "account_id", "count", "says")
WORKERS = {"temporal", "workers", "workflows", "schedule"}  # what can't be told, or is told, where no worker is there


@router.get("/")
def show(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """What somebody has to act on, tiles with what waits, the first that failed, and when the next evaluation comes."""
    version = visit.console.tiles.version
    with visit.console.books.reading() as books:
        counts = visit.console.tiles.counts(books, version)
        found = overview(books, visit.person, visit.may("approve"), visit.now)
    workers = visit.workers()
    checks = [each for each in visit.console.checked.lately(visit.checks) if each.next_action and not each.ok]
    if not workers:
        checks = [each for each in checks if each.check not in WORKERS]
    if format != "html":
        return tables.file("what-needs-you", format, COLUMNS, _rows(counts, found, [told(each) for each in checks]))
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


def _rows(
    counts: Mapping[str | None, int], found: Overview, checks: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The page as a table: a row a figure, and one for each that it names."""
    yield _row("to_approve", count=found.waiting.mine, says=utc(found.waiting.first))
    yield _row("for_others", count=found.waiting.others)
    yield _row("queued", count=counts[None])
    for code, count in counts.items():
        if code is not None:
            yield _row("queued", code, count=count)
    yield _row("under_way", count=found.under_way)
    for each in found.running:
        yield _row("under_way", each["request_id"], count=each["accounts"], says=f"{each['pending']:,} wait")
    yield _row("failed", count=found.failures)
    for each in found.failed:
        yield _row("failed", each["rebalance_id"], each["account_id"], says=each["issue"])
    yield _row("open_breaks", count=found.breaks.count)
    for check in checks:
        yield _row("check", check["check"], says=f"{check['found']}: {check['next_action']}")


def _row(
    what: str, of: str | None = None, account_id: str | None = None, count: int | None = None, says: str | None = None
) -> dict[str, Any]:
    return {"what": what, "of": of, "account_id": account_id, "count": count, "says": says}


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
