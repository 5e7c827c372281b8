"""One request, whole: who asked for what, how its accounts stand, what each said, what next.

Printed by `show` and by `submit --wait`.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from cli import plan_page, say
from reading import words

Json = dict[str, Any]
LISTED = 40  # accounts of a page; JSON has all of them
COLUMNS = ("account", "rebalance", "status", "issue")


def read(books: Any, request_id: str) -> Json:
    """A request in its public form. Raises UnknownRequest where neither a request nor a rebalance is of that id."""
    from domain.requests import counted
    from storage.work.rebalances import as_history, utc
    from storage.work.requests import UnknownRequest, listed_plans, plans_shown

    rebalances = [dict(as_history(row)) for row in books.rebalances.listing(request_id=request_id, limit=None)]
    try:
        row = books.requests.get(request_id)
    except UnknownRequest:
        if not rebalances:
            raise
        return _without_request(request_id, rebalances)
    by_id = {each["rebalance_id"]: each for each in rebalances}
    accounts = [_standing(each, by_id.get(each.rebalance_id), row) for each in books.requests.accounts(request_id)]
    counts = counted(each["status"] for each in accounts)
    waiting = books.requests.pending(request_id)
    return {
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
        "liquidations": [each.rebalance_id for each in waiting if each.liquidation],
        "next_action": _next_action(request_id, row.status, row.stage, counts),
        "rebalances": accounts,
    }


def page(told: Json) -> list[object]:
    """A request as a page for `say.show`: accounts that need somebody first."""
    listed = sorted(told["rebalances"], key=_needs_somebody)
    parts: list[object] = [
        plan_page.title(f"{told['request_id']} · requested by {told['requested_by']}"),
        plan_page.status_line("", told["status"]),
    ]
    if told.get("started_at"):
        ended = f", ended {words.moment(told['ended_at'])}" if told["ended_at"] else ""
        parts.append(
            f"{_chosen(told)} · {told['mode']}{_kind(told)} · started {words.moment(told['started_at'])}{ended}"
        )
    counts = [(str(count), outcome) for outcome, count in told["counts"].items()]
    parts += ["", say.table("", ("accounts", "status"), counts, right=(0,)), "", _table(listed[:LISTED])]
    if len(listed) > LISTED:
        every = f"rebalancer show {told['request_id']} --format json"
        parts.append(f"and {len(listed) - LISTED} more; all of them: {every}")
    parts += _to_approve(told)
    parts += [f"\nnext: {told['next_action']}"] if told["next_action"] else []
    any_made = any(each["rebalance_id"] for each in listed)
    return [*parts, "\nOne of them whole: rebalancer show R-…"] if any_made else parts


def _to_approve(told: Json) -> list[object]:
    """The list of plans that an approval names, and the liquidations that it leaves out (DECIDE-1)."""
    parts: list[object] = [f"\nplans {told['plans']}"] if told.get("plans") else []
    apart = told.get("liquidations", [])
    more = f" and {len(apart) - LISTED} more" if len(apart) > LISTED else ""
    ids = f"{', '.join(apart[:LISTED])}{more}"
    return [*parts, *([f"\nliquidations, each approved by its own name: {ids}"] if apart else [])]


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
    from storage.work.rebalances import as_history

    newest: dict[str, Json] = {}
    for row in books.rebalances.listing(request_id=request_id, limit=None):
        newest.setdefault(row.account_id, dict(as_history(row)))
    return list(newest.values()), counted(each["status"] for each in newest.values())


def _without_request(request_id: str, rebalances: list[Json]) -> Json:
    """Rebalances that were started one by one under a request's name."""
    from domain.requests import counted, status_of

    counts = counted(each["status"] for each in rebalances)
    status = status_of(counts)
    return {
        "request_id": request_id,
        "status": status or "IN_PROGRESS",
        "requested_by": rebalances[0]["requested_by"],
        "accounts": len(rebalances),
        "counts": counts,
        "next_action": _next_action(request_id, status, "RUNNING", counts),
        "rebalances": sorted(rebalances, key=lambda each: str(each["account_id"])),
    }


def _next_action(request_id: str, status: str | None, stage: str, counts: dict[str, int]) -> str | None:
    """What somebody has to do now; None where nothing is."""
    named = shlex.quote(request_id)
    if stage == "PAUSED":
        return f"rebalancer resume {named}, or rebalancer cancel {named}"
    if counts.get("PENDING_APPROVAL"):
        decides = f"decides {counts['PENDING_APPROVAL']} at once"
        return f"rebalancer approve {named} --by WHO (or cancel) {decides}"
    if status and (counts.get("FAILED") or counts.get("BUSY")):
        return f"mend what the issues name, then rebalancer submit --failed-of {named}"
    if not status:
        return f"rebalancer submit --resume {named} follows it"
    return None


def _needs_somebody(each: Json) -> tuple[int, str]:
    """Failures first, then what waits for a person, what is under way, and what is done."""
    order = ("FAILED", "BUSY", "COMPLETE_WITH_ERRORS", "PENDING_APPROVAL", "EXPIRED", "CANCELED")
    rank = order.index(each["status"]) if each["status"] in order else len(order) + (each["status"] == "COMPLETE")
    return rank, str(each["account_id"])


def _table(listed: Sequence[Json]) -> object:
    from rich.text import Text

    made = say.table("", COLUMNS, [])
    for column in made.columns[:3]:
        column.no_wrap = True
    for each in listed:
        style = plan_page.STATUS_STYLES.get(each["status"], plan_page.ATTENTION)
        made.add_row(each["account_id"], each["rebalance_id"] or "–", Text(each["status"], style=style), each["issue"])
    return made


def _chosen(told: Json) -> str:
    noun = "account" if told["accounts"] == 1 else "accounts"
    chosen = told["chosen"]
    if "queue" in chosen:
        return (
            f"{told['accounts']} {noun} of the queue{' for ' + ', '.join(chosen['queue']) if chosen['queue'] else ''}"
        )
    if "failed_of" in chosen:
        return f"{told['accounts']} {noun} that failed in {chosen['failed_of']}"
    return f"{told['accounts']} {noun}"


def _kind(told: Json) -> str:
    if told["kind"] == "full":
        return ""
    return f" · {told['kind']} {words.amount(told['amount'])}"
