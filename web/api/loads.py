"""`/books`, `/prices` and `/statements`: a file as it is sent, checked whole, then loaded whole; or checked alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from acting import positions, prices
from acting.load import Meant, load
from storage.connection import Books, Rehearsal
from web import uploads
from web.api.caller import Caller, needs
from web.api.once import Done, Once, once
from web.api.problems import Problem, documented
from web.api.shapes import Shape

router = APIRouter(tags=["loads"])
Check = Annotated[bool, Query(description="Only check, and say what it would do: nothing is written")]
FeedOf = Annotated[str | None, Query(max_length=80, pattern=r"^[a-z0-9_.-]+$", description="The feed it is of")]
Day = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


def named(otherwise: str) -> Any:
    """`Annotated[str, named("book.json")]`: the file's name, whose ending says what it is."""
    told = "The file's name: its ending says what it is, and a feed may know it by it"
    return Query(max_length=80, pattern=r"^[A-Za-z0-9._ -]+$", description=told, examples=[otherwise])


def sent(*media: str) -> dict[str, Any]:
    """What an operation's description says of its body: a file."""
    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in media}
    return {"requestBody": {"required": True, "content": content}}


async def body(request: Request) -> bytes:
    """The file that was sent. Raises Problem where it is empty."""
    content = await request.body()
    if not content:
        raise Problem(422, "unreadable", "The body is empty: send the file itself.")
    return content


File = Annotated[bytes, Depends(body)]


class Counted(Shape):
    """How many were created, replaced, and there already as they are."""

    created: int
    replaced: int
    unchanged: int = 0


class BookLoaded(Shape):
    """What a book changed, or would; `queued` is by primary reason, `targets` the version that each has now."""

    checked_only: bool
    changed: bool
    business_day: str | None
    accounts: Counted
    market: dict[str, Counted]
    targets: dict[str, int]
    queued: dict[str, int]
    withdrawn: int


class NotTheDay(Shape):
    """A day that did not become the business day, and the symbols whose price is missing (DAY-4)."""

    day: str
    why: str
    missing: list[str]


class PricesLoaded(Shape):
    """What prices changed, or would; `held_back` by symbol and day, with why."""

    checked_only: bool
    lines: int
    new: int
    corrected: int
    unchanged: int
    unknown_symbols: dict[str, int]
    held_back: dict[str, str]
    ignored_columns: list[str]
    business_day: str | None
    business_day_before: str | None
    not_the_business_day: list[NotTheDay]


class StatementCompared(Shape):
    """What a statement changed, or would: booked where it is beyond doubt, else a break (BREAK-1)."""

    checked_only: bool
    lines: int
    accounts: int
    changed: int
    cash_booked: int
    positions_booked: int
    withdrawals_paid: int
    breaks: int
    breaks_closed: int
    breaks_still_open: int
    left_out: dict[str, str]
    notes: list[str]
    unknown_accounts: dict[str, int]
    unknown_symbols: dict[str, int]
    ignored_columns: list[str]


@router.post(
    "/books",
    response_model=BookLoaded,
    responses=documented(409, 413),
    openapi_extra=sent("application/json", "application/yaml"),
)
def book(
    caller: Annotated[Caller, needs("load")],
    call: Annotated[Once, Depends(once)],
    content: File,
    file: Annotated[str, named("book.json")] = "book.json",
    check: Check = False,
    historical: bool = False,
    business_day: bool = False,
    overwrite_positions: bool = False,
) -> Response:
    """A book, JSON or YAML: what is new is created, what it names replaced; accounts that need it are queued."""
    meant, today = Meant(historical, business_day, overwrite_positions), caller.console.clock.today()

    def loaded(books: Books, path: Path) -> Shape:
        done = load(lambda: books, caller.person, path, today, meant)
        kinds = sorted({*done.market.created, *done.market.replaced})
        return BookLoaded(
            checked_only=check,
            changed=done.changed_anything,
            business_day=None if done.day_now is None else str(done.day_now),
            accounts=Counted(created=done.created, replaced=done.replaced, unchanged=done.unchanged),
            market={
                kind: Counted(
                    created=len(done.market.created.get(kind, ())), replaced=len(done.market.replaced.get(kind, ()))
                )
                for kind in kinds
            },
            targets={target: now for target, (_, now) in done.market.new_versions.items()},
            queued=dict(done.queued),
            withdrawn=done.withdrawn,
        )

    return taken(caller, call, file, content, check, loaded)


@router.post(
    "/prices",
    response_model=PricesLoaded,
    responses=documented(409, 413),
    openapi_extra=sent("text/csv", "application/octet-stream"),
)
def closing_prices(
    caller: Annotated[Caller, needs("load")],
    call: Annotated[Once, Depends(once)],
    content: File,
    file: Annotated[str, named("prices.csv")] = "prices.csv",
    feed: FeedOf = None,
    accept_jump: Annotated[list[str], Query(max_length=200)] = [],  # noqa: B006  (FastAPI copies it)
    check: Check = False,
) -> Response:
    """Closing prices, CSV or Parquet with symbol, date and close, or as a vendor sends them (`feed`)."""
    today = caller.console.clock.today()

    def loaded(books: Books, path: Path) -> Shape:
        done = prices.load(books, caller.person, path, feed, accept_jump, today)
        return PricesLoaded.model_validate({"checked_only": check, **done.as_json()})

    return taken(caller, call, file, content, check, loaded)


@router.post(
    "/statements",
    response_model=StatementCompared,
    responses=documented(409, 413),
    openapi_extra=sent("text/csv", "application/octet-stream"),
)
def statement(
    caller: Annotated[Caller, needs("load")],
    call: Annotated[Once, Depends(once)],
    content: File,
    file: Annotated[str, named("statement.csv")] = "statement.csv",
    feed: FeedOf = None,
    date: Day = None,
    check: Check = False,
) -> Response:
    """A custodian's positions and cash, compared with the books; `date` is its day where it does not say."""
    from datetime import date as days

    today = caller.console.clock.today()
    try:
        day = None if date is None else days.fromisoformat(date)
    except ValueError as flaw:
        raise Problem(422, "unreadable", f"date {date} is no day.") from flaw

    def loaded(books: Books, path: Path) -> Shape:
        done = positions.compare(books, caller.person, path, feed, day, today)
        return StatementCompared.model_validate({"checked_only": check, **done.as_json()})

    return taken(caller, call, file, content, check, loaded)


def taken(
    caller: Caller,
    call: Once,
    file: str,
    content: bytes,
    check: bool,
    loaded: Callable[[Books, Path], Shape],
    status: int = 200,
) -> Response:
    """The answer of a write of a file; with `check`, over books in which nothing is kept."""

    def do(_: object) -> Done:
        books = Rehearsal(caller.console.books.engine) if check else caller.console.books
        path = uploads.find(uploads.keep(file, content))
        assert path is not None
        with uploads.called_by_name(path):
            return Done(status, loaded(books, path).model_dump(mode="json"))

    return call.answered(caller, do)
