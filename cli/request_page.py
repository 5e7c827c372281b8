"""One request, whole: who asked for what, how its accounts stand, what each said, what next.

Printed by `show` and by `submit --wait`.
"""

from collections.abc import Sequence
from typing import Any

from cli import plan_page, say
from reading import words

Json = dict[str, Any]
LISTED = 40  # accounts of a page; JSON has all of them
COLUMNS = ("account", "rebalance", "status", "issue")


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
