"""One rebalance as a page: who asked, approved and when; what was planned, what the venue did, how it ended, what next.

Printed by `show` and the demo.
"""

import os
import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from cli import commands, connections, plan_page
from reading import words
from reading.accounts.breaks import break_in_words
from reading.actions import typed
from reading.work.rebalances import Rebalance, cash_before


def page(found: Rebalance) -> list[object]:
    """The rebalance as a page for `say.show`."""
    row = found.row
    what = row.mode if row.kind == "full" else row.kind
    parts: list[object] = [plan_page.title(f"{row.id} · account {row.account_id} · {what}")]
    parts.append(plan_page.status_line("", row.status or row.stage))
    parts += [f"issue: {row.issue}"] if row.issue else []
    parts += [f"next:  {commands.line(found.next_action)}"] if found.next_action else []
    parts += ["", plan_page.bullets("who", _people(row))]
    if row.plan and "components" in row.plan:
        parts += ["", *planned(row, _placed(found))]
    parts += plan_page.findings(found.findings)
    parts += [plan_page.bullets("open break", map(break_in_words, found.breaks)), ""] if found.breaks else []
    return [*parts, plan_page.bullets("the same in Temporal", _in_temporal(found))]


def _people(row: Any) -> list[str]:
    from reading.words import utc

    request = f", request {row.request_id}" if row.request_id else ""
    lines = [f"requested by {row.requested_by}, {words.moment(utc(row.started_at))}{request}"]
    if row.overrides:
        lines.append(f"set aside: {', '.join(row.overrides)}")
    if row.approved_by:
        lines.append(f"approved by {row.approved_by}, {words.moment(utc(row.approved_at))}")
    elif row.stage == "PENDING_APPROVAL":
        lines.append(f"waits for an approval until {words.moment(utc(row.expires_at))}, the exchange's close")
    if row.ended_at:
        lines.append(f"ended {words.moment(utc(row.ended_at))}")
    return lines


def _placed(found: Rebalance) -> list[str] | None:
    """What the venue made of each order of the plan; None where none was written down yet."""
    own = [each for each in found.orders if each.leg <= len(found.row.plan["orders"])]  # a tail is a part of its leg
    if len(own) != len(found.row.plan["orders"]):
        return None
    return [_at_venue(each, each.leg in found.at_desk, found.at_desk.get(each.leg)) for each in own]


def _in_temporal(found: Rebalance) -> list[str]:
    stack = connections.stack() if connections.temporal_address() else None
    address = connections.temporal_address() or os.environ.get("TEMPORAL_ADDRESS")
    lines = [typed(f"temporal workflow show -w {shlex.quote(found.row.workflow_id)} -r {found.run_id}", address)]
    if stack and stack.ui_url:
        where = quote(found.row.workflow_id, safe="")
        lines.append(f"{stack.ui_url}/namespaces/default/workflows/{where}/{found.run_id}/history")
    return lines


def planned(row: Any, placed: Sequence[str] | None = None) -> list[object]:
    """The plan of a rebalance, and its digest, which an approval of it names (DECIDE-1)."""
    plan = row.plan
    kind = "liquidation · " if plan["liquidation"] else ""
    as_of = f"as of {plan['as_of']} · {kind}managed value {words.amount(plan['managed_value'])}"
    digest = [f"plan {row.plan_digest}"] if row.plan_digest else []
    return [f"The plan, {as_of}", *digest, *plan_page.body(plan, placed, cash_before(row))]


def _at_venue(order: Any, at_desk: bool, block: str | None) -> str:
    """`FILLED`; what is not so, with how much was filled and why. `at_desk`: it goes, or went, in a block."""
    from domain.values.money import money, plain
    from reading.words import number

    costs = f", costs {money(order.costs)}" if order.costs else ""
    if order.status == "FILLED" and order.quantity == order.planned_quantity:
        return f"FILLED{costs}"
    inside = f" in {block}" if block else ""
    if order.status in {"NEW", "SENT"}:
        waits = f"not sent yet{inside}" if block or not at_desk else "at the desk, waits for a block"
        return {"NEW": waits, "SENT": f"sent{inside}"}[order.status]
    of = f"{number(plain(order.filled_quantity))} of {number(plain(order.planned_quantity))}"
    if order.status == "WORKING":
        return f"at the venue{inside}; allocated when its day is over" if block else f"at the venue, {of} filled"
    return f"{order.status} {of}{costs}{f': {order.venue_reason}' if order.venue_reason else ''}"
