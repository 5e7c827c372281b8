"""`/record`: what was recorded, whether it still is what was recorded, and seals over it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from acting import seals
from reading.record.listing import as_line, between, newest
from reading.record.verify import verify as walked
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
SIZE = 50
COLUMNS = ("id", "at", "who", "action", "account_id", "rebalance_id", "rule", "workflow_id", "before", "after")
SHOWN = 20  # faults that are listed


@router.get("/record")
def show(
    visit: Annotated[Visit, needs("record")],
    account: Annotated[str, Query(max_length=80)] = "",
    rebalance: Annotated[str, Query(max_length=80)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
    format: Format = "html",
) -> Response:
    """Records, the newest first, by keyset."""
    size = SIZE if format == "html" else tables.AT_MOST
    with visit.console.books.reading() as books:
        found = newest(books, account.strip(), rebalance.strip(), before, size)
        last = books.seals.last()
    listed = [as_line(row) for row in found.rows]
    if format != "html":
        return tables.file("record", format, COLUMNS, listed)
    following = listed[-1]["id"] if found.more else None
    return visit.page(
        "record.html", title="Record", live={}, rows=listed, account=account.strip(), rebalance=rebalance.strip(),
        before=before, next=following, last=last,
    )  # fmt: skip


@router.post("/record/verify")
def verify(visit: Annotated[Visit, needs("prove")]) -> Response:
    """Walks every chain and seal, and names the first record that is not what was recorded."""
    done, _ = walked(visit.console.books)
    return visit.page(
        "verified.html",
        title="The record does not hold" if done.faults else "The record is what was recorded",
        status="fault" if done.faults else "ok",
        done=done,
        faults=done.faults[:SHOWN],
    )


@router.post("/record/seal")
def seal(visit: Annotated[Visit, needs("prove")]) -> Response:
    """Seals what is recorded now. Its hash, kept elsewhere, proves later that nothing before it was changed."""
    done = seals.seal(visit.console.books, visit.person)
    if done.made is None:
        return visit.back("/record", "The last seal has all of it already.")
    anchored = done.anchored is not None and done.anchored.seal == done.made.id
    kept = f"It is anchored in {done.anchored.anchor}." if anchored else "Keep it elsewhere."
    failed = f" Not anchored, and tried again with the next seal: {'; '.join(done.failed)}." if done.failed else ""
    told = f"Seal {done.made.id}: {done.made.hash.hex()}. {kept}{failed}"
    return visit.back("/record", told)


@router.get("/exports")
def exports(
    visit: Annotated[Visit, needs("export")], since: str = "", until: str = "", format: Format = "html"
) -> Response:
    """A period of the record as one file; the whole export with its manifest is a command."""
    today = visit.now.date()
    first, last = _day(since, today - timedelta(days=1)), _day(until, today)
    if first > last:
        raise Refusal(422, "Which days?", f"{first} is after {last}.", (("/exports", "Choose again"),))
    from_, to = (datetime.combine(each, time(), UTC) for each in (first, last + timedelta(days=1)))
    if format != "html":
        with visit.console.books.reading() as books:
            rows = [as_line(row) for row in between(books, from_, to, tables.AT_MOST)]
        return tables.file(f"record-{first}-{last}", format, COLUMNS, rows)
    return visit.page("exports.html", title="Exports", first=first, last=last, at_most=tables.AT_MOST)


def _day(given: str, otherwise: date) -> date:
    try:
        found = date.fromisoformat(given) if given else otherwise
        found + timedelta(days=1)  # the calendar's last day has none behind it
    except (ValueError, OverflowError) as flaw:
        why = f"{given} is no day: write it like 2026-11-20."
        raise Refusal(422, "Which days?", why, (("/exports", "Choose again"),)) from flaw
    return found
