"""`/loads`: a book or closing prices into the database: uploaded, checked without writing anything, then confirmed."""

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, UploadFile
from starlette.responses import Response

from domain.books.deliveries import PRICE_COLUMNS, Problems, read_price
from reading.files import feed_file
from reading.files.books import opened
from storage.connection import Books, Rehearsal
from storage.intake.loading import load
from storage.intake.prices import latest_day, load_prices
from web import uploads
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()
Kind = Literal["book", "prices"]
AGAIN = (("/loads", "Choose a file again"),)
KINDS = ("securities", "identifiers", "prices", "models", "targets")


@router.get("/loads")
def show(visit: Annotated[Visit, needs("read")]) -> Response:
    """What can be loaded here."""
    with visit.console.books.reading() as books:
        day = books.market.book_day()
    return visit.page("loads.html", title="Loads", day=day, checked=None)


@router.post("/loads/check")
def check(
    visit: Annotated[Visit, needs("load")], file: Annotated[UploadFile, File()], kind: Annotated[Kind, Form()] = "book"
) -> Response:
    """The same checks and report as loading it, and nothing is written. Every problem is told, with its place."""
    content = file.file.read()
    if not content:
        raise Refusal(422, "No file", "Choose a file first. Nothing was changed.", AGAIN)
    digest = uploads.keep(file.filename or "upload", content)
    path = uploads.find(digest)
    assert path is not None
    told = _load(visit, Rehearsal(visit.console.books.engine), kind, path)
    with visit.console.books.reading() as books:
        day = books.market.book_day()
    checked = {"name": path.name, "digest": digest, "kind": kind, "told": told}
    return visit.page("loads.html", title="Checked, not loaded", status="checked", day=day, checked=checked)


@router.post("/loads/confirm")
def confirm(
    visit: Annotated[Visit, needs("load")], digest: Annotated[str, Form()], kind: Annotated[Kind, Form()]
) -> Response:
    """Loads what was checked, all or nothing."""
    path = uploads.find(digest)
    if path is None:
        raise Refusal(409, "Too long ago", "What was checked is not kept any more. Upload it again.", AGAIN)
    told = _load(visit, visit.console.books, kind, path)
    return visit.back("/queue" if kind == "book" else "/loads", f"{path.name} is loaded. {' '.join(told)}")


def _load(visit: Visit, books: Books, kind: Kind, path: Path) -> list[str]:
    """What loading did, or would do, in sentences. Raises Refused with every problem of the file."""
    today = visit.console.clock.today()
    if kind == "book":
        with opened(path) as (book, policy):
            return _of_book(load(books, book.market, book.accounts, policy, today, visit.actor))
    problems, latest = Problems(), latest_day(books, today)
    of_feed = feed_file.read(books, path, "prices", None, today, problems)
    source = feed_file.source_of(path, of_feed)
    with feed_file.opened(path, of_feed, PRICE_COLUMNS, problems) as delivered:
        read = (read_price(line, texts, latest, problems) for line, texts in delivered.lines)
        lines = (each for each in read if each is not None)
        report = load_prices(books, lines, problems, source, today, visit.actor, ())
    told = [f"{report.new:,} new, {report.corrected:,} corrected and {report.unchanged:,} unchanged prices."]
    told += [f"Held back: {each.symbol} of {each.day}: {each.why}." for each in report.held_back[:10]]
    told += [f"No security is called {', '.join(list(report.unknown)[:10])}."] if report.unknown else []
    return [*told, f"Business day {report.day_now}."]


def _of_book(report: Any) -> list[str]:
    if not report.changed_anything:
        return [f"It was loaded already: nothing changes ({report.unchanged:,} accounts as in the book)."]
    told = [f"{report.created:,} accounts are new, {report.replaced:,} replaced, {report.unchanged:,} unchanged."]
    for kind in KINDS:
        created, replaced = (len(each.get(kind, ())) for each in (report.market.created, report.market.replaced))
        told += [f"{created:,} {kind} are new, {replaced:,} replaced."] if created or replaced else []
    told += [
        f"Target {key} is then version {now} (was {was})." for key, (was, now) in report.market.new_versions.items()
    ]
    queued = ", ".join(f"{count:,} {reason}" for reason, count in (report.queued or {}).items())
    return [*told, f"Queued: {queued or 'none'}.", f"Business day {report.day_now}."]
