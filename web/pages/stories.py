"""`/rebalances/R/explain` and `/story`: how a plan came about, and what happened, from what was kept."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.telling import steps
from domain.telling.derivation import derive
from domain.values import purpose as purposes
from domain.values.policy import Policy
from domain.values.snapshot_json import restored
from markup.report import report
from reading import words
from reading.record.proof import proof_of
from reading.record.recompute import recompute
from reading.record.story import line_as_json, story_of
from reading.unknown import UnknownRebalance
from reading.work import rebalances
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
CELL = ("step", "title", "rules", "row", "column", "value")
LINE = ("at", "who", "source", "rule", "record_id", "says", "particulars")


@router.get("/rebalances/{rebalance_id}/explain")
def explain(visit: Annotated[Visit, needs("read")], rebalance_id: str, format: Format = "html") -> Response:
    """The derivation of the kept plan, step by step, and whether the plan comes out again; as a file, one line for each
    cell.
    """
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        rounds = recompute(books, row.id).rounds
    if row.snapshot is None or row.policy is None:
        why = f"Nothing was decided about {row.id} yet, so there is nothing to derive."
        raise Refusal(409, "Not yet", why, ((f"/rebalances/{row.id}", "See it"),))
    purpose = purposes.from_json(row.purpose)
    derived = derive(restored(row.snapshot), Policy.from_json(row.policy), row.mode, purpose=purpose)
    made = steps.as_json(derived.steps)
    if format != "html":
        return tables.file(f"{row.id}-explained", format, CELL, _cells(made))
    return visit.page(
        "explain.html",
        title=f"How {row.id} came about",
        row=row,
        steps=[_step(each) for each in made],
        rounds=rounds,
    )


@router.get("/rebalances/{rebalance_id}/story")
def story(visit: Annotated[Visit, needs("read")], rebalance_id: str, format: Format = "html") -> Response:
    """What happened, in order, from both witnesses: the audit record and the workflow's archived history."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        told = story_of(books, row.id)
    if format != "html":
        lines = [line_as_json(each) for each in told.lines]
        said = [each | {"particulars": "; ".join(one["says"] for one in each["particulars"])} for each in lines]
        return tables.file(f"{row.id}-story", format, LINE, said)
    return visit.page("story.html", title=f"The story of {row.id}", live={"rebalance": row.id}, row=row, told=told)


@router.get("/rebalances/{rebalance_id}/report")
def auditors_report(visit: Annotated[Visit, needs("read")], rebalance_id: str) -> Response:
    """The auditor's report, a page that needs nothing else: to be kept, not to be shown inside the console."""
    with visit.console.books.reading() as books:
        row = _row(visit, books, rebalance_id)
        told = story_of(books, row.id)
        content = report(told, proof_of(books, told, f"{row.id} alone"))
    return Response(content, media_type="text/html; charset=utf-8", headers=tables.attached(f"{row.id}.html"))


def _row(visit: Visit, books: Any, rebalance_id: str) -> Any:
    try:
        return rebalances.row(books, rebalance_id)
    except UnknownRebalance:
        visit.unknown(f"rebalance {rebalance_id}", "/requests")


def _cells(made: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Every step's table, a cell a line: each step has columns of its own. Its sentences are under `note`."""
    for number, each in enumerate(made, start=1):
        known = {"step": number, "title": each["title"], "rules": each["rules"]}
        names = [column["name"] for column in each["columns"]]
        for at, row in enumerate(each["rows"], start=1):
            for name, cell in zip(names, row, strict=True):
                yield known | {"row": at, "column": name, "value": cell}
        for at, note in enumerate(each["notes"], start=1):
            yield known | {"row": at, "column": "note", "value": note}


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
