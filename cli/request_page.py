"""One request, whole: who asked for what, how its accounts stand, what each said, what next.

Printed by `show` and by `submit --wait`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cli import plan_page, say
from reading import words

Json = dict[str, Any]
LISTED = 40  # accounts of a page; JSON has all of them
WARNED = 10  # warnings of a page, likewise
COLUMNS = ("account", "name", "rebalance", "status", "issue")
TERMS = (("short_term", "short"), ("long_term", "long"))
FIGURES = ("account", "value", "turnover", "sells", "buys", "gain")


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
    parts += _figures(listed, told["totals"])
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
    for column in (made.columns[0], *made.columns[2:4]):
        column.no_wrap = True
    for each in listed:
        status = Text(each["status"], style=plan_page.STATUS_STYLES.get(each["status"], plan_page.ATTENTION))
        if each.get("liquidation"):
            status.append("\nLIQUIDATION", style=plan_page.BAD)
        made.add_row(each["account_id"], each["name"], each["rebalance_id"] or "–", status, each["issue"])
    return made


def _figures(listed: Sequence[Json], totals: Json) -> list[object]:
    """What the plans come to, account by account, adding up to what they come to together; and what they warn of."""
    planned = [each for each in listed if each["managed_value"] is not None]
    if not planned:
        return []
    shown, behind = planned[:LISTED], planned[LISTED:]
    rows = [(each["account_id"], *_amounts(each)) for each in shown]
    if behind:
        rows.append((f"{len(behind):,} more", *_amounts(_sum(behind))))
    rows.append(("total", *_amounts(totals)))
    title = f"As planned: {words.counted(totals['plans'], 'plan')}, {words.counted(totals['warnings'], 'warning')}"
    parts: list[object] = ["", say.table(title, FIGURES, rows, right=(1, 2, 3, 4))]
    warned = [(each["account_id"], warning) for each in planned for warning in each["warnings"]]
    if warned:
        more = [f"and {len(warned) - WARNED} more"] if len(warned) > WARNED else []
        parts += ["", plan_page.bullets("warnings", [f"{who}: {what}" for who, what in warned[:WARNED]] + more)]
    return parts


def _amounts(each: Json) -> tuple[str, str, str, str, str]:
    gains = [f"{words.signed(each['gain'][key])} {term}" for key, term in TERMS if Decimal(each["gain"][key])]
    value, turnover = words.amount(each["managed_value"]), words.share(each["turnover"]) if each["turnover"] else ""
    return value, turnover, words.amount(each["sold"]), words.amount(each["bought"]), "\n".join(gains) or "–"


def _sum(several: Sequence[Json]) -> Json:
    """What some accounts come to together; of a turnover together nothing is said."""
    added = {
        key: str(sum((Decimal(each[key]) for each in several), Decimal(0)))
        for key in ("managed_value", "sold", "bought")
    }
    gain = {key: str(sum((Decimal(each["gain"][key]) for each in several), Decimal(0))) for key, _ in TERMS}
    return {**added, "gain": gain, "turnover": None}


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
