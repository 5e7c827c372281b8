"""`/evaluations`: the daily evaluation, begun now; and what the last one found."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from reading.refused import Unknown
from reading.words import utc
from reading.work import evaluations
from web import acts
from web.api.caller import Caller, needs
from web.api.once import Done, Once, once
from web.api.problems import documented
from web.api.shapes import Accepted, Shape
from workflows.contract import EVALUATION_ID

router = APIRouter(tags=["evaluations"])


class Evaluation(Shape):
    """The evaluation that ended last. `within`: outside their bands, and nothing can be traded (QUEUE-4)."""

    evaluation_id: str
    as_of: str
    begun_at: str
    ended_at: str
    evaluated: int
    queued: dict[str, int]
    unable_to_check: int
    unable: dict[str, int]
    within: int


@router.post("/evaluations", status_code=202, response_model=Accepted, responses=documented(409))
def begin(caller: Annotated[Caller, needs("evaluate")], call: Annotated[Once, Depends(once)]) -> Response:
    """Evaluates every account now; what is found joins the queue as it goes."""

    def do(_: Any) -> Done:
        acts.start_evaluation(caller.console)
        href = "/api/v1/evaluations"
        return Done(202, {"id": EVALUATION_ID, "href": href}, {"Location": href})

    return call.answered(caller, do)


@router.get("/evaluations", responses=documented(404))
def last(caller: Annotated[Caller, needs("read")]) -> Evaluation:
    """What the last one that ended found."""
    with caller.console.books.reading() as books:
        row = evaluations.last(books)
    if row is None:
        raise Unknown("No evaluation has ended yet.")
    return Evaluation(
        evaluation_id=row.id,
        as_of=str(row.as_of),
        begun_at=utc(row.started_at) or "",
        ended_at=utc(row.ended_at) or "",
        evaluated=row.evaluated,
        queued=row.queued,
        unable_to_check=row.unable_to_check,
        unable=row.unable,
        within=row.within,
    )
