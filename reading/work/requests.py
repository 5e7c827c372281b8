"""One request, whole: who asked for what, how its accounts stand, what each said, what next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reading.actions import Advice, do
from reading.work.figures import with_figures
from reading.work.shown import RequestAccount

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What there is to tell of a request, or of a signal in a request's form; and what somebody has to do now."""

    told: Json
    next_action: Advice

    def as_json(self, say: Callable[[Advice], str | None]) -> Json:
        """The public form; `say` says what to do as whoever asks is used to."""
        return {key: say(self.next_action) if key == "next_action" else value for key, value in self.told.items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """A request's row, how its accounts stand, and how many plans of it wait for somebody to decide."""

    row: Any
    now: str
    counts: dict[str, int]
    waiting: int


def row(books: "Transaction", request_id: str) -> Any:
    """What was asked for. Raises UnknownRequest."""
    return books.requests.get(request_id)


def standing(books: "Transaction", request_id: str) -> Standing:
    """How far a request is, in a few figures. Raises UnknownRequest."""
    asked = row(books, request_id)
    now = asked.status or ("PAUSED" if asked.stage == "PAUSED" else "IN_PROGRESS")
    return Standing(asked, now, books.requests.counts(request_id), books.requests.waiting(request_id))


def pending(books: "Transaction", request_id: str) -> Sequence[RequestAccount]:
    """The accounts of a request whose plan waits for somebody to decide about it, in their order."""
    return books.requests.pending(request_id)


def read(books: "Transaction", request_id: str) -> Request:
    """A request. Raises UnknownRequest where neither a request nor a rebalance is of that id."""
    from domain.requests import counted
    from reading.words import utc
    from reading.work import listed
    from storage.work.request_standing import listed_plans, plans_shown
    from storage.work.requests import UnknownRequest

    rebalances = [dict(listed.rebalance(row)) for row in books.rebalances.listing(request_id=request_id, limit=None)]
    try:
        row = books.requests.get(request_id)
    except UnknownRequest:
        if not rebalances:
            raise
        return _without_request(books, request_id, rebalances)
    by_id = {each["rebalance_id"]: each for each in rebalances}
    accounts = [_standing(each, by_id.get(each.rebalance_id), row) for each in books.requests.accounts(request_id)]
    accounts, totals = with_figures(books, accounts)
    counts = counted(each["status"] for each in accounts)
    waiting = books.requests.pending(request_id)
    liquidations = [str(each.rebalance_id) for each in waiting if each.liquidation]
    next_action = _next_action(request_id, row.status, row.stage, counts, liquidations)
    told: Json = {
        "request_id": request_id,
        "status": row.status or ("PAUSED" if row.stage == "PAUSED" else "IN_PROGRESS"),
        "requested_by": row.requested_by,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "chosen": row.chosen,
        "mode": row.mode,
        "kind": row.kind,
        "amount": None if row.amount is None else f"{row.amount:.2f}",
        "approval": row.approval,
        "overrides": row.overrides,
        "workflow_id": row.workflow_id,
        "accounts": row.accounts,
        "counts": counts,
        "plans": listed_plans(plans_shown(waiting)) or None,
        "liquidations": liquidations,
        "next_action": None,
        "totals": totals,
        "rebalances": accounts,
    }
    return Request(told, next_action)


def _standing(account: Any, rebalance: Json | None, request: Any) -> Json:
    """An account as `history` lists its rebalance; without one, `rebalance_id` is null."""
    there = rebalance or {
        "rebalance_id": None,
        "account_id": account.account_id,
        "mode": request.mode,
        "kind": request.kind,
        "requested_by": request.requested_by,
        "approved_by": None,
        "started_at": None,
        "ended_at": None,
        "request_id": request.id,
    }
    shown = {"plan_digest": account.plan, "liquidation": account.liquidation}
    return there | {"status": account.outcome, "issue": account.issue} | shown


def counted_rebalances(books: Any, request_id: str) -> tuple[list[Json], dict[str, int]]:
    """The rebalances under a name, of each account the newest, as `history` lists them, and how many of each status."""
    from domain.requests import counted
    from reading.work import listed

    newest: dict[str, Json] = {}
    for row in books.rebalances.listing(request_id=request_id, limit=None):
        newest.setdefault(row.account_id, dict(listed.rebalance(row)))
    return list(newest.values()), counted(each["status"] for each in newest.values())


def _without_request(books: "Transaction", request_id: str, rebalances: list[Json]) -> Request:
    """Rebalances that were started one by one under a request's name."""
    from domain.requests import counted, status_of

    counts = counted(each["status"] for each in rebalances)
    status = status_of(counts)
    rebalances, totals = with_figures(books, rebalances)
    pending = [each for each in rebalances if each["status"] == "PENDING_APPROVAL"]
    liquidations = [str(each["rebalance_id"]) for each in pending if each["liquidation"]]
    next_action = _next_action(request_id, status, "RUNNING", counts, liquidations)
    told: Json = {
        "request_id": request_id,
        "status": status or "IN_PROGRESS",
        "requested_by": rebalances[0]["requested_by"],
        "accounts": len(rebalances),
        "counts": counts,
        "next_action": None,
        "totals": totals,
        "rebalances": sorted(rebalances, key=lambda each: str(each["account_id"])),
    }
    return Request(told, next_action)


def _next_action(
    request_id: str, status: str | None, stage: str, counts: dict[str, int], liquidations: Sequence[str]
) -> Advice:
    """What somebody has to do now; nothing where nothing is. Liquidations are decided by their own names (DECIDE-1)."""
    if stage == "PAUSED":
        return do("resume", request_id), do("cancel", request_id, told=", or {}")
    together = counts.get("PENDING_APPROVAL", 0) - len(liquidations)
    if together > 0:
        return (do("approve", request_id, by="WHO", told=f"{{}} (or cancel) decides {together:,} at once"),)
    if liquidations:
        return (do("approve", liquidations[0], by="WHO"),)
    if status and (counts.get("FAILED") or counts.get("BUSY")):
        return (do("submit", failed_of=request_id, told="correct what the issues name, then {}"),)
    if not status:
        return (do("submit", resume=request_id, told="{} follows it"),)
    return ()
