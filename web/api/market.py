"""`/targets` and `/models`: what accounts are to be; a target edited, a manager's signal taken."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.responses import JSONResponse, Response

from acting import signals as acting_signals
from acting import targets as acting_targets
from domain.books.book import BookRefused
from reading.files.book_file import read_object
from reading.files.books import listed
from reading.market import models as read_models
from reading.market import targets as read_targets
from reading.refused import Refused
from reading.work import listings
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.loads import Check, File, sent, taken
from web.api.once import Once, once
from web.api.problems import documented
from web.api.shapes import Shape
from workflows.contract import signal_workflow_id

router = APIRouter(tags=["market"])
Id = Annotated[str, Path(max_length=200, pattern=r"^[^\x00/]+$")]
Place = Annotated[Cursor, Query(alias="cursor")]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", pattern=r'^"v[0-9]{1,9}"$', description="The ETag of the target as it was shown"),
]
TAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": 'Its version: `"v3"`'}}}
}


class TargetRow(Shape):
    """A target, and how many accounts have it."""

    target: str
    name: str | None
    version: int
    accounts: int


class Targets(Shape):
    """A page of targets, by id."""

    targets: list[TargetRow]
    next_cursor: str | None


class ModelRow(Shape):
    """A model, and how many accounts have a sleeve of it."""

    model_id: str
    name: str
    manager: str
    version: int
    investment_minimum: str
    holdings: int
    accounts: int
    signalled_at: str | None


class Models(Shape):
    """A page of models, by id."""

    models: list[ModelRow]
    next_cursor: str | None


class SubTarget(Shape):
    """A target inside another."""

    target: str
    name: str | None
    weight: str


class Component(Shape):
    """A component with its bands, as shares of 1."""

    component: str
    weight: str
    lower: str
    upper: str
    precision_lower: str
    precision_upper: str


class Target(TargetRow):
    """A target, sub-targets flattened."""

    sub_targets: list[SubTarget]
    components: list[Component]


class VersionStep(Shape):
    """A version, before and now."""

    before: int
    now: int


class TargetEdited(Shape):
    """What an edit did, or would: the versions of the target and of those that contain it, and whom it queues."""

    checked_only: bool
    target: str
    version: int
    versions: dict[str, VersionStep]
    queued: dict[str, int]
    rebalancing_off: int
    warnings: list[str]


class Holding(Shape):
    """A security of a model."""

    symbol: str
    weight: str


class Model(Shape):
    """A model as it is now."""

    model_id: str
    name: str
    manager: str
    version: int
    investment_minimum: str
    accounts: int
    holdings: list[Holding]
    cash_weight: str


class SignalRow(Shape):
    """A signal: a model's new version, and how its trades stand."""

    version: int
    received_by: str
    received_at: str
    begun_at: str | None
    ended_at: str | None


class Signals(Shape):
    """A page of a model's signals, newest first."""

    signals: list[SignalRow]
    next_cursor: str | None


class SignalTaken(Shape):
    """A version that is stored, or would be, and how many open sleeves trade to it. Nothing waits for an approval."""

    checked_only: bool
    workflow_id: str
    model_id: str
    version: int
    previous_version: int
    sleeves: int


@router.get("/targets", responses=documented())
def targets(caller: Annotated[Caller, needs("read")], limit: Limit = LIMIT, cursor_: Place = None) -> Targets:
    """Targets by id, by keyset."""
    with caller.console.books.reading() as books:
        found = listings.targets(books, cursor_, limit)
    return Targets(targets=[TargetRow.model_validate(each) for each in found.rows], next_cursor=found.after)


@router.get("/models", responses=documented())
def models(caller: Annotated[Caller, needs("read")], limit: Limit = LIMIT, cursor_: Place = None) -> Models:
    """Models by id, by keyset."""
    with caller.console.books.reading() as books:
        found = listings.models(books, cursor_, limit)
    return Models(models=[ModelRow.model_validate(each) for each in found.rows], next_cursor=found.after)


