"""`/record`, `/verification` and `/exports`: what was recorded, whether it still is that, and a period to take away."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import FileResponse, Response

from acting import seals
from reading.record import verify as verifying
from reading.record.listing import newest_whole
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.once import Done, Once, once
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Shape
from web.exporting import LONGEST, exported

router = APIRouter(tags=["record"])
Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


class RecordRow(Shape):
    """A record of the audit chain; `before` and `after` are what was so, and what is so since, or null."""

    id: int
    at: str
    who: str
    action: str
    account_id: str | None
    rebalance_id: str | None
    rule: str | None
    workflow_id: str | None
    before: Any
    after: Any


class Records(Shape):
    """A page of records, newest first."""

    records: list[RecordRow]
    next_cursor: str | None


class LastSeal(Shape):
    """The newest seal: when, and its hash."""

    sealed_at: str
    hash: str


class FaultRow(Shape):
    """Where the record is not what was recorded."""

    chain: str
    account_id: str | None
    place: int | None
    record_id: int | None
    kind: str
    says: str


class Verification(Shape):
    """What was walked. `unsealed`: records since the last seal."""

    ok: bool
    records: int
    chains: int
    seals: int
    last_seal: LastSeal | None
    unsealed: int
    faults: list[FaultRow]


class SealRow(Shape):
    """A seal over all that was recorded until then."""

    seal: int
    sealed_at: str
    by: str
    chains: int
    records: int
    hash: str


class Sealed(Shape):
    """The seal that was made; null where the last has all. `not_anchored`: outside witnesses that did not take it."""

    seal: SealRow | None
    not_anchored: list[str]


@router.get("/record", responses=documented())
def listing(
    caller: Annotated[Caller, needs("record")],
    account_id: Text = "",
    rebalance_id: Text = "",
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> Records:
    """Records, newest first, by keyset."""
    with caller.console.books.reading() as books:
        found = newest_whole(books, account_id, rebalance_id, cursor_, limit)
    return Records(records=[RecordRow.model_validate(row) for row in found.rows], next_cursor=found.after)


@router.get("/verification", responses=documented(404))
def verify(caller: Annotated[Caller, needs("prove")], account_id: Text = "") -> Verification:
    """Walks every chain and seal, or those of one account, and names what is not what was recorded."""
    done, _ = verifying.verify(caller.console.books, account_id or None)
    return Verification.model_validate(verifying.as_json(done))


@router.post("/verification", response_model=Sealed, responses=documented(409))
def seal(caller: Annotated[Caller, needs("prove")], call: Annotated[Once, Depends(once)]) -> Response:
    """Seals what is recorded now: its hash, kept elsewhere, proves later that nothing before it was changed."""

    def do(_: Any) -> Done:
        done = seals.seal(caller.console.books, caller.person)
        made = None if done.made is None else verifying.seal_as_json(done.made)
        return Done(200, {"seal": made, "not_anchored": list(done.failed)})

    return call.answered(caller, do)


@router.get("/exports", response_class=FileResponse, responses={**ZIP, **documented(409)})
def export(caller: Annotated[Caller, needs("export")], since: date, until: date) -> Response:
    """Days of the record, in UTC, as a ZIP of its own: records, seals, a report for each rebalance, a manifest."""
    if not 0 <= (until - since).days < LONGEST or until == date.max:
        told = f"until is on or after since, by less than {LONGEST} days, and has a day behind it."
        raise Problem(422, "unreadable", told, errors=[Flaw(pointer="/query/until", detail=told)])
    return exported(caller.console.books, since, until)
