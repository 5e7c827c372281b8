"""`/requests`: many accounts at once: submitted, looked at, decided as they were shown, paused and resumed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from acting import showing
from acting.submit import Wanted
from acting.updates import Reply
from domain.approvals import listed
from domain.queue import REASONS
from reading.refused import Changed, Conflict, Unknown
from reading.unknown import UnknownRequest
from reading.words import utc
from reading.work import listings
from reading.work import requests as reading
from web import acts
from web.api.caller import Caller, may_approve, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.once import Done, Once, cut_off, once
from web.api.problems import Problem, documented
from web.api.shapes import UNANSWERED, Accepted, Decided, Given, RequestRow, Shape
from workflows.contract import request_workflow_id

router = APIRouter(tags=["requests"])
NAMED = 5  # plans that a refusal names in its sentence; its evidence has all
Id = Annotated[str, Path(max_length=120, pattern=r"^[A-Za-z0-9._-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^(\*|"(none|[0-9a-f]{64})")$',
        description="The ETag of the request as its plans were shown; `*`: whatever became of them",
    ),
]
TAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "The digest of the list of its `plans`"}}}
}
Status = Literal["RUNNING", "PAUSED", "COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED"]


class Submission(Given):
    """Which accounts, and what is to be planned. One of `account_ids`, `reasons` and `failed_of` says which.

    `reasons`: what is in the queue for one of them; empty, all of the queue. What is not said is `best_fit`, `full` and
    `required`; with `failed_of`, as it was. A liquidation waits for an approval whatever `approval` says.
    """

    account_ids: Annotated[list[Name], Field(min_length=1, max_length=50_000)] | None = None
    reasons: list[Literal[REASONS]] | None = None  # type: ignore[valid-type]
    failed_of: Name | None = None
    mode: Literal["best_fit", "exact", "min_transaction"] | None = None
    kind: Literal["full", "raise_cash", "invest_cash"] | None = None
    amount: Annotated[str, Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,2})?$")] | None = None
    approval: Literal["required", "automatic"] | None = None
    override: list[Literal["open_break"]] | None = None


class Submitted(Accepted):
    """A request that was started, its accounts, and a line for each that a rebalance is under way on."""

    account_ids: list[str]
    busy: list[str]


class Requests(Shape):
    """A page of requests, newest first."""

    requests: list[RequestRow]
    next_cursor: str | None


class Request(Shape):
    """A request: how far it is. `counts` are accounts by status; `plans` waits: what an approval would be of."""

    request_id: str
    status: str
    requested_by: str
    mode: str
    kind: str
    amount: str | None
    approval: str
    started_at: str
    ended_at: str | None
    workflow_id: str
    accounts: int
    counts: dict[str, int]
    plans: list["PendingPlan"]


class PendingPlan(Shape):
    """A plan that waits for approval. `plan` is its SHA-256, which a decision names."""

    account_id: str
    rebalance_id: str
    round: int
    plan: str
    liquidation: bool


class RequestAccount(Shape):
    """An account of a request."""

    position: int
    account_id: str
    status: str
    rebalance_id: str | None
    round: int | None
    plan: str | None
    liquidation: bool
    issue: str | None
    decided_by: str | None


class RequestAccounts(Shape):
    """A page of a request's accounts, in the order in which they are started."""

    accounts: list[RequestAccount]
    next_cursor: str | None


class NamedPlan(Given):
    """A plan as it was shown: of which rebalance, and its digest."""

    rebalance_id: Name
    plan: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RequestDecision(Given):
    """A decision about plans that were shown. Of liquidations only those that `liquidations` names are approved.

    `cancel` without `plans` is of all of the request that has not begun to trade.
    """

    decision: Literal["approve", "cancel"]
    plans: Annotated[list[NamedPlan], Field(min_length=1, max_length=50_000)] | None = None
    liquidations: Annotated[tuple[Name, ...], Field(max_length=1000, strict=False)] = ()
    reason: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")] | None = None


class State(Given):
    """RUNNING goes on; PAUSED starts no more accounts, and none goes from approval to execution."""

    state: Literal["RUNNING", "PAUSED"]


class Steered(Shape):
    """The state that was asked for. `unanswered`: it was sent, nobody took it up in time, and it may still be."""

    state: Literal["RUNNING", "PAUSED"]
    outcome: Literal["done", "unanswered"]
    id: str
    why: str | None = None


STEERED: dict[int | str, dict[str, Any]] = {202: {**UNANSWERED[202], "model": Steered}}


