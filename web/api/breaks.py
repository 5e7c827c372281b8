"""`/breaks`: differences between the books and a custodian, resolved with a note."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from acting import breaks as acting
from reading.accounts.breaks import as_json
from reading.refused import Unknown
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
    return _found(caller, break_id)


@router.post("/breaks/{break_id}/resolution", response_model=BreakRow, responses=documented(404, 409))
def resolve(
    caller: Annotated[Caller, needs("resolve")], call: Annotated[Once, Depends(once)], break_id: Id, body: Resolution
) -> Response:
    """Resolves it with a note: its account can be rebalanced again."""

    def do(_: Any) -> Done:
        console = caller.console
        today = console.clock.today()
        acting.resolve(console.books, caller.person, break_id, body.note, False, today, sign=caller.sign)
        return Done(200, _found(caller, break_id).model_dump(mode="json"))

    return call.answered(caller, do)


def _found(caller: Caller, break_id: int) -> BreakRow:
    with caller.console.books.reading() as books:
        for row in books.breaks.numbered([break_id]):
            return _row(row)
    raise Unknown(f"There is no break {break_id}.")


def _row(each: Any) -> BreakRow:
    return BreakRow.model_validate(as_json(each))
