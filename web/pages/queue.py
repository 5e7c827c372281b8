"""`/queue`: who needs a rebalance and why; choose some, or all of a filter, and have them planned."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting.submit import Wanted
from domain.queue import REASONS
from domain.values.policy import DEFAULT_MODE, MODES
from reading.accounts.reasons import as_of
from reading.evidence import in_words
from reading.work import evaluations
from reading.work import queue as reading
from web import acts, tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, link, needs

router = APIRouter()
SIZES = (50, 200)
COLUMNS = ("account_id", "name", "primary_reason", "reasons", "evidence", "queued_at", "last_issue", "held_until")
KINDS = {"full": None, "raise_cash": "raise", "invest_cash": "invest"}


@router.get("/queue")
def show(
    visit: Annotated[Visit, needs("read")],
    reason: str | None = None,
    q: Annotated[str, Query(max_length=80)] = "",
    after: Annotated[str | None, Query(max_length=600)] = None,
    size: int = SIZES[0],
    format: Format = "html",
) -> Response:
    """A tile a reason, and the accounts of the filter, a page at a time."""
    code, prefix, today = _known(reason), q.strip(), visit.console.clock.today()
    size = size if size in SIZES else SIZES[0]
    if format != "html":
        rows = visit.rows(lambda books, place: reading.page(books, code, prefix, place, tables.PAGE, today))
        return tables.file("queue", format, COLUMNS, map(_told, rows))
    tiles, version = visit.console.tiles, visit.console.tiles.version
    with visit.console.books.reading() as books:
        page = reading.page(books, code, prefix, after, size, today)
        counts, measured = tiles.counts(books, version, prefix), as_of(evaluations.last(books))
    total = counts.get(code, 0)
    return visit.page(
        "queue.html",
        title="Queue",
        status=f"{total:,}",
        live={},
        reason=code,
        q=prefix,
        after=after,
        size=size,
        sizes=SIZES,
        next=page.after,
        rows=[_told(row) for row in page.rows],
        counts=counts,
        measured=measured,
        total=total,
        reasons=[each for each in REASONS if counts.get(each)],
        modes=MODES,
        default=DEFAULT_MODE,
    )


@router.post("/queue/plan")
def plan(
    visit: Annotated[Visit, needs("submit")],
    account: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
    everything: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    q: Annotated[str, Form()] = "",
    mode: Annotated[str, Form()] = DEFAULT_MODE,
    kind: Annotated[str, Form()] = "full",
    amount: Annotated[str, Form()] = "",
) -> Response:
    """One request of what was chosen. Each is checked and planned; nothing trades before somebody else approves."""
    code, terms = _known(reason), {"mode": mode} | _purpose(kind, amount)
    if everything and not q.strip():
        wanted = Wanted(terms, queue=True, reasons=[code] if code else [])
    else:
        with visit.console.books.reading() as books:
            today = visit.console.clock.today()
            wanted = Wanted(terms, reading.chosen(books, code, q.strip(), today) if everything else account)
        if not wanted.accounts:
            why = "No account was chosen, or somebody holds all of them. Tick some, or choose all of the filter."
            raise Refusal(422, "Nothing to plan", why, ((link("/queue", reason=code, q=q), "Back to the queue"),))
    made = acts.start_request(visit.console, visit.person, wanted)
    noun = "account is" if len(made.account_ids) == 1 else "accounts are"
    said = f"{len(made.account_ids):,} {noun} being checked and planned. Nothing trades before an approval."
    return visit.back(f"/requests/{made.request_id}", " ".join([said, *(f"{each}." for each in made.busy[:3])]))


@router.post("/queue/evaluate")
def evaluate(visit: Annotated[Visit, needs("evaluate")]) -> Response:
    """Runs the daily evaluation now."""
    acts.start_evaluation(visit.console)
    return visit.back("/queue", "Every account is being evaluated. What is found joins the queue as it goes.")


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as a person reads it: its evidence in words."""
    evidence = row["evidence"]
    return {
        **row,
        "evidence": "; ".join(line for code in row["reasons"] for line in in_words(code, evidence[code])),
        "told": [(code, in_words(code, evidence[code], few=True)) for code in row["reasons"]],
    }


def _known(reason: str | None) -> str | None:
    if not reason:
        return None
    if reason.upper() not in REASONS:
        why = f"{reason} is no reason for the queue: there are {', '.join(REASONS)}."
        raise Refusal(404, "There is no such reason", why, (("/queue", "The whole queue"),))
    return reason.upper()


def _purpose(kind: str, amount: str) -> dict[str, str]:
    """What is planned: everything, or so much cash raised or invested in each account."""
    if kind == "full":
        return {}
    try:
        wanted = Decimal(amount.strip().replace(",", ""))
    except InvalidOperation:
        wanted = Decimal(0)
    if kind not in KINDS or not wanted.is_finite() or wanted <= 0 or wanted != round(wanted, 2):
        why = f"To {KINDS.get(kind) or 'do that'} cash, give an amount above 0 like 2500.00, for each account."
        raise Refusal(422, "How much?", why, (("/queue", "Back to the queue"),))
    return {"kind": kind, "amount": f"{wanted:.2f}"}
