"""`/queue`: who needs a rebalance and why; choose some, or all of a filter, and have them planned."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting.submit import Wanted
from domain.queue import REASONS
from domain.values.policy import DEFAULT_MODE, MODES
from reading.accounts.reasons import as_of
from reading.evidence import in_words
from reading.words import utc
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
    after: str | None = None,
    size: int = SIZES[0],
    format: Format = "html",
) -> Response:
    """A tile a reason, and the accounts of the filter, a page at a time."""
    code, prefix = _known(reason), q.strip()
    size = size if size in SIZES else SIZES[0]
    tiles, version = visit.console.tiles, visit.console.tiles.version
    with visit.console.books.reading() as books:
        try:
            of_page = tables.AT_MOST if format != "html" else size
            page = books.queue_pages.page(code, prefix, after, of_page, visit.console.clock.today())
        except ValueError as flaw:
            raise _lost(code, prefix) from flaw
        if format != "html":
            return tables.file("queue", format, COLUMNS, map(_row, page.rows))
        counts, measured = tiles.counts(books, version, prefix), as_of(books.evaluations.last())
    total = counts.get(code, 0)
    return visit.page(
        "queue.html",
        title="Queue",
        status=str(total),
        live={},
        reason=code,
        q=prefix,
        after=after,
        size=size,
        next=page.after,
        rows=[_row(row) for row in page.rows],
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
            wanted = Wanted(terms, books.queue_pages.chosen(code, q.strip(), today) if everything else account)
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


def _row(row: Any) -> dict[str, Any]:
    codes = sorted(row.reasons, key=REASONS.index)
    return {
        "account_id": row.account_id,
        "name": row.name,
        "primary_reason": row.primary_reason,
        "reasons": codes,
        "evidence": "; ".join(line for code in codes for line in in_words(code, row.reasons[code])),
        "told": [(code, in_words(code, row.reasons[code], few=True)) for code in codes],
        "queued_at": utc(row.queued_at),
        "last_issue": row.last_issue,
        "held_until": row.held_until,
    }


def _known(reason: str | None) -> str | None:
    if not reason:
        return None
    if reason.upper() not in REASONS:
        why = f"{reason} is no reason for the queue: there are {', '.join(REASONS)}."
        raise Refusal(404, "There is no such reason", why, (("/queue", "The whole queue"),))
    return reason.upper()


def _lost(reason: str | None, prefix: str) -> Refusal:
    back = ((link("/queue", reason=reason, q=prefix), "The first page"),)
    return Refusal(422, "There is no such page", "The address does not name a place in the queue.", back)


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
