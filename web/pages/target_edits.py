"""`/targets/T/edit`: another version of a target: who would be queued and what would trade, then confirmed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import Response

from acting import targets
from domain.books.book import BookRefused
from policy.trading_days import trade_date
from reading.files.book_file import read_object
from reading.files.books import listed
from reading.market.targets import editable
from reading.refused import Refused
from web import uploads
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()
Json = dict[str, Any]


@router.get("/targets/{target_id}/edit")
def show(visit: Annotated[Visit, needs("assign")], target_id: str) -> Response:
    """The target as a book has it, to be changed."""
    with visit.console.books.reading() as books:
        text = json.dumps(editable(books, target_id), indent=2, ensure_ascii=False)
    return _page(visit, target_id, text)


@router.post("/targets/{target_id}/check")
def check(
    visit: Annotated[Visit, needs("assign")], target_id: str, text: Annotated[str, Form(max_length=1_000_000)]
) -> Response:
    """Who would be queued, and what would trade; nothing is written. A flaw is told beside the text, by its path."""
    name = "target.json" if text.lstrip().startswith("{") else "target.yaml"
    digest = uploads.keep(name, text.encode())
    try:
        raw = _raw(target_id, digest)
        done = targets.rehearse(
            visit.console.books, visit.person, raw, visit.console.clock.today(), trade_date(visit.now)
        )
    except BookRefused as flaw:
        return _page(visit, target_id, text, code=422, problems=[(each.path, each.message) for each in flaw.problems])
    trades = [_trades(each) for each in done.plans]
    return _page(visit, target_id, text, digest=digest, done=done.edit, trades=trades)


@router.post("/targets/{target_id}/edit")
def confirm(visit: Annotated[Visit, needs("assign")], target_id: str, digest: Annotated[str, Form()]) -> Response:
    """Stores what was checked as the new version, and queues whom it serves."""
    try:
        done = targets.edit(visit.console.books, visit.person, _raw(target_id, digest), visit.sign)
    except BookRefused as flaw:
        raise Refused(listed(Path(target_id), flaw)) from flaw
    queued = sum(done.queued.values())
    said = f"{target_id} is version {done.version}; {queued:,} accounts are queued. Nothing trades before an approval."
    return visit.back(f"/targets/{target_id}", said)


def _raw(target_id: str, digest: str) -> Json:
    """The text that was kept, as one target of this id. Raises BookRefused, and Refusal where it is not kept."""
    from domain.books.book import Problem

    path = uploads.find(digest)
    if path is None:
        why = "What was checked is not kept any more. Check it again."
        raise Refusal(409, "Too long ago", why, ((f"/targets/{target_id}/edit", "Edit it again"),))
    raw = read_object(path, "is not one target, an object with id and components")
    if raw.get("id") != target_id:
        raise BookRefused([Problem("id", f"has to stay {target_id}: another target is edited on its own page")])
    return raw


def _page(visit: Visit, target_id: str, text: str, code: int = 200, **told: Any) -> Response:
    known = {"problems": [], "done": None, "trades": [], "digest": ""} | told
    status = "checked, not stored" if known["done"] else "refused" if known["problems"] else ""
    return visit.page(
        "target_edit.html", title=f"Edit target {target_id}", status=status, code=code, live=None, target_id=target_id,
        text=text, most=targets.PLANNED, **known,
    )  # fmt: skip


def _trades(plan: Json) -> Json:
    """What a plan would trade, in a few figures."""
    orders = plan.get("orders", [])
    sides = {side: sum((Decimal(each["amount"]) for each in orders if each["side"] == side), Decimal(0))
             for side in ("sell", "buy")}  # fmt: skip
    return {
        "account_id": plan["account_id"],
        "orders": len(orders),
        "sold": sides["sell"],
        "bought": sides["buy"],
        "expected": plan["expected_status"],
    }
