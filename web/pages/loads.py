"""`/loads`: a book, prices, a statement or a signal: uploaded, checked without writing anything, then confirmed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile
from starlette.responses import Response

from acting import positions, prices, signals
from acting.load import Meant
from acting.load import load as load_book
from reading import words
from reading.market.day import book_day
from reading.work import listings
from storage.connection import Books, Rehearsal
from web import tables, uploads
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs
from workflows.contract import signal_workflow_id

router = APIRouter()
Kind = Literal["book", "prices", "statement", "signal"]
AGAIN = (("/loads", "Choose a file again"),)
KINDS = ("securities", "identifiers", "prices", "models", "targets")
# What a file is called, and where what came of it is looked at.
OFFERED: dict[str, tuple[str, str]] = {
    "book": ("a book (JSON or YAML)", "/queue"),
    "prices": ("closing prices (CSV, Parquet or a feed)", "/loads"),
    "statement": ("a custodian’s statement (CSV or a feed)", "/breaks"),
    "signal": ("a manager’s signal (JSON or YAML)", "/requests"),
}
NAMED = 10
COLUMNS = ("received_at", "received_by", "kind", "name", "feed", "bytes", "sha256")
SIZE = 20


@router.get("/loads")
def show(
    visit: Annotated[Visit, needs("read")],
    after: Annotated[str | None, Query(max_length=600)] = None,
    format: Format = "html",
) -> Response:
    """What can be loaded here, and the files that were."""
    if format != "html":
        rows = visit.rows(lambda books, place: listings.delivered(books, place, tables.PAGE))
        return tables.file("loads", format, COLUMNS, rows)
    return _page(visit, "Loads", after=after)


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
    checked = {"name": path.name, "digest": digest, "kind": kind, "told": told}
    return _page(visit, "Checked, not loaded", "checked", checked)


@router.post("/loads/confirm")
def confirm(
    visit: Annotated[Visit, needs("load")], digest: Annotated[str, Form()], kind: Annotated[Kind, Form()]
) -> Response:
    """Loads what was checked, all or nothing."""
    path = uploads.find(digest)
    if path is None:
        raise Refusal(409, "Too long ago", "What was checked is not kept any more. Upload it again.", AGAIN)
    told = _load(visit, visit.console.books, kind, path)
    return visit.back(OFFERED[kind][1], f"{path.name} is loaded. {' '.join(told)}")


def _page(visit: Visit, title: str, status: str = "", checked: Any = None, after: str | None = None) -> Response:
    with visit.console.books.reading() as books:
        day = book_day(books)
        found = listings.delivered(books, after, SIZE)
    return visit.page(
        "loads.html", title=title, status=status, day=day, checked=checked, offered=OFFERED, rows=found.rows,
        after=after, next=found.after,
    )  # fmt: skip


def _load(visit: Visit, books: Books, kind: Kind, path: Path) -> list[str]:
    """What loading did, or would do, in sentences. Raises Refused with every problem of the file."""
    with uploads.called_by_name(path):
        return list(LOADERS[kind](visit, books, path))


def _book(visit: Visit, books: Books, path: Path) -> Iterator[str]:
    report = load_book(lambda: books, visit.person, path, visit.console.clock.today(), Meant())
    if not report.changed_anything:
        yield f"It was loaded already: nothing changes ({report.unchanged:,} accounts as in the book)."
        return
    yield f"{report.created:,} accounts are new, {report.replaced:,} replaced, {report.unchanged:,} unchanged."
    for kind in KINDS:
        created, replaced = (len(each.get(kind, ())) for each in (report.market.created, report.market.replaced))
        if created or replaced:
            yield f"{created:,} {kind} are new, {replaced:,} replaced."
    for key, (was, now) in report.market.new_versions.items():
        yield f"Target {key} is then version {now} (was {was})."
    queued = ", ".join(f"{count:,} {reason}" for reason, count in (report.queued or {}).items())
    yield f"Queued: {queued or 'none'}."
    yield f"Business day {report.day_now}."


def _prices(visit: Visit, books: Books, path: Path) -> Iterator[str]:
    report = prices.load(books, visit.person, path, None, (), visit.console.clock.today()).report
    yield f"{report.new:,} new, {report.corrected:,} corrected and {report.unchanged:,} unchanged prices."
    for each in report.held_back[:NAMED]:
        yield f"Held back: {each.symbol} of {each.day}: {each.why}."
    if report.unknown:
        yield f"No security is called {', '.join(list(report.unknown)[:NAMED])}."
    yield f"Business day {report.day_now}."


def _statement(visit: Visit, books: Books, path: Path) -> Iterator[str]:
    report = positions.compare(books, visit.person, path, None, None, visit.console.clock.today()).report
    yield f"{words.counted(report.accounts, 'account')} compared, {report.changed:,} changed."
    yield f"Booked beyond doubt: cash of {report.cash:,}, positions of {report.positions:,}."
    if report.breaks or report.closed:
        yield f"{words.counted(report.breaks, 'break')} to resolve, {report.closed:,} closed by themselves."
    if report.still_open:
        yield f"{words.counted(report.still_open, 'break')} open as before, with the same figures."
    for account_id, why in list(report.left_out.items())[:NAMED]:
        yield f"Left out: {account_id}: {why}."
    if report.unknown_accounts:
        yield f"No account is called {', '.join(list(report.unknown_accounts)[:NAMED])}."
    if report.unknown_symbols:
        yield f"No security is called {', '.join(list(report.unknown_symbols)[:NAMED])}."


def _signal(visit: Visit, books: Books, path: Path) -> Iterator[str]:
    temporal = visit.console.temporal
    raw = signals.object_of(path)
    done = signals.receive(books, visit.person, path, None, raw, lambda: temporal.run(_reached(visit)))
    if not isinstance(books, Rehearsal):
        workflow_id = signal_workflow_id(done.model_id, done.version)
        temporal.run(signals.start(temporal.client, workflow_id, done))
    yield f"Model {done.model_id} is then version {done.version} (was {done.before})."
    yield f"{words.counted(done.sleeves, 'open sleeve')} trade to it at once: a signal waits for no approval."


async def _reached(visit: Visit) -> None:
    await visit.console.temporal.client()


LOADERS: dict[Kind, Callable[[Visit, Books, Path], Iterator[str]]] = {
    "book": _book,
    "prices": _prices,
    "statement": _statement,
    "signal": _signal,
}