@router.post("/requests", status_code=202, response_model=Submitted, responses=documented(404, 409))
def submit(
    caller: Annotated[Caller, needs("submit")], call: Annotated[Once, Depends(once)], body: Submission
) -> Response:
    """Has accounts checked and planned. Nothing trades before somebody else approves."""
    given = [name for name in ("account_ids", "reasons", "failed_of") if getattr(body, name) is not None]
    if len(given) != 1:
        raise Problem(422, "unreadable", "Give one of account_ids, reasons and failed_of.")
    if (body.kind in {None, "full"}) is not (body.amount is None):
        raise Problem(422, "unreadable", "amount goes with kind raise_cash or invest_cash, and they with it.")
    if body.amount is not None and not Decimal(body.amount):
        raise Problem(422, "unreadable", "amount is to be above 0.")
    terms: dict[str, Any] = {"mode": body.mode, "kind": body.kind, "amount": body.amount, "approval": body.approval}
    terms["override"] = list(body.override or ())
    in_queue = body.reasons is not None
    wanted = Wanted(terms, body.account_ids or (), in_queue, body.reasons or (), body.failed_of)

    def do(begun: Any) -> Done:
        request_id = f"Q-{begun.day:%Y%m%d}-{call.id(caller, 8)}"
        made = acts.start_request(caller.console, caller.person, wanted, request_id)
        href = f"/api/v1/requests/{request_id}"
        told = Submitted(id=request_id, href=href, account_ids=made.account_ids, busy=made.busy)
        return Done(202, told.model_dump(mode="json"), {"Location": href})

    return call.answered(caller, do)


