"""One rebalance, whole: who asked, approved and when; what was planned, what the venue did, how it ended, what next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reading import words
from reading.actions import Action, Advice, do, tell
from reading.places import cursor, number, parts

if TYPE_CHECKING:
    from domain.telling.cash_lines import Cash
    from storage.connection import Transaction

Json = dict[str, Any]
Rows = tuple[Sequence[Any], str | None]


@dataclass(frozen=True, slots=True)
class Rebalance:
    """A rebalance's row, its orders as the venue left them, and the account's open breaks that it opened."""

    row: Any
    orders: Sequence[Any]
    breaks: Sequence[Any]
    four_eyes: bool
    at_desk: Mapping[int, str | None] = field(default_factory=dict)  # legs at the desk, and the block of each

    def as_json(self, say: Callable[[Advice], str | None]) -> Json:
        """The row as `history` has it, with more of it, the plan and the result; `say` says what to do."""
        from domain.values.money import plain
        from reading.words import utc
        from reading.work import listed

        row = self.row
        return {
            **listed.rebalance(row),
            "stage": row.stage,
            "kind": row.kind,
            "approval": row.approval,
            "approved_at": utc(row.approved_at),
            "expires_at": utc(row.expires_at),
            "overrides": row.overrides,
            "round": row.round,
            "plan_digest": row.plan_digest,
            "workflow_id": row.workflow_id,
            "run_id": self.run_id,
            "next_action": say(self.next_action),
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
                    "costs": plain(each.costs),
                    "venue_reason": each.venue_reason,
                }
                for each in self.orders
            ],
            "open_breaks": [_break(each) for each in self.breaks],
            "result": row.result,
        }

    @property
    def cash(self) -> "Cash | None":
        """What the plan starts from, of the snapshot that is kept with it."""
        return cash_before(self.row)

    @property
    def run_id(self) -> str:
        """The run of its workflow that it began with."""
        return str(self.row.start_key).rpartition("#")[2]

    @property
    def findings(self) -> Sequence[Json]:
        """What the rules found: of the result, else of the plan."""
        return (self.row.result or {}).get("findings") or (self.row.plan or {}).get("findings") or []

    @property
    def next_action(self) -> Advice:
        """What somebody has to do now; nothing where nothing is."""
        row = self.row
        again = "submit", row.account_id
        if row.stage == "PENDING_APPROVAL":
            other = f", who is not {row.requested_by}" if self.four_eyes else ""
            return do("approve", row.id, by="WHO", told=f"{{}}{other}"), do("cancel", row.id, told="; or {}")
        if waiting := sum(order.status == "WORKING" for order in self.orders):
            noun = "order waits" if waiting == 1 else "orders wait"
            where = sorted(
                {self.at_desk.get(order.leg) or "" for order in self.orders if order.status == "WORKING"} - {""}
            )
            inside = f" ({', '.join(where)})" if where else ""
            told = f"{waiting} {noun} at the venue{inside}; to wait no longer: {{}}"
            return (do("cancel", row.id, why="TEXT", told=told),)
        if self.breaks:
            right = "find out whether the books or the custodian are right, then {}"
            resolve = do("breaks resolve", str(self.breaks[0].id), note="TEXT", told=right)
            return resolve, do(*again, override="open_break", told="; or in spite of it: {}")
        if row.status in {"EXPIRED", "CANCELED"}:
            return (do(*again, told="if it is still wanted: {}"),)
        if row.status in {"FAILED", "COMPLETE_WITH_ERRORS"}:
            return self._mend(), do(*again, told=", then {}")
        return ()

    def _mend(self) -> Action:
        """What has to be different before another try can end better, by the first error's rule and evidence."""
        errors = [each for each in (self.row.result or {}).get("findings", []) if each["severity"] == "error"]
        rule, evidence = (errors[0]["rule"], errors[0]["evidence"]) if errors else ("", {})
        if rule == "MINIMUM-1":
            needed = [
                f"{words.amount(each['evidence']['account_needed'])} for {each['evidence']['component']}"
                for each in errors
                if each["rule"] == rule
            ]
            return tell(f"bring the account to {', '.join(needed)}, or take it out of the target")
        if rule == "CHECK-1" and "prices" in evidence:
            return tell(f"load newer prices of {', '.join(evidence['symbols'])}")
        if rule == "EXEC-2":
            return tell("ask the venue about the orders that did not fill")
        return do("diagnose", self.row.account_id, told="correct what the issue names ({} helps)")


def cash_before(row: Any) -> "Cash | None":
    """What the plan of a rebalance's row starts from; None where it has no plan, or its snapshot is not kept."""
    from domain.telling.cash_lines import cash_of
    from domain.values.policy import Policy
    from domain.values.snapshot_json import restored

    if not (row.snapshot and row.policy and row.plan and "components" in row.plan):
        return None
    return cash_of(restored(row.snapshot), Policy.from_json(row.policy))


def row(books: "Transaction", rebalance_id: str) -> Any:
    """A rebalance's row, with its documents. Raises UnknownRebalance."""
    return books.rebalances.get(rebalance_id)


def rounds(books: "Transaction", rebalance_id: str) -> Sequence[Any]:
    """Each time that it was decided, with the plan of then, the first one first."""
    return books.rebalances.rounds(rebalance_id)


def page_of_orders(books: "Transaction", rebalance_id: str, place: str | None, size: int) -> Rows:
    """Its orders, in the order in which they are sent, and where the next page begins. Raises Lost."""
    at = parts(place, 1)
    rows = books.orders.behind(rebalance_id, -1 if at is None else number(at[0]), size + 1)
    return rows[:size], cursor(str(rows[size - 1].leg)) if len(rows) > size else None


def page_of_rounds(books: "Transaction", rebalance_id: str, place: str | None, size: int) -> Rows:
    """Each time that it was decided, the first one first, and where the next page begins. Raises Lost."""
    at = parts(place, 1)
    rows = books.rebalances.rounds(rebalance_id, 0 if at is None else number(at[0]), size + 1)
    return rows[:size], cursor(str(rows[size - 1].round)) if len(rows) > size else None


def read(books: "Transaction", row: Any) -> Rebalance:
    """All that there is to tell of a rebalance."""
    return Rebalance(
        row,
        books.orders.of(row.id),
        [each for each in books.breaks.open_of(row.account_id) if each.rebalance_id == row.id],
        _four_eyes(row),
        {leg: its.block_id for leg, its in books.desk.of(row.id).items()},
    )


def _four_eyes(row: Any) -> bool:
    """Whether somebody else has to approve it, by the numbers of its own account and target."""
    from domain.values.policy import Policy
    from domain.values.snapshot_json import restored

    if not (row.snapshot and row.policy):
        return True
    return restored(row.snapshot).numbers(Policy.from_json(row.policy)).four_eyes


def _break(each: Any) -> Json:
    from domain.values.money import plain
    from reading.words import utc

    return {
        "id": each.id,
        "kind": each.kind,
        "symbol": each.symbol,
        "expected": plain(each.expected),
        "actual": plain(each.actual),
        "opened_at": utc(each.opened_at),
    }
