"""`/requests/Q/review`: everything of a request that waits, seen whole, and approved or cancelled as it was shown."""

from collections.abc import Sequence, Set
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.responses import Response

from acting import showing
from identity.claims import About
from reading.unknown import UnknownRequest
from reading.work import deciding
from reading.work import review as reviewing
from reading.work.review import Shown
from reading.work.shown import RequestAccount
from web import acts, tables, vouching
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
NAMED = 5
PLAN = ("account_id", "rebalance_id", "round", "plan", "liquidation", "managed_value", "turnover", "sold", "bought",
        "short_term", "long_term", "findings")  # fmt: skip
TRADE = ("symbol", "accounts", "sold", "sold_amount", "bought", "bought_amount", "net_amount")
Names = Annotated[str, Form(max_length=200_000)]
Ticked = Annotated[list[str], Form()]


@router.get("/requests/{request_id}/review")
def show(
    visit: Annotated[Visit, needs("read")],
    request_id: str,
    by: Literal["account", "trade"] = "account",
    format: Format = "html",
) -> Response:
    """Turnover, gains and findings of every plan; the same trades by security; liquidations apart."""
    if format != "html":
        return _file(visit, request_id, by, format)
    with visit.console.books.reading() as books:
        try:
            found = reviewing.review(books, request_id, visit.person)
        except UnknownRequest:
            visit.unknown(f"request {request_id}", "/requests")
    ordinary = [each for each in found.plans if not each.liquidation]
    waits = len(found.plans) + found.more
    return visit.page(
        "review.html",
        title=f"Review {request_id}",
        status=f"{waits:,} to approve" if waits else "nothing waits",
        row=found.row,
        by=by,
        plans=ordinary,
        names=found.names,
        apart=[each for each in found.plans if each.liquidation],
        more=found.more,
        trades=reviewing.by_security(ordinary),
        vouched=vouching.is_asked(visit),
        forbidden=found.forbidden,
        live=None,
    )


def _file(visit: Visit, request_id: str, by: str, format: Format) -> Response:
    """All that waits, also what the page has no room for: by account with liquidations, by security without."""
    with visit.console.books.reading() as books:
        try:
            if by == "account":
                lines = [reviewing.line(each) for each in reviewing.every(books, request_id)]
                return tables.file(f"{request_id}-review", format, PLAN, lines)
            ordinary = (each for each in reviewing.every(books, request_id) if not each.liquidation)
            trades = [reviewing.trade(each) for each in reviewing.by_security(ordinary)]
        except UnknownRequest:
            visit.unknown(f"request {request_id}", "/requests")
    return tables.file(f"{request_id}-trades", format, TRADE, trades)


