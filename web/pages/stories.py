"""`/rebalances/R/explain` and `/story`: how a plan came about, and what happened, from what was kept."""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.telling import steps
from domain.telling.derivation import derive
from domain.values import purpose as purposes
from domain.values.policy import Policy
from domain.values.snapshot_json import restored
from reading import words
from storage.recomputation import recompute
from storage.record.reading import of_rebalance
from storage.work.rebalances import UnknownRebalance
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()


@router.get("/rebalances/{rebalance_id}/explain")
def explain(visit: Annotated[Visit, needs("read")], rebalance_id: str) -> Response:
    """The derivation of the kept plan, step by step, and whether the plan comes out again."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        rounds = recompute(books, row.id)
    if row.snapshot is None or row.policy is None:
        why = f"Nothing was decided about {row.id} yet, so there is nothing to derive."
        raise Refusal(409, "Not yet", why, ((f"/rebalances/{row.id}", "See it"),))
    purpose = purposes.from_json(row.purpose)
    derived = derive(restored(row.snapshot), Policy.from_json(row.policy), row.mode, purpose=purpose)
    return visit.page(
        "explain.html",
        title=f"How {row.id} came about",
        row=row,
        steps=[_step(each) for each in steps.as_json(derived.steps)],
        rounds=rounds,
    )


@router.get("/rebalances/{rebalance_id}/story")
def story(visit: Annotated[Visit, needs("read")], rebalance_id: str) -> Response:
    """Every record of it, in order, beside what the workflow's history has kept."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        records = of_rebalance(books.connection, row)
        kept = books.histories.of_start(row.workflow_id, str(row.start_key).rpartition("#")[2])
    lines = [(each.at, each.who, each.action, each.rule, _values(each)) for each in records]
    return visit.page(
        "story.html", title=f"The story of {row.id}", live={"rebalance": row.id}, row=row, lines=lines, kept=kept
    )


def _row(visit: Visit, books: Any, rebalance_id: str) -> Any:
    try:
        return books.rebalances.get(rebalance_id)
    except UnknownRebalance:
        visit.unknown(f"rebalance {rebalance_id}", "/requests")


def _values(record: Any) -> list[tuple[str, str]]:
    """What a record says of itself, short enough to be read."""
    given = record.after if isinstance(record.after, dict) else {}
    return [(key.replace("_", " "), str(value)[:200]) for key, value in given.items() if value not in (None, [], {})]


def _step(each: Any) -> dict[str, Any]:
    kinds = [column["kind"] for column in each["columns"]]
    rows = [[_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in each["rows"]]
    return {**each, "rows": rows, "kinds": kinds}


def _cell(cell: str, kind: str) -> str:
    """A cell as people read it."""
    if not cell or kind == "text":
        return cell
    if kind == "weight":
        return words.share(cell)
    if kind in {"amount", "change"}:
        return words.signed(cell) if kind == "change" else words.amount(cell)
    return words.number(cell)
