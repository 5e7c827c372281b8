"""`/rebalances`: one account's rebalance: its plan, orders and rounds; decided by the plan's digest."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acting.updates import Reply
from domain.values.money import plain
from reading.record import telling
from reading.refused import Changed, Conflict, Unknown
from reading.unknown import UnknownRebalance
from reading.words import utc
from reading.work import listed, listings
from reading.work import rebalances as reading
from web import acts
from web.api.caller import Caller, may_approve, needs, reached
from web.api.cursors import LIMIT, WHOLE, Cursor, Limit
from web.api.once import Done, Once, cut_off, once
from web.api.problems import Problem, documented
from web.api.shapes import UNANSWERED, Decided, Given, RebalanceRow, Shape

router = APIRouter(tags=["rebalances"])
Place = Annotated[Cursor, Query(alias="cursor")]
Id = Annotated[str, Path(max_length=60, pattern=r"^[A-Za-z0-9-]+$")]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=80, description='The ETag of the rebalance as it was shown: `"<digest>"`'),
]
TAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "The digest of its plan"}}},
    304: {"description": "It has ended, and is as it was with this ETag (If-None-Match)"},
}


class Rebalances(Shape):
    """A page of rebalances, newest first."""

    rebalances: list[RebalanceRow]
    next_cursor: str | None


class Rebalance(RebalanceRow):
    """A rebalance whole. `plan` as in docs/formats.md; `plan_digest` is its SHA-256, which a decision names."""

    stage: str
    approval: str
    approved_at: str | None
    expires_at: str | None
    overrides: list[str]
    round: int
    plan_digest: str | None
    workflow_id: str
    plan: dict[str, Any] | None
    result: dict[str, Any] | None


class Order(Shape):
    """An order as the venue left it; quantities and amounts are exact."""

    client_order_id: str
    side: Literal["sell", "buy"]
    symbol: str
    planned_quantity: str
    quantity: str
    filled_quantity: str
    filled_amount: str
    costs: str
    status: str
    reason: str | None


class Orders(Shape):
    """A page of the orders of a rebalance, in the order in which they are sent."""

    orders: list[Order]
    next_cursor: str | None


class Round(Shape):
    """One time that it was decided: from what, and what came of it."""

    round: int
    rules_version: str
    plan: dict[str, Any] | None


class Rounds(Shape):
    """A page of rounds, the first one first."""

    rounds: list[Round]
    next_cursor: str | None


class Particular(Shape):
    """What a rule decided."""

    rule: str | None
    says: str


class StoryLine(Shape):
    """One thing that happened. `source` is `record`, or `history`, the workflow's."""

    at: str
    who: str
    says: str
    source: Literal["record", "history"]
    rule: str | None
    record_id: int | None
    particulars: list[Particular]


class Story(RebalanceRow):
    """A rebalance, and a page of its story; `histories` are the runs of its workflow that it was read from: none, and
    one witness.
    """

    rules_version: str | None
    rounds: list[int]
    histories: list[str]
    story: list[StoryLine]
    next_cursor: str | None


class Decision(Given):
    """Approves the plan that `If-Match` names, or cancels the rebalance (`If-Match: *`, whatever is planned)."""

    decision: Literal["approve", "cancel"]
    reason: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")] | None = None


@router.get("/rebalances", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    account_id: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    status: Annotated[str | None, Query(max_length=40, pattern=r"^[A-Z_]+$")] = None,
    request_id: Annotated[str | None, Query(max_length=120, pattern=r"^[^\x00]*$")] = None,
    limit: Limit = LIMIT,
    cursor_: Place = None,
) -> Rebalances:
    """Rebalances, newest first, by keyset."""
    with caller.console.books.reading() as books:
        found = listings.rebalances(books, account_id, status, request_id, cursor_, limit)
    rows = [RebalanceRow.model_validate(row) for row in found.rows]
    return Rebalances(rebalances=rows, next_cursor=found.after)


@router.get("/rebalances/{rebalance_id}", response_model=Rebalance, responses={**TAG, **documented(404)})
def show(caller: Annotated[Caller, needs("read")], rebalance_id: Id, request: Request) -> Response:
    """All of it, with the digest of its plan as ETag."""
    with caller.console.books.reading() as books:
        row = _row(books, rebalance_id)
    tag = _tag(row)
    if tag and request.headers.get("if-none-match") == tag and row.stage == "ENDED":
        return Response(status_code=304, headers={"ETag": tag})
    told = Rebalance.model_validate(
        {
            **listed.rebalance(row),
            "stage": row.stage,
            "approval": row.approval,
            "approved_at": utc(row.approved_at),
            "expires_at": utc(row.expires_at),
            "overrides": list(row.overrides),
            "round": row.round,
            "plan_digest": row.plan_digest,
            "workflow_id": row.workflow_id,
            "plan": row.plan,
            "result": row.result,
        }
    )
    return JSONResponse(told.model_dump(mode="json"), headers={"ETag": tag} if tag else {})


@router.get("/rebalances/{rebalance_id}/orders", responses=documented(404))
def orders(
    caller: Annotated[Caller, needs("read")], rebalance_id: Id, limit: Limit = WHOLE, cursor_: Place = None
) -> Orders:
    """Its orders, by keyset."""
    with caller.console.books.reading() as books:
        _row(books, rebalance_id)
        found, after = reading.page_of_orders(books, rebalance_id, cursor_, limit)
    return Orders(orders=[_order(each) for each in found], next_cursor=after)


