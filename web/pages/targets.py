"""`/targets`, `/targets/T` and `/models/M`: what accounts should hold, flattened with its bands, version by version."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from reading.market import models, targets, versions
from reading.work import listed
from web import tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("target", "name", "version", "accounts")
AT_MOST = 1_000
SIGNALS = 50  # the newest of a model


@router.get("/targets")
def listing(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """Targets and models, with how many accounts have each."""
    with visit.console.books.reading() as books:
        rows = [listed.target(each) for each in books.listings.targets(0, AT_MOST).rows]
        known = [listed.model(each) for each in books.listings.models(0, AT_MOST).rows]
    if format != "html":
        return tables.file("targets", format, COLUMNS, rows)
    return visit.page("targets.html", title="Targets and models", targets=rows, models=known, live={})


@router.get("/targets/{target_id}")
def show(visit: Annotated[Visit, needs("read")], target_id: str) -> Response:
    """What it comes to, sub-targets flattened, and what each version changed."""
    with visit.console.books.reading() as books:
        told, flaw = targets.shown(books, target_id, visit.console.clock.today())
        changes = versions.of_target(books, target_id)
    flat = [each | {"current_weight": each["weight"]} for each in told["components"]]  # drawn as if it were held so
    return visit.page(
        "target.html", title=f"Target {target_id}", target=told, flat=flat, flaw=flaw, changes=changes, live={}
    )


@router.get("/models/{model_id}")
def model(visit: Annotated[Visit, needs("read")], model_id: str) -> Response:
    """Its holdings, what each version changed, and the signals that came."""
    with visit.console.books.reading() as books:
        told = models.show(books, model_id)
        changes = versions.of_model(books, model_id)
        signals = [listed.signal(each) for each in books.listings.signals(0, SIGNALS, model_id).rows]
    return visit.page("model.html", title=f"Model {model_id}", model=told, changes=changes, signals=signals, live={})