@router.post("/requests/{request_id}/review/since")
def since(
    visit: Annotated[Visit, needs("read")],
    request_id: str,
    seen: Names = "",
    by: Annotated[str, Form()] = "account",
    more: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """What is not as it was shown any more; nothing where all of it is. `more` waited besides and were not shown."""
    found = _since(visit, request_id, set(seen.split()))
    come = max(found.come - more, 0)
    return visit.page("since.html", title="", request_id=request_id, by=by, since=found, come=come, named=NAMED)


@router.post("/requests/{request_id}/review/vouch")
def vouch(
    visit: Annotated[Visit, needs("approve")], request_id: str, shown: Names = "", liquidation: Ticked = []  # noqa: B006
) -> Response:  # fmt: skip
    """What the approver's device is asked to vouch for: the list of what was shown and still waits."""
    found, about, _ = _approvable(visit, request_id, {*shown.split(), *liquidation})
    return vouching.options(visit, About(found.row.workflow_id, plan=_kept(visit, request_id, about)))


@router.post("/requests/{request_id}/review/approve")
def approve(
    visit: Annotated[Visit, needs("approve")],
    request_id: str,
    shown: Names = "",
    liquidation: Ticked = [],  # noqa: B006  (FastAPI copies it)
    answer: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Approves what was shown and still waits; what was planned again meanwhile is left out, and said so."""
    found, about, own = _approvable(visit, request_id, {*shown.split(), *liquidation})
    said = {
        "by": visit.person.name,
        "plan": _kept(visit, request_id, about),
        "account_ids": [each.account_id for each in about],
        "liquidations": [str(each.rebalance_id) for each in about if each.liquidation],
    }
    passkey = vouching.evidence(answer)
    reply = acts.tell(visit.console, visit.person, found.row.workflow_id, "approve", said, passkey)
    if reply.answer is None:
        return visit.back(
            f"/requests/{request_id}", f"Sent, and not answered yet: {reply.why}. It may still take effect."
        )
    told = f"Approved {reply.answer['accounts']:,}: they begin to trade as places get free."
    told += _not_taken(reply.answer["refused"])
    if own:
        told += f" {own:,} that you asked for are left to somebody else (four eyes)."
    return _left(visit, request_id, found, told)


@router.post("/requests/{request_id}/review/cancel")
def cancel(
    visit: Annotated[Visit, needs("cancel")],
    request_id: str,
    shown: Names = "",
    why: Annotated[str, Form(max_length=500)] = "",
    liquidation: Ticked = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """Cancels what was shown and has not begun to trade; what was planned again meanwhile is left out, and said so."""
    found = _since(visit, request_id, {*shown.split(), *liquidation})
    if not found.waits:
        raise _nothing(request_id, found, "cancelled")
    said = {"by": visit.person.name, "account_ids": [each.account_id for each in found.waits]}
    said |= {"reason": why.strip()} if why.strip() else {}
    reply = acts.tell(visit.console, visit.person, found.row.workflow_id, "cancel", said)
    if reply.answer is None:
        return visit.back(f"/requests/{request_id}", f"Sent, and not answered yet: {reply.why}. It may take effect.")
    told = f"Cancelled {reply.answer['accounts']:,}." + _not_taken(reply.answer["refused"])
    return _left(visit, request_id, found, told)


def _since(visit: Visit, request_id: str, shown: Set[str]) -> Shown:
    with visit.console.books.reading() as books:
        try:
            return reviewing.since(books, request_id, shown)
        except UnknownRequest:
            visit.unknown(f"request {request_id}", "/requests")


def _approvable(visit: Visit, request_id: str, shown: Set[str]) -> tuple[Shown, Sequence[RequestAccount], int]:
    """What became of what was shown, what of it is approved (and vouched for), and how many plans four eyes forbid.

    Raises Refusal where nothing is left to approve.
    """
    found = _since(visit, request_id, shown)
    if not found.waits:
        raise _nothing(request_id, found, "approved")
    with visit.console.books.reading() as books:
        own = deciding.forbidden(books, visit.person, [str(each.rebalance_id) for each in found.waits])
    about = [each for each in found.waits if each.rebalance_id not in own]
    if not about:
        why = "Four eyes: you asked for this, so somebody else has to approve it."
        raise Refusal(409, "Nothing was approved", why, ((f"/requests/{request_id}", "The request"),))
    return found, about, len(own)


def _nothing(request_id: str, found: Shown, done: str) -> Refusal:
    """Why nothing of what was shown could be decided about: it changed, it is over, or nothing was chosen."""
    look = (f"/requests/{request_id}/review", "Look again")
    links = (look, (f"/requests/{request_id}", "The request"))
    if found.again:
        named = ", ".join(each.account_id for each in found.again[:NAMED])
        why = f"{_changed(len(found.again))} since you looked ({named}). Look at what waits now."
        return Refusal(412, f"Nothing was {done}", why, links)
    if found.gone:
        why = "Nothing of what was shown waits any more: somebody decided about it, or it expired."
        return Refusal(409, f"Nothing was {done}", why, links)
    why = "No plan was chosen: a liquidation is decided about by its own tick."
    return Refusal(422, f"Nothing was {done}", why, links)


def _left(visit: Visit, request_id: str, found: Shown, told: str) -> Response:
    """Back to what is left to look at, where something was planned again; else to the request."""
    if not found.again:
        return visit.back(f"/requests/{request_id}", told)
    named = ", ".join(each.account_id for each in found.again[:NAMED])
    told += f" {_changed(len(found.again))} ({named}) and left out: look at those."
    return visit.back(f"/requests/{request_id}/review", told)


def _not_taken(refused: Sequence[dict[str, str]]) -> str:
    told = [f"{each['account_id']}: {each['reason']}" for each in refused]
    return f" Not taken: {'; '.join(told[:NAMED])}." if told else ""


def _kept(visit: Visit, request_id: str, plans: Sequence[RequestAccount]) -> str:
    """Keeps the list of plans as they were shown; its digest, which is what the approval names, and signs."""
    return showing.keep(visit.console.books, visit.person, request_id, plans)


def _changed(count: int) -> str:
    return "1 was planned again" if count == 1 else f"{count:,} were planned again"
