"""One rebalance, whole: who asked, approved and when; what was planned, what the venue did, how it ended, what next.

Printed by `show` and the demo.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cli import connections, plan_page
from reading import words
from reading.accounts.breaks import break_in_words

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RebalancePage:
    """A rebalance's row, its orders as the venue left them, and the account's open breaks that it opened."""

    row: Any
    orders: Sequence[Any]
    breaks: Sequence[Any]
    four_eyes: bool
    ui_url: str | None
    temporal_address: str | None

    def as_json(self) -> Json:
        """The row as `history` has it, with more of it, the plan and the result."""
        from domain.values.money import plain
        from storage.work.rebalances import as_history, utc

        row = self.row
        return {
            **as_history(row),
            "stage": row.stage,
            "kind": row.kind,
            "approval": row.approval,
            "approved_at": utc(row.approved_at),
            "expires_at": utc(row.expires_at),
            "overrides": row.overrides,
            "round": row.round,
            "plan_digest": row.plan_digest,
            "workflow_id": row.workflow_id,
            "run_id": self._run_id,
            "next_action": self.next_action(),
            "plan": row.plan,
            "orders": [
                {
                    "client_order_id": each.client_order_id,
                    "side": each.side,
                    "symbol": each.symbol,
                    "planned_quantity": plain(each.planned_quantity),
                    "quantity": plain(each.quantity),
                    "status": each.status,
                    "filled_quantity": plain(each.filled_quantity),
                    "filled_amount": plain(each.filled_amount),
                    "venue_reason": each.venue_reason,
                }
                for each in self.orders
            ],
            "open_breaks": [_break(each) for each in self.breaks],
            "result": row.result,
        }

    def page(self) -> list[object]:
        """The rebalance as a page for `say.show`."""
        row = self.row
        what = row.mode if row.kind == "full" else row.kind
        parts: list[object] = [plan_page.title(f"{row.id} · account {row.account_id} · {what}")]
        parts.append(plan_page.status_line("", row.status or row.stage))
        parts += [f"issue: {row.issue}"] if row.issue else []
        action = self.next_action()
        parts += [f"next:  {action}"] if action else []
        parts += ["", plan_page.bullets("who", self._people())]
        if row.plan and "components" in row.plan:
            parts += ["", *planned(row, self._placed())]
        found = (row.result or {}).get("findings") or (row.plan or {}).get("findings") or []
        parts += plan_page.findings(found)
        parts += [plan_page.bullets("open break", map(break_in_words, self.breaks)), ""] if self.breaks else []
        return [*parts, plan_page.bullets("the same in Temporal", self._in_temporal())]

    def next_action(self) -> str | None:
        """What somebody has to do now; None where nothing is."""
        row = self.row
        account = shlex.quote(row.account_id)
        if row.stage == "PENDING_APPROVAL":
            other = f", who is not {row.requested_by}" if self.four_eyes else ""
            return f"rebalancer approve {row.id} --by WHO{other}; or rebalancer cancel {row.id}"
        if waiting := sum(order.status == "WORKING" for order in self.orders):
            noun = "order waits" if waiting == 1 else "orders wait"
            return f"{waiting} {noun} at the venue; to wait no longer: rebalancer cancel {row.id} --why TEXT"
        if self.breaks:
            return (
                "find out whether the books or the custodian are right, then rebalancer breaks resolve "
                f"{self.breaks[0].id} --note TEXT; or in spite of it: rebalancer submit {account} --override open_break"
            )
        if row.status in {"EXPIRED", "CANCELED"}:
            return f"if it is still wanted: rebalancer submit {account}"
        if row.status in {"FAILED", "COMPLETE_WITH_ERRORS"}:
            return f"{self._mend()}, then rebalancer submit {account}"
        return None

    def _mend(self) -> str:
        """What has to be different before another try can end better, by the first error's rule and evidence."""
        from reading.words import amount

        errors = [each for each in (self.row.result or {}).get("findings", []) if each["severity"] == "error"]
        rule, evidence = (errors[0]["rule"], errors[0]["evidence"]) if errors else ("", {})
        if rule == "MINIMUM-1":
            needed = [
                f"{amount(each['evidence']['account_needed'])} for {each['evidence']['component']}"
                for each in errors
                if each["rule"] == rule
            ]
            return f"bring the account to {', '.join(needed)}, or take it out of the target"
        if rule == "CHECK-1" and "prices" in evidence:
            return f"load newer prices of {', '.join(evidence['symbols'])}"
        if rule == "EXEC-2":
            return "ask the venue about the orders that did not fill"
        return f"mend what the issue names (rebalancer diagnose {shlex.quote(self.row.account_id)} helps)"

    @property
    def _run_id(self) -> str:
        return str(self.row.start_key).rpartition("#")[2]

    def _people(self) -> list[str]:
        from storage.work.rebalances import utc

        row = self.row
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

    def _placed(self) -> list[str] | None:
        """What the venue made of each order of the plan; None where none was written down yet."""
        return [_at_venue(each) for each in self.orders] if len(self.orders) == len(self.row.plan["orders"]) else None

    def _in_temporal(self) -> list[str]:
        workflow = shlex.quote(self.row.workflow_id)
        address = f" --address {self.temporal_address}" if self.temporal_address else ""
        lines = [f"temporal workflow show -w {workflow} -r {self._run_id}{address}"]
        if self.ui_url:
            where = quote(self.row.workflow_id, safe="")
            lines.append(f"{self.ui_url}/namespaces/default/workflows/{where}/{self._run_id}/history")
        return lines


def planned(row: Any, placed: Sequence[str] | None = None) -> list[object]:
    """The plan of a rebalance, and its digest, which an approval of it names (DECIDE-1)."""
    plan = row.plan
    kind = "liquidation · " if plan["liquidation"] else ""
    as_of = f"as of {plan['as_of']} · {kind}managed value {words.amount(plan['managed_value'])}"
    digest = [f"plan {row.plan_digest}"] if row.plan_digest else []
    return [f"The plan, {as_of}", *digest, *plan_page.body(plan, placed)]


def read(books: Any, row: Any) -> RebalancePage:
    """All that there is to show of a rebalance."""
    from domain.values.policy import Policy

    stack = connections.stack() if connections.temporal_address() else None
    address = connections.temporal_address() or os.environ.get("TEMPORAL_ADDRESS")
    return RebalancePage(
        row,
        books.orders.of(row.id),
        [each for each in books.breaks.open_of(row.account_id) if each.rebalance_id == row.id],
        Policy.from_json(row.policy).four_eyes if row.policy else True,
        stack.ui_url if stack else None,
        None if address in {"localhost:7233", "127.0.0.1:7233"} else address,
    )


def _at_venue(order: Any) -> str:
    """`FILLED`; what is not so, with how much was filled and why."""
    from domain.values.money import plain
    from reading.words import number

    if order.status == "FILLED" and order.quantity == order.planned_quantity:
        return "FILLED"
    if order.status in {"NEW", "SENT"}:
        return {"NEW": "not sent yet", "SENT": "sent"}[order.status]
    of = f"{number(plain(order.filled_quantity))} of {number(plain(order.planned_quantity))}"
    if order.status == "WORKING":
        return f"at the venue, {of} filled"
    return f"{order.status} {of}{f': {order.venue_reason}' if order.venue_reason else ''}"


def _break(each: Any) -> Json:
    from domain.values.money import plain
    from storage.work.rebalances import utc

    return {
        "id": each.id,
        "kind": each.kind,
        "symbol": each.symbol,
        "expected": plain(each.expected),
        "actual": plain(each.actual),
        "opened_at": utc(each.opened_at),
    }
