"""`/targets`, `/targets/T` and `/models/M`: what accounts should hold, flattened with its bands, version by version."""

import difflib
import itertools
from decimal import localcontext
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from domain.targets.targets import TargetRefused, flatten
from domain.values.money import EXACT, weight_text
from storage.market.reading import read_targets
from storage.schema.tables import model_holdings, target_components
from storage.values import exact
from web import tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("id", "name", "version", "accounts")
AT_MOST = 1_000
VERSIONS = 5  # the newest, each beside the one before


@router.get("/targets")
def listing(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """Targets and models, with how many accounts have each."""
    with visit.console.books.reading() as books:
        targets = [dict(each._mapping) for each in books.listings.targets(0, AT_MOST).rows]
        models = [dict(each._mapping) for each in books.listings.models(0, AT_MOST).rows]
    if format != "html":
        return tables.file("targets", format, COLUMNS, targets)
    return visit.page("targets.html", title="Targets and models", targets=targets, models=models, live={})


@router.get("/targets/{target_id}")
def show(visit: Annotated[Visit, needs("read")], target_id: str) -> Response:
    """What it comes to, sub-targets flattened, and what each version changed."""
    with visit.console.books.reading() as books:
        known = read_targets(books.connection, [target_id])
        if target_id not in known:
            visit.unknown(f"target {target_id}", "/targets")
        day = books.market.book_day()
        policy = books.market.policy(day.as_of if day else visit.console.clock.today())
        accounts = books.accounts.assigned(target_id)
        of = target_components.c
        rows = books.connection.execute(
            select(target_components).where(of.target_id == target_id).order_by(of.version, of.position)
        ).all()
    shown = known[target_id]
    try:
        with localcontext(EXACT):
            flat = [_component(each) for each in flatten(shown, known, policy.overridden(shown.policy))]
        flaw = None
    except TargetRefused as refused:
        flat, flaw = [], str(refused)
    versions: dict[int, list[str]] = {}
    for row in rows:
        what = row.model_id or row.symbol or row.sub_target_id or "cash"
        versions.setdefault(row.version, []).append(f"{weight_text(row.weight)}  {row.kind} {what}")
    return visit.page(
        "target.html", title=f"Target {target_id}", target=shown, accounts=accounts, flat=flat, flaw=flaw,
        changes=_changes(versions), live={},
    )  # fmt: skip


@router.get("/models/{model_id}")
def model(visit: Annotated[Visit, needs("read")], model_id: str) -> Response:
    """Its holdings, what each version changed, and the signals that came."""
    with visit.console.books.reading() as books:
        found = [each for each in books.listings.models(0, AT_MOST).rows if each.id == model_id]
        if not found:
            visit.unknown(f"model {model_id}", "/targets")
        of = model_holdings.c
        rows = books.connection.execute(
            select(of.version, of.symbol, exact(of.weight).label("weight"))
            .where(of.model_id == model_id)
            .order_by(of.version, of.position)
        ).all()
        signals = books.listings.signals(0, 50, model_id).rows
    versions: dict[int, list[str]] = {}
    for row in rows:
        versions.setdefault(row.version, []).append(f"{weight_text(row.weight)}  {row.symbol or 'cash'}")
    now = [(row.symbol or "cash", weight_text(row.weight)) for row in rows if row.version == found[0].version]
    return visit.page(
        "model.html", title=f"Model {model_id}", model=found[0], holdings=now, changes=_changes(versions),
        signals=signals, live={},
    )  # fmt: skip


def _component(each: Any) -> dict[str, str]:
    return {
        "component": each.key,
        "weight": weight_text(each.weight),
        "lower": weight_text(each.threshold.lower),
        "upper": weight_text(each.threshold.upper),
        "precision_lower": weight_text(each.precision.lower),
        "precision_upper": weight_text(each.precision.upper),
        "current_weight": weight_text(each.weight),
    }


def _changes(versions: dict[int, list[str]]) -> list[tuple[int, int, list[tuple[str, str]]]]:
    """The newest versions, each beside the one before: lines that went, came and stayed."""
    order, found = sorted(versions), []
    for before, after in list(itertools.pairwise(order))[-VERSIONS:][::-1]:
        lines = difflib.ndiff(versions[before], versions[after])
        found.append((before, after, [(line[:1].strip(), line[2:]) for line in lines if line[:1] in "+- "]))
    return found
