"""`/targets/T/edit`: another version of a target: who would be queued and what would trade, then confirmed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form
from starlette.responses import Response

from acting import targets
from domain.books.book import BookRefused
from policy.trading_days import trade_date
from reading.files.book_file import read_object
from reading.files.books import listed
from reading.market.targets import editable
from reading.refused import Changed, Refused
from web import uploads
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()
Json = dict[str, Any]


@router.get("/targets/{target_id}/edit")
def show(visit: Annotated[Visit, needs("assign")], target_id: str) -> Response:
    """The target as a book has it, to be changed."""
    with visit.console.books.reading() as books:
        given, version = editable(books, target_id)
    return _page(visit, target_id, json.dumps(given, indent=2, ensure_ascii=False), version)


@router.post("/targets/{target_id}/check")
def check(
    visit: Annotated[Visit, needs("assign")],
    target_id: str,
    text: Annotated[str, Form(max_length=1_000_000)],
    version: Annotated[int, Form(ge=0, lt=2**31)],
) -> Response:
    """Who would be queued, and what would trade; nothing is written. A flaw is told beside the text, by its path."""
    name = "target.json" if text.lstrip().startswith("{") else "target.yaml"
    digest = uploads.keep(name, text.encode())
    try:
        raw = _raw(target_id, digest)
        done = targets.rehearse(
            visit.console.books, visit.person, raw, visit.console.clock.today(), trade_date(visit.now), version
        )
    except BookRefused as flaw:
        problems = [(each.path, each.message) for each in flaw.problems]
        return _page(visit, target_id, text, version, code=422, problems=problems)
    except Changed as flaw:
        raise _changed(target_id, flaw) from flaw
    trades = [_trades(each) for each in done.plans]
    return _page(visit, target_id, text, version, digest=digest, done=done.edit, trades=trades)


@router.post("/targets/{target_id}/edit")
def confirm(
    visit: Annotated[Visit, needs("assign")],
    target_id: str,
    digest: Annotated[str, Form()],
    version: Annotated[int, Form(ge=0, lt=2**31)],
) -> Response:
    """Stores what was checked as the new version, and queues whom it serves; not over another that came meanwhile."""
    try:
        done = targets.edit(visit.console.books, visit.person, _raw(target_id, digest), visit.sign, version)
    except Changed as flaw:
        raise _changed(target_id, flaw) from flaw
    except BookRefused as flaw:
        raise Refused(listed(Path(target_id), flaw)) from flaw
    queued = sum(done.queued.values())
    said = f"{target_id} is version {done.version}; {queued:,} accounts are queued. Nothing trades before an approval."
    return visit.back(_at(target_id), said)


def _raw(target_id: str, digest: str) -> Json:
    """The text that was kept, as one target of this id. Raises BookRefused, and Refusal where it is not kept."""
    from domain.books.book import Problem

    path = uploads.find(digest)
    if path is None:
        why = "What was checked is not kept any more. Check it again."
        raise Refusal(409, "Too long ago", why, ((f"{_at(target_id)}/edit", "Edit it again"),))
    raw = read_object(path, "is not one target, an object with id and components")
    if raw.get("id") != target_id:
        raise BookRefused([Problem("id", f"has to stay {target_id}: another target is edited on its own page")])
    return raw


def _at(target_id: str) -> str:
    return f"/targets/{quote(target_id, safe='')}"


def _changed(target_id: str, flaw: Changed) -> Refusal:
    at = _at(target_id)
    links = ((at, "What changed"), (f"{at}/edit", "Edit it as it is now"))
    return Refusal(412, "It changed since you looked", f"{str(flaw)[:1].upper()}{str(flaw)[1:]}.", links)


def _page(visit: Visit, target_id: str, text: str, version: int, code: int = 200, **told: Any) -> Response:
    known = {"problems": [], "done": None, "trades": [], "digest": ""} | told
    status = "checked, not stored" if known["done"] else "refused" if known["problems"] else ""
    return visit.page(
        "target_edit.html", title=f"Edit target {target_id}", status=status, code=code, live=None, target_id=target_id,
        text=text, version=version, most=targets.PLANNED, **known,
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