@router.get("/targets/{target_id}", response_model=Target, responses={**TAG, **documented(404, 409)})
def target(caller: Annotated[Caller, needs("read")], target_id: Id) -> Response:
    """What it comes to: every component with its bands. Its version, which an edit may name, is its ETag."""
    with caller.console.books.reading() as books:
        found = Target.model_validate(read_targets.show(books, target_id, caller.console.clock.today()))
    return JSONResponse(found.model_dump(mode="json"), headers={"ETag": f'"v{found.version}"'})


@router.post(
    "/targets", response_model=TargetEdited, responses=documented(409, 412, 413), openapi_extra=sent("application/json")
)
def edit(
    caller: Annotated[Caller, needs("assign")],
    call: Annotated[Once, Depends(once)],
    content: File,
    check: Check = False,
    if_match: IfMatch = None,
) -> Response:
    """A new version of a target that is there, in the form that a book has it; whom it serves is queued at once. With
    `If-Match` only where nobody has stored another since.
    """
    seen = int(if_match.strip('"v')) if if_match else None

    def edited(books: Any, path: Any) -> Shape:
        try:
            raw = read_object(path, "is not one target")
            done = acting_targets.edit(books, caller.person, raw, caller.sign, seen)
        except BookRefused as flaw:
            raise Refused(listed(path, flaw)) from flaw
        return TargetEdited.model_validate({"checked_only": check, **acting_targets.as_json(done)})

    return taken(caller, call, "target.json", content, check, edited)


@router.get("/models/{model_id}", responses=documented(404))
def model(caller: Annotated[Caller, needs("read")], model_id: Id) -> Model:
    """What it holds."""
    with caller.console.books.reading() as books:
        return Model.model_validate(read_models.show(books, model_id))


@router.get("/models/{model_id}/signals", responses=documented(404))
def signals(
    caller: Annotated[Caller, needs("read")], model_id: Id, limit: Limit = LIMIT, cursor_: Place = None
) -> Signals:
    """The versions that came as signals, newest first, by keyset."""
    with caller.console.books.reading() as books:
        read_models.show(books, model_id)
        found = listings.signals(books, model_id, cursor_, limit)
    rows = [SignalRow.model_validate({key: each[key] for key in SignalRow.model_fields}) for each in found.rows]
    return Signals(signals=rows, next_cursor=found.after)


@router.post(
    "/models/{model_id}/signals",
    status_code=202,
    response_model=SignalTaken,
    responses=documented(404, 409, 413),
    openapi_extra=sent("application/json"),
)
def signal(
    caller: Annotated[Caller, needs("signal")],
    call: Annotated[Once, Depends(once)],
    model_id: Id,
    content: File,
    check: Check = False,
) -> Response:
    """A manager's new version: `version` and `holdings`, as a book has a model's. Every open sleeve trades to it."""
    console = caller.console
    with console.books.reading() as books:
        read_models.show(books, model_id)

    def reachable() -> None:
        console.temporal.run(console.temporal.client())

    def received(books: Any, path: Any) -> Shape:
        raw = acting_signals.object_of(path)
        if raw.get("id", model_id) != model_id:
            raise Refused(f"the signal is of model {raw['id']}, and was sent to {model_id}: nothing was stored")
        done = acting_signals.receive(books, caller.person, path, None, raw | {"id": model_id}, reachable)
        workflow_id = signal_workflow_id(done.model_id, done.version)
        if not check:
            console.temporal.run(acting_signals.start(console.temporal.client, workflow_id, done))
        return SignalTaken(checked_only=check, workflow_id=workflow_id, model_id=done.model_id, version=done.version,
                           previous_version=done.before, sleeves=done.sleeves)  # fmt: skip

    return taken(caller, call, "signal.json", content, check, received, status=202)
