"""`/targets`, `/targets/T` and `/models/M`: what accounts should hold, flattened with its bands, version by version."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from reading.market import models, targets, versions
from reading.work import listings
from web import tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("target", "name", "version", "accounts")
MODEL = ("model_id", "name", "manager", "version", "investment_minimum", "holdings", "accounts", "signalled_at")
SIGNAL = ("model_id", "version", "status", "received_by", "received_at", "traded", "skipped", "failed")
BANDS = ("component", "weight", "lower", "upper", "precision_lower", "precision_upper")
SIZE = 200
Place = Annotated[str | None, Query(max_length=600)]
SIGNALS = 50  # the newest of a model


@router.get("/targets")
def listing(
    visit: Annotated[Visit, needs("read")], after: Place = None, models_after: Place = None, format: Format = "html"
) -> Response:
    """Targets and models, with how many accounts have each."""
    if format != "html":
        rows = visit.rows(lambda books, place: listings.targets(books, place, tables.PAGE))
        return tables.file("targets", format, COLUMNS, rows)
    with visit.console.books.reading() as books:
        known = listings.targets(books, after, SIZE)
        made = listings.models(books, models_after, SIZE)
    return visit.page(
        "targets.html", title="Targets and models", targets=known.rows, next=known.after, after=after,
        models=made.rows, models_next=made.after, models_after=models_after, live={},
    )  # fmt: skip


@router.get("/models")
def all_models(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """Models are listed beside the targets; as a file by themselves."""
    if format == "html":
        return RedirectResponse("/targets", 303)
    rows = visit.rows(lambda books, place: listings.models(books, place, tables.PAGE))
    return tables.file("models", format, MODEL, rows)


@router.get("/targets/{target_id}")
def show(visit: Annotated[Visit, needs("read")], target_id: str, format: Format = "html") -> Response:
    """What it comes to, sub-targets flattened, as a file too, and what each version changed."""
    with visit.console.books.reading() as books:
        told, flaw = targets.shown(books, target_id, visit.console.clock.today())
        changes = versions.of_target(books, target_id)
    if format != "html":
        return tables.file(f"{target_id}-bands", format, BANDS, told["components"])
    flat = [each | {"current_weight": each["weight"]} for each in told["components"]]  # drawn as if it were held so
    return visit.page(
        "target.html", title=f"Target {target_id}", target=told, flat=flat, flaw=flaw, changes=changes, live={}
    )


@router.get("/models/{model_id}")
def model(
    visit: Annotated[Visit, needs("read")], model_id: str, after: Place = None, format: Format = "html"
) -> Response:
    """Its holdings, what each version changed, and the signals that came: those as a file too."""
    with visit.console.books.reading() as books:
        told = models.show(books, model_id)
        changes = versions.of_model(books, model_id)
        signals = listings.signals(books, model_id, after, SIGNALS)
    if format != "html":
        rows = visit.rows(lambda books, place: listings.signals(books, model_id, place, tables.PAGE))
        return tables.file(f"{model_id}-signals", format, SIGNAL, rows)
    return visit.page(
        "model.html", title=f"Model {model_id}", model=told, changes=changes, signals=signals.rows, next=signals.after,
        after=after, live={},
    )  # fmt: skip