@router.get("/requests", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    status: Status | None = None,
    by: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Who asked for it")] = None,
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> Requests:
    """Requests, newest first, by keyset."""
    with caller.console.books.reading() as books:
        found = listings.requests(books, status, by or None, cursor_, limit)
    return Requests(requests=[RequestRow.model_validate(row) for row in found.rows], next_cursor=found.after)


@router.get("/requests/{request_id}", response_model=Request, responses={**TAG, **documented(404)})
def show(caller: Annotated[Caller, needs("read")], request_id: Id) -> Response:
    """How far it is, and every plan of it that waits: their list, which a decision names, is its ETag.

    It is unknown for a moment after it was submitted.
    """
    with caller.console.books.reading() as books:
        with _known(request_id):
            found = reading.standing(books, request_id)
        pending = reading.pending(books, request_id)
    row = found.row
    told = Request(
        request_id=row.id,
        status=found.now,
        requested_by=row.requested_by,
        mode=row.mode,
        kind=row.kind,
        amount=None if row.amount is None else f"{row.amount:.2f}",
        approval=row.approval,
        started_at=utc(row.started_at) or "",
        ended_at=utc(row.ended_at),
        workflow_id=row.workflow_id,
        accounts=row.accounts,
        counts=found.counts,
        plans=[_pending(each) for each in pending],
    )
    return JSONResponse(told.model_dump(mode="json"), headers={"ETag": _tag(pending)})


@router.get("/requests/{request_id}/accounts", responses=documented(404))
def accounts_of(
    caller: Annotated[Caller, needs("read")],
    request_id: Id,
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> RequestAccounts:
    """Its accounts, in the order in which they are started."""
    with caller.console.books.reading() as books:
        _row(books, request_id)
        found = listings.in_their_order(books, request_id, cursor_, limit)
    rows = [RequestAccount.model_validate(each) for each in found.rows]
    return RequestAccounts(accounts=rows, next_cursor=found.after)


@router.post(
    "/requests/{request_id}/decisions",
    response_model=Decided,
    responses={**UNANSWERED, **documented(404, 409, 412, 428)},
)
def decide(
    caller: Annotated[Caller, needs("cancel")],
    call: Annotated[Once, Depends(once)],
    request_id: Id,
    body: RequestDecision,
    if_match: IfMatch = None,
) -> Response:
    """Approves or cancels the plans that were shown, and no others.

    With the ETag of the request all of what is named is decided about, or nothing, where some of it is not as it was
    shown any more (412); what else of the request changed since is no matter. With `*` that is left out, and said so.
    """
    if if_match is None:
        told = "Send If-Match with the ETag of the request that showed you these plans, or * for what still stands."
        raise Problem(428, "no_if_match", told)
    if body.decision == "approve":
        may_approve(caller)
        if body.plans is None:
            raise Problem(422, "unreadable", "plans is missing: an approval is of plans that were shown.")

    def do(begun: Any) -> Done:
        id_, left_out = f"{body.decision}-{call.id(caller)}", list[str]()
        reply = _before(caller, request_id, id_) if begun.again else None
        if reply is None:
            with cut_off(begun.again, request_id):
                workflow_id, said, left_out = _meant(caller, request_id, body, if_match)
            reply = acts.tell(caller.console, caller.person, workflow_id, body.decision, said, id_=id_)
        done = "approved" if body.decision == "approve" else "cancelled"
        answer = reply.answer or {}
        told = Decided(
            outcome="unanswered" if reply.answer is None else done,  # type: ignore[arg-type]
            id=reply.update_id,
            accounts=answer.get("accounts"),
            refused=tuple(answer.get("refused", ())),
            left_out=tuple(left_out),
            why=reply.why or None,
        )
        return Done(202 if reply.answer is None else 200, told.model_dump(mode="json"))

    return call.answered(caller, do)


def _before(caller: Caller, request_id: str, id_: str) -> Reply | None:
    """What came of the decision where the call was cut off before; None where its workflow knows nothing of it."""
    with caller.console.books.reading() as books:
        row = _row(books, request_id)
    return acts.told_before(caller.console, row.workflow_id, id_)


def _meant(
    caller: Caller, request_id: str, body: RequestDecision, if_match: str
) -> tuple[str, dict[str, Any], list[str]]:
    """The request's workflow, what it is told, and the plans that were shown and are not what waits any more.

    Raises Changed where they are not what was looked at, Conflict where none of them waits.
    """
    with caller.console.books.reading() as books:
        row = _row(books, request_id)
        waiting = reading.pending(books, request_id)
    pending = {str(each.rebalance_id): each for each in waiting}
    said: dict[str, Any] = {"by": caller.person.name}
    if body.decision == "cancel" and body.reason is not None:
        said["reason"] = body.reason
    if body.plans is None:
        if if_match not in {"*", _tag(waiting)}:
            told = f"What waits of {request_id} is not what you looked at: now {len(waiting):,} plans do."
            raise Changed(f"{told} Nothing was cancelled: look again.", evidence={"waiting": len(waiting)})
        return row.workflow_id, said, []
    asked = {each.rebalance_id: each.plan for each in body.plans}
    about = [each for name, each in pending.items() if asked.get(name) == each.plan]
    left_out = sorted(set(asked) - {str(each.rebalance_id) for each in about})
    again = [name for name in left_out if name in pending]
    if not about and not again:
        raise Conflict("Nothing of what was shown waits any more. Nothing was decided.")
    if left_out and (if_match != "*" or not about):
        gone = [name for name in left_out if name not in pending]
        what = [f"{_named(again)} planned again"] if again else []
        what += [f"{_named(gone)} decided about, or over,"] if gone else []
        raise Changed(
            f"{' and '.join(what)} since you looked. Nothing was decided: look again.",
            evidence={"planned_again": again, "waits_no_more": gone},
        )
    said["account_ids"] = [each.account_id for each in about]
    if body.decision == "approve":
        apart = [str(each.rebalance_id) for each in about if each.liquidation]
        if unnamed := sorted(set(apart) - set(body.liquidations)):
            told = f"{', '.join(unnamed[:5])} sells everything of its account: name it in liquidations too."
            raise Problem(422, "liquidation", told, evidence={"liquidations": unnamed})
        said |= {"liquidations": apart, "plan": showing.keep(caller.console.books, caller.person, request_id, about)}
    return row.workflow_id, said, left_out


@router.put("/requests/{request_id}/state", response_model=Steered, responses={**STEERED, **documented(404, 409)})
def steer(
    caller: Annotated[Caller, needs("pause")], call: Annotated[Once, Depends(once)], request_id: Id, body: State
) -> Response:
    """Pauses it, or has it go on."""
    act: Literal["pause", "resume"] = "pause" if body.state == "PAUSED" else "resume"

    def do(_: Any) -> Done:
        with caller.console.books.reading() as books:
            row = _row(books, request_id)
        id_ = f"{act}-{call.id(caller)}"
        reply = acts.tell(caller.console, caller.person, row.workflow_id, act, {"by": caller.person.name}, id_=id_)
        outcome: Literal["done", "unanswered"] = "unanswered" if reply.answer is None else "done"
        told = Steered(state=body.state, outcome=outcome, id=reply.update_id, why=reply.why or None)
        return Done(202 if reply.answer is None else 200, told.model_dump(mode="json"))

    return call.answered(caller, do)


def _row(books: Any, request_id: str) -> Any:
    with _known(request_id):
        return reading.row(books, request_id)


@contextmanager
def _known(request_id: str) -> Iterator[None]:
    """Raises Unknown where there is no such request."""
    try:
        yield
    except UnknownRequest as flaw:
        told = f"There is no request {request_id}; one that was just submitted is known in a moment."
        raise Unknown(told, evidence={"workflow_id": request_workflow_id(request_id)}) from flaw


def _tag(waiting: Sequence[Any]) -> str:
    """The ETag of a list of plans that wait: of which rebalances, and what is planned (DECIDE-1)."""
    digest = listed((str(each.rebalance_id), str(each.plan)) for each in waiting)
    return f'"{digest or "none"}"'


def _named(names: Sequence[str]) -> str:
    few = ", ".join(names[:NAMED])
    return f"{few}{' and more were' if len(names) > NAMED else ' was' if len(names) == 1 else ' were'}"


def _pending(each: Any) -> PendingPlan:
    return PendingPlan(
        account_id=each.account_id,
        rebalance_id=str(each.rebalance_id),
        round=each.round or 0,
        plan=str(each.plan),
        liquidation=bool(each.liquidation),
    )


Request.model_rebuild()
