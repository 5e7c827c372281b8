"""`/breaks`: differences between the books and a custodian, resolved with a note."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from domain.values.money import plain
from reading.refused import Conflict, Unknown
from storage.accounts.breaks import UnknownBreak
from storage.work.rebalances import utc
from web.api.caller import Caller, needs
from web.api.once import Done, Once, once
from web.api.problems import documented
from web.api.shapes import Given, Shape

router = APIRouter(tags=["breaks"])
Id = Annotated[int, Path(ge=1, le=10**17)]


class BreakRow(Shape):
    """A break: `expected` is of the books (of an order: what was ordered), `actual` of the custodian."""

    id: int
    account_id: str
    rebalance_id: str | None
    kind: str
    symbol: str | None
    expected: str
    actual: str
    opened_at: str
    resolved_at: str | None
    resolved_by: str | None
    note: str | None
    booked: bool


class Breaks(Shape):
    """Breaks, by account, oldest first."""

    breaks: list[BreakRow]


class Resolution(Given):
    """Why it is resolved; kept for good. The books stay as they are."""

    note: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")]


@router.get("/breaks", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    account_id: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    resolved: bool = False,
) -> Breaks:
    """Open breaks; with `resolved`, all."""
    with caller.console.books.reading() as books:
        return Breaks(breaks=[_row(each) for each in books.breaks.listing(account_id, resolved)])


@router.get("/breaks/{break_id}/resolution", response_model=BreakRow, responses=documented(404))
def resolution(caller: Annotated[Caller, needs("read")], break_id: Id) -> BreakRow:
    """How it stands."""
    with caller.console.books.reading() as books:
        found = [each for each in books.breaks.listing(resolved=True) if each.id == break_id]
    if not found:
        raise Unknown(f"There is no break {break_id}.")
    return _row(found[0])


@router.post("/breaks/{break_id}/resolution", response_model=BreakRow, responses=documented(404, 409))
def resolve(
    caller: Annotated[Caller, needs("resolve")], call: Annotated[Once, Depends(once)], break_id: Id, body: Resolution
) -> Response:
    """Resolves it with a note: its account can be rebalanced again."""

    def do(_: Any) -> Done:
        with caller.console.books.transaction(caller.actor) as books:
            try:
                row = books.breaks.get(break_id)
            except UnknownBreak as flaw:
                raise Unknown(f"There is no break {break_id}.") from flaw
            if row.resolved_at is not None:
                raise Conflict(f"Break {break_id} was resolved by {row.resolved_by}. Nothing was changed.")
            books.breaks.resolve(row, body.note, False)
            told = _row(books.breaks.get(break_id))
        return Done(200, told.model_dump(mode="json"))

    return call.answered(caller, do)


def _row(each: Any) -> BreakRow:
    return BreakRow(
        id=each.id,
        account_id=each.account_id,
        rebalance_id=each.rebalance_id,
        kind=each.kind,
        symbol=each.symbol,
        expected=plain(each.expected),
        actual=plain(each.actual),
        opened_at=utc(each.opened_at) or "",
        resolved_at=utc(each.resolved_at),
        resolved_by=each.resolved_by,
        note=each.note,
        booked=each.booked,
    )
