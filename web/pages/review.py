"""`/requests/Q/review`: everything of a request that waits, seen whole, and approved or cancelled as it was shown."""

from collections.abc import Sequence, Set
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from sqlalchemy import Row
from starlette.responses import Response

from domain.approvals import listed, same_person
from identity.claims import About
from reading.unknown import UnknownRequest
from reading.work.shown import RequestAccount, ShownPlan
from storage.connection import Transaction
from web import acts, reviewing, vouching
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()
NAMED = 5


@router.get("/requests/{request_id}/review")
def show(
    visit: Annotated[Visit, needs("read")], request_id: str, by: Literal["account", "trade"] = "account"
) -> Response:
    """Turnover, gains and findings of every plan; the same trades by security; liquidations apart."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, request_id)
        pending = books.requests.pending(request_id)
        ids = [str(each.rebalance_id) for each in pending]
        plans = [reviewing.waiting(each) for each in books.rebalances.plans(ids[: reviewing.AT_ONCE])]
        names = books.accounts.names({each.account_id for each in plans})
    ordinary = [each for each in plans if not each.liquidation]
    return visit.page(
        "review.html",
        title=f"Review {request_id}",
        status=f"{len(ids)} to approve" if ids else "nothing waits",
        row=row,
        by=by,
        plans=ordinary,
        names=names,
        apart=[each for each in plans if each.liquidation],
        more=len(ids) - len(plans),
        trades=reviewing.by_security(ordinary),
        whole=_list(pending),
        vouched=vouching.is_asked(visit),
        own=same_person(row.requested_by, visit.person.name),
        live=None,
    )


@router.get("/requests/{request_id}/review/since")
def since(visit: Annotated[Visit, needs("read")], request_id: str, whole: str, by: str = "account") -> Response:
    """A line where what waits is not what was shown any more; nothing else."""
    with visit.console.books.reading() as books:
        now = _list(books.requests.pending(request_id))
    return visit.page("since.html", title="", request_id=request_id, by=by, changed=now != whole)


@router.post("/requests/{request_id}/review/vouch")
def vouch(
    visit: Annotated[Visit, needs("approve")],
    request_id: str,
    shown: Annotated[str, Form(max_length=200_000)],
    liquidation: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """What the approver's device is asked to vouch for: the list of what was shown and still waits."""
    asked = {*shown.split(), *liquidation}
    row, _, about = _waiting(visit, request_id, asked)
    return vouching.options(visit, About(row.workflow_id, plan=_kept(visit, request_id, about)))


@router.post("/requests/{request_id}/review/approve")
def approve(
    visit: Annotated[Visit, needs("approve")],
    request_id: str,
    shown: Annotated[str, Form(max_length=200_000)],
    liquidation: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
    answer: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Approves what was shown and still waits; what was planned again meanwhile is left out, and said so."""
    asked = {*shown.split(), *liquidation}
    row, pending, about = _waiting(visit, request_id, asked)
    seen = {each.partition("@")[0] for each in asked}
    changed = [each for each in pending if each.rebalance_id in seen and each not in about]
    if not about:
        raise Refusal(
            412 if changed else 409,
            "Nothing was approved",
            f"{_changed(len(changed))} since you looked. Look at what waits now." if changed
            else "Nothing of what was shown waits any more: somebody decided about it, or it expired.",
            ((f"/requests/{request_id}/review", "Look again"), (f"/requests/{request_id}", "The request")),
        )  # fmt: skip
    apart = [str(each.rebalance_id) for each in about if each.liquidation]
    said = {
        "by": visit.person.name,
        "plan": _kept(visit, request_id, about),
        "account_ids": [each.account_id for each in about],
        "liquidations": apart,
    }
    passkey = vouching.evidence(answer)
    reply = acts.tell(visit.console, visit.person, row.workflow_id, "approve", said, passkey)
    if reply.answer is None:
        return visit.back(
            f"/requests/{request_id}", f"Sent, and not answered yet: {reply.why}. It may still take effect."
        )
    told = f"Approved {reply.answer['accounts']:,}: they begin to trade as places get free."
    refused = [f"{each['account_id']}: {each['reason']}" for each in reply.answer["refused"]]
    told += f" Not taken: {'; '.join(refused[:NAMED])}." if refused else ""
    if changed:
        told += f" {_changed(len(changed))} and left out: look at those."
        return visit.back(f"/requests/{request_id}/review", told)
    return visit.back(f"/requests/{request_id}", told)


@router.post("/requests/{request_id}/review/cancel")
def cancel(
    visit: Annotated[Visit, needs("cancel")],
    request_id: str,
    shown: Annotated[str, Form(max_length=200_000)] = "",
    why: Annotated[str, Form(max_length=500)] = "",
    liquidation: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """Cancels what was shown and has not begun to trade."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, request_id)
        seen = {each.partition("@")[0] for each in (*shown.split(), *liquidation)}
        about = [each.account_id for each in books.requests.pending(request_id) if each.rebalance_id in seen]
    if not about:
        why = "Nothing of what was shown waits any more."
        raise Refusal(409, "Nothing was cancelled", why, ((f"/requests/{request_id}", "The request"),))
    said = {"by": visit.person.name, "account_ids": about} | ({"reason": why.strip()} if why.strip() else {})
    reply = acts.tell(visit.console, visit.person, row.workflow_id, "cancel", said)
    told = f"Cancelled {len(about):,}." if reply.answer is not None else f"Sent, and not answered yet: {reply.why}."
    return visit.back(f"/requests/{request_id}", told)


def _row(visit: Visit, books: Transaction, request_id: str) -> Row[Any]:
    try:
        return books.requests.get(request_id)
    except UnknownRequest:
        visit.unknown(f"request {request_id}", "/requests")


def _waiting(
    visit: Visit, request_id: str, asked: Set[str]
) -> tuple[Row[Any], Sequence[RequestAccount], Sequence[RequestAccount]]:
    """The request, all of it that waits, and what of that is as it was shown: vouched for and approved is the same."""
    with visit.console.books.reading() as books:
        row, pending = _row(visit, books, request_id), books.requests.pending(request_id)
    about = [each for each in pending if reviewing.named(each.rebalance_id, each.round, each.plan) in asked]
    return row, pending, about


def _kept(visit: Visit, request_id: str, plans: Sequence[RequestAccount]) -> str:
    """Keeps the list of plans as they were shown; its digest, which is what the approval names, and signs."""
    shown = [ShownPlan(str(each.rebalance_id), each.round or 0, str(each.plan)) for each in plans]
    with visit.console.books.transaction(visit.actor) as books:
        return books.proof.show(request_id, shown, visit.person.subject)


def _list(pending: Sequence[RequestAccount]) -> str:
    """Which plans of which rounds wait, in a few characters."""
    return listed((str(each.rebalance_id), str(each.plan)) for each in pending)[:16] or "none"


def _changed(count: int) -> str:
    return "1 was planned again" if count == 1 else f"{count} were planned again"
