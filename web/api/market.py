"""`/targets`, `/models`, `/rules`, `/policy`: what accounts are to be, and the rules by which that is decided."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from domain.values.money import cents
from storage.work.rebalances import utc
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Limit, lost
from web.api.problems import documented
from web.api.shapes import Shape

router = APIRouter(tags=["market"])
Skip = Annotated[str | None, Query(max_length=12, pattern=r"^[0-9]+$", description="`next_cursor` of a page")]


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


@router.get("/targets", responses=documented())
def targets(
    caller: Annotated[Caller, needs("read")],
    limit: Limit = LIMIT,
    cursor_: Annotated[Skip, Query(alias="cursor")] = None,
) -> Targets:
    """Targets by id."""
    skip = _skip(cursor_)
    with caller.console.books.reading() as books:
        found = books.listings.targets(skip, limit)
    rows = [TargetRow(target=each.id, name=each.name, version=each.version, accounts=each.accounts)
            for each in found.rows]  # fmt: skip
    return Targets(targets=rows, next_cursor=str(skip + limit) if found.more else None)


@router.get("/models", responses=documented())
def models(
    caller: Annotated[Caller, needs("read")],
    limit: Limit = LIMIT,
    cursor_: Annotated[Skip, Query(alias="cursor")] = None,
) -> Models:
    """Models by id."""
    skip = _skip(cursor_)
    with caller.console.books.reading() as books:
        found = books.listings.models(skip, limit)
    return Models(models=[_model(each) for each in found.rows], next_cursor=str(skip + limit) if found.more else None)


def _skip(given: str | None) -> int:
    skip = int(given or 0)
    if skip > 10**9:
        raise lost()
    return skip


def _model(each: Any) -> ModelRow:
    return ModelRow(
        model_id=each.id,
        name=each.name,
        manager=each.manager,
        version=each.version,
        investment_minimum=cents(each.minimum),
        holdings=each.lines,
        accounts=each.accounts,
        signalled_at=utc(each.signalled),
    )
