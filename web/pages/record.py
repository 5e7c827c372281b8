"""`/record`: what was recorded, whether it still is what was recorded, and seals over it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from acting import seals
from reading.record.listing import between, newest
from reading.record.verify import last_seal
from reading.record.verify import verify as walked
from web import tables
from web.exporting import LONGEST, exported
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
    after: Annotated[str | None, Query(max_length=600)] = None,
    format: Format = "html",
) -> Response:
    """Records, the newest first, by keyset."""
    of, about = account.strip(), rebalance.strip()
    if format != "html":
        rows = visit.rows(lambda books, place: newest(books, of, about, place, tables.PAGE))
        return tables.file("record", format, COLUMNS, rows)
    with visit.console.books.reading() as books:
        found = newest(books, of, about, after, SIZE)
        last = last_seal(books)
    return visit.page(
        "record.html", title="Record", live={}, rows=found.rows, account=of, rebalance=about, after=after,
        next=found.after, last=last,
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
    visit: Annotated[Visit, needs("export")], since: str = "", until: str = "", format: Format | Literal["zip"] = "html"
) -> Response:
    """A period of the record as one file; or whole, as a ZIP with seals, reports and a manifest of hashes."""
    today = visit.now.date()
    first, last = _day(since, today - timedelta(days=1)), _day(until, today)
    if first > last:
        raise Refusal(422, "Which days?", f"{first} is after {last}.", (("/exports", "Choose again"),))
    from_, to = (datetime.combine(each, time(), UTC) for each in (first, last + timedelta(days=1)))
    if format == "zip":
        return exported(visit.console.books, first, last)
    if format != "html":
        rows = visit.rows(lambda books, place: between(books, from_, to, place, tables.PAGE))
        return tables.file(f"record-{first}-{last}", format, COLUMNS, rows)
    return visit.page("exports.html", title="Exports", first=first, last=last, longest=LONGEST)


def _day(given: str, otherwise: date) -> date:
    try:
        found = date.fromisoformat(given) if given else otherwise
        found + timedelta(days=1)  # the calendar's last day has none behind it
    except (ValueError, OverflowError) as flaw:
        why = f"{given} is no day: write it like 2026-11-20."
        raise Refusal(422, "Which days?", why, (("/exports", "Choose again"),)) from flaw
    return found
