"""`/rebalances/R`: one rebalance, whole: what is planned and why, what was done; decided as it is shown."""

import difflib
import itertools
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import Response

from domain.telling.cash_lines import cash_lines
from domain.values.money import plain
from identity.claims import About
from reading.accounts.accounts import names
from reading.unknown import UnknownRebalance
from reading.work import deciding
from reading.work import rebalances as reading
from web import acts, tables, vouching
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
ORDERS = ("order", "side", "symbol", "planned", "sent", "filled", "amount", "costs", "status", "why")


@router.get("/rebalances/{rebalance_id}")
def show(visit: Annotated[Visit, needs("read")], rebalance_id: str, format: Format = "html") -> Response:
    """The plan with its bands drawn, orders and fills, lots and gains, findings, rounds as a diff."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        found = reading.read(books, row)
        rounds = reading.rounds(books, row.id)
        name = names(books, [row.account_id]).get(row.account_id, "")
        forbidden = _forbidden(visit, books, row)
    if format != "html":
        listed = [_order(each) | {"order": each.client_order_id} for each in found.orders]
        listed = listed or [_planned(each) for each in (row.plan or {}).get("orders", [])]
        return tables.file(f"{row.id}-orders", format, ORDERS, listed)
    plan = row.plan or {}
    cash = found.cash
    lots = [(each["symbol"], lot) for each in plan.get("orders", []) for lot in each.get("lots", [])]
    return visit.page(
        "rebalance.html",
        title=f"{row.id} · {row.account_id}",
        status=(row.status or row.stage).replace("_", " ").lower(),
        live={"rebalance": row.id, "account": row.account_id},
        row=row,
        name=name,
        now=row.status or row.stage,
        plan=plan,
        orders=[_order(each) for each in found.orders],
        lots=lots,
        cash=cash_lines(plan, cash.before) if cash else [],
        reserved=cash.reserved if cash else None,
        findings=found.findings,
        breaks=found.breaks,
        changes=_changes(rounds),
        run_id=found.run_id,
        forbidden=forbidden,
        vouched=vouching.is_asked(visit),
    )


@router.post("/rebalances/{rebalance_id}/vouch")
def vouch(
    visit: Annotated[Visit, needs("approve")],
    rebalance_id: str,
    plan: Annotated[str, Form(min_length=8, max_length=64)],
    round: Annotated[int, Form(ge=1)],
) -> Response:
    """What the approver's device is asked to vouch for: this plan, and no other."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
    return vouching.options(visit, About(row.workflow_id, row.id, round, plan))


@router.post("/rebalances/{rebalance_id}/approve")
def approve(
    visit: Annotated[Visit, needs("approve")],
    rebalance_id: str,
    plan: Annotated[str, Form(min_length=8, max_length=64)],
    round: Annotated[int, Form(ge=1)],
    answer: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Approves the plan that was shown, by its digest; one that was made since is refused."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
    back = ((f"/rebalances/{row.id}", "Look at it as it is now"),)
    if row.stage != "PENDING_APPROVAL":
        was = (row.status or row.stage).replace("_", " ").lower()
        by = f" by {row.approved_by}" if row.approved_by else ""
        raise Refusal(409, "It waits for nobody any more", f"{row.id} is {was}{by}. Nothing was changed.", back)
    if row.plan_digest != plan:
        why = f"{row.id} was planned again since you looked: this is round {row.round}, you saw round {round}."
        raise Refusal(412, "It changed since you looked", f"{why} Nothing was approved.", back)
    said = {"by": visit.person.name, "plan": plan, "rebalance_id": row.id, "round": round}
    passkey = vouching.evidence(answer)
    reply = acts.tell(visit.console, visit.person, row.workflow_id, "approve", said, passkey)
    if reply.answer is None:
        return visit.back(
            f"/rebalances/{row.id}", f"Sent, and not answered yet: {reply.why}. It may still take effect."
        )
    if reply.answer.get("outcome") not in {None, "executing"}:
        why = f"The approval is {reply.answer['outcome']}: {reply.answer.get('why', '')}. Nothing was sent."
        raise Refusal(412, "It changed since you looked", why, back)
    return visit.back(f"/rebalances/{row.id}", f"Approved by {visit.person.name}: it is being executed.")


@router.post("/rebalances/{rebalance_id}/cancel")
def cancel(
    visit: Annotated[Visit, needs("cancel")],
    rebalance_id: str,
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Cancels it: nothing of what waits trades; of what is out, the open rest is cancelled."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
    if row.stage == "ENDED":
        was = str(row.status).replace("_", " ").lower()
        raise Refusal(
            409,
            "It has ended",
            f"{row.id} is {was}: there is nothing to cancel.",
            ((f"/rebalances/{row.id}", "See it"),),
        )
    said = {"by": visit.person.name, "rebalance_id": row.id} | ({"reason": why.strip()} if why.strip() else {})
    reply = acts.tell(visit.console, visit.person, row.workflow_id, "cancel", said)
    told = "Cancelled." if reply.answer is not None else f"Sent, and not answered yet: {reply.why}. It may take effect."
    return visit.back(f"/rebalances/{row.id}", told)


def _row(visit: Visit, books: Any, rebalance_id: str) -> Any:
    try:
        return reading.row(books, rebalance_id)
    except UnknownRebalance:
        visit.unknown(f"rebalance {rebalance_id}", "/requests")


def _forbidden(visit: Visit, books: Any, row: Any) -> str | None:
    """Why the person may not approve it, in place of the button; None where they may."""
    if not visit.may("approve"):
        return "You may not approve: that takes an approver."
    if row.id in deciding.forbidden(books, visit.person, [row.id]):
        return "Four eyes: you asked for it, so somebody else has to approve it."
    return None


def _order(each: Any) -> dict[str, Any]:
    return {
        "id": each.client_order_id,
        "side": each.side,
        "symbol": each.symbol,
        "planned": plain(each.planned_quantity),
        "sent": plain(each.quantity),
        "filled": plain(each.filled_quantity),
        "amount": plain(each.filled_amount),
        "costs": plain(each.costs),
        "status": each.status,
        "why": each.venue_reason or "",
    }


def _planned(each: Any) -> dict[str, Any]:
    """An order of a plan that nobody has approved: nothing of it was sent."""
    told = {"side": each["side"], "symbol": each["symbol"], "planned": each["quantity"], "amount": each["amount"]}
    return dict.fromkeys(ORDERS) | told | {"status": "PLANNED", "why": each["reason"]}


def _changes(rounds: Sequence[Any]) -> list[tuple[int, int, list[tuple[str, str]]]]:
    """What each round's orders were, beside the round before it: lines that went, came and stayed."""
    found = []
    for before, after in itertools.pairwise(rounds):
        lines = difflib.ndiff(_lines(before.plan), _lines(after.plan))
        marked = [(line[:1].strip(), line[2:]) for line in lines if line[:1] in "+- "]
        found.append((before.round, after.round, marked))
    return found


def _lines(plan: Any) -> list[str]:
    """A plan's orders, one a line, in words."""
    return [
        f"{each['side']} {each['quantity']} {each['symbol']} at {each['price']}"
        for each in (plan or {}).get("orders", [])
    ]