@router.get("/rebalances/{rebalance_id}/rounds", responses=documented(404))
def rounds(
    caller: Annotated[Caller, needs("read")], rebalance_id: Id, limit: Limit = LIMIT, cursor_: Place = None
) -> Rounds:
    """Each time that it was decided, by keyset."""
    with caller.console.books.reading() as books:
        _row(books, rebalance_id)
        found, after = reading.page_of_rounds(books, rebalance_id, cursor_, limit)
    rows = [Round(round=each.round, rules_version=each.rules_version, plan=each.plan) for each in found]
    return Rounds(rounds=rows, next_cursor=after)


@router.get("/rebalances/{rebalance_id}/story", responses=documented(404, 409))
def story(
    caller: Annotated[Caller, needs("read")], rebalance_id: Id, limit: Limit = WHOLE, cursor_: Place = None
) -> Story:
    """What happened, in order, by both witnesses: the audit record, and the workflow's history; by keyset."""
    temporal = caller.console.temporal
    told, _ = temporal.run(telling.story(caller.console.books, lambda: reached(caller.console), rebalance_id))
    page = told.page(cursor_, limit)
    return Story.model_validate({**told.as_json(), "story": page.rows, "next_cursor": page.after})


@router.post(
    "/rebalances/{rebalance_id}/decisions",
    response_model=Decided,
    responses={**UNANSWERED, **documented(404, 409, 412, 428)},
)
def decide(
    caller: Annotated[Caller, needs("cancel")],
    call: Annotated[Once, Depends(once)],
    rebalance_id: Id,
    body: Decision,
    if_match: IfMatch = None,
) -> Response:
    """Approves or cancels it as it was shown: one that was planned again meanwhile is refused."""
    if if_match is None:
        told = "Send If-Match with the ETag that you were shown: a decision is of that plan and no other."
        raise Problem(428, "no_if_match", told)
    if body.decision == "approve":
        may_approve(caller)

    def do(begun: Any) -> Done:
        id_ = f"{body.decision}-{call.id(caller)}"
        reply = _before(caller, rebalance_id, id_) if begun.again else None
        if reply is None:
            with cut_off(begun.again, rebalance_id):
                workflow_id, said = _meant(caller, rebalance_id, body, if_match)
            reply = acts.tell(caller.console, caller.person, workflow_id, body.decision, said, id_=id_)
        answer = reply.answer
        if answer is not None and body.decision == "approve" and answer.get("outcome") not in {None, "executing"}:
            raise Changed(f"The approval is {answer['outcome']}: {answer.get('why', '')}. Nothing was sent.")
        done = "unanswered" if answer is None else "executing" if body.decision == "approve" else "cancelled"
        opens = None if answer is None else answer.get("opens_at")
        told = Decided(outcome=done, id=reply.update_id, why=reply.why or None, opens_at=opens)  # type: ignore[arg-type]
        return Done(202 if answer is None else 200, told.model_dump(mode="json"))

    return call.answered(caller, do)


def _before(caller: Caller, rebalance_id: str, id_: str) -> Reply | None:
    """What came of the decision where the call was cut off before; None where its workflow knows nothing of it."""
    with caller.console.books.reading() as books:
        row = _row(books, rebalance_id)
    return acts.told_before(caller.console, row.workflow_id, id_, row.start_key.partition("#")[2] or None)


def _meant(caller: Caller, rebalance_id: str, body: Decision, if_match: str) -> tuple[str, dict[str, Any]]:
    """The rebalance's workflow, and what it is told. Raises Changed where it is not what was looked at, Conflict."""
    with caller.console.books.reading() as books:
        row = _row(books, rebalance_id)
    if if_match != _tag(row) and not (if_match == "*" and body.decision == "cancel"):
        raise Changed(
            f"{row.id} is not what you looked at: this is round {row.round}. Nothing was decided: look again.",
            evidence={"round": row.round, "plan": row.plan_digest},
        )
    if row.stage == "ENDED" or (body.decision == "approve" and row.stage != "PENDING_APPROVAL"):
        was = row.status or row.stage
        raise Conflict(f"{row.id} is {was}. Nothing was decided.", evidence={"status": was})
    said: dict[str, Any] = {"by": caller.person.name, "rebalance_id": row.id}
    if body.decision == "approve":
        said |= {"plan": row.plan_digest, "round": row.round}
    elif body.reason is not None:
        said["reason"] = body.reason
    return row.workflow_id, said


def _row(books: Any, rebalance_id: str) -> Any:
    try:
        return reading.row(books, rebalance_id)
    except UnknownRebalance as flaw:
        raise Unknown(f"There is no rebalance {rebalance_id}.") from flaw


def _tag(row: Any) -> str | None:
    return f'"{row.plan_digest}"' if row.plan_digest else None


def _order(each: Any) -> Order:
    return Order(
        client_order_id=each.client_order_id,
        side=each.side,
        symbol=each.symbol,
        planned_quantity=plain(each.planned_quantity),
        quantity=plain(each.quantity),
        filled_quantity=plain(each.filled_quantity),
        filled_amount=plain(each.filled_amount),
        costs=plain(each.costs),
        status=each.status,
        reason=each.venue_reason,
    )
