"""`/breaks`: differences between the books and a custodian, resolved with a note."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from acting import breaks as acting
from reading.accounts import breaks as reading
from reading.refused import Changed
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.once import Done, Once, once
from web.api.problems import Problem, documented
from web.api.shapes import Given, Shape

router = APIRouter(tags=["breaks"])
Id = Annotated[int, Path(ge=1, le=10**17)]
Json = dict[str, Any]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=120, description="The ETag of the break as it was shown"),
]
TAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "Its figures: books and custodian"}}}
}


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
    """A page of breaks, by account, oldest first."""

    breaks: list[BreakRow]
    next_cursor: str | None


class Resolution(Given):
    """Why it is resolved; kept for good. `book_custodian`: the books take over the custodian's figure."""

    book_custodian: bool = False
    note: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")]


@router.get("/breaks", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    account_id: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    resolved: bool = False,
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> Breaks:
    """Open breaks, by keyset; with `resolved`, all."""
    with caller.console.books.reading() as books:
        found = reading.page(books, account_id, resolved, cursor_, limit)
    return Breaks(breaks=[_row(each) for each in found.rows], next_cursor=found.after)


@router.get("/breaks/{break_id}/resolution", response_model=BreakRow, responses={**TAG, **documented(404)})
def resolution(caller: Annotated[Caller, needs("read")], break_id: Id) -> Response:
    """How it stands; its figures, which a resolution names, are its ETag."""
    found = _found(caller, break_id)
    return JSONResponse(_row(found).model_dump(mode="json"), headers={"ETag": _tag(found)})


@router.post("/breaks/{break_id}/resolution", response_model=BreakRow, responses=documented(404, 409, 412, 428))
def resolve(
    caller: Annotated[Caller, needs("resolve")],
    call: Annotated[Once, Depends(once)],
    break_id: Id,
    body: Resolution,
    if_match: IfMatch = None,
) -> Response:
    """Resolves it with a note, with `If-Match` only as it was shown: its account can be rebalanced again. The books
    take over no figure of the custodian's that nobody was shown.
    """
    if if_match is None and body.book_custodian:
        told = "Send If-Match with the ETag that you were shown: the books take over that figure and no other."
        raise Problem(428, "no_if_match", told)

    def do(_: Any) -> Done:
        console = caller.console
        found, today = _found(caller, break_id), console.clock.today()
        if if_match not in (None, _tag(found)):
            books, custodian = found["expected"], found["actual"]
            told = f"Break {break_id} is not what it was: now the books have {books} and the custodian {custodian}."
            evidence = {"expected": books, "actual": custodian}
            raise Changed(f"{told} Nothing was resolved: look again.", rule="RECON-1", evidence=evidence)
        seen = Decimal(found["seen"][0]), Decimal(found["seen"][1])
        acting.resolve(
            console.books, caller.person, break_id, body.note, body.book_custodian, today, seen, sign=caller.sign
        )
        return Done(200, _row(_found(caller, break_id)).model_dump(mode="json"))

    return call.answered(caller, do)


def _found(caller: Caller, break_id: int) -> Json:
    with caller.console.books.reading() as books:
        return reading.numbered(books, break_id)


def _tag(found: Json) -> str:
    return f'"{":".join(found["seen"])}"'


def _row(found: Json) -> BreakRow:
    return BreakRow.model_validate({name: found[name] for name in BreakRow.model_fields})
