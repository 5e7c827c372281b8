"""Execution: an approved plan becomes orders, each sent at most once, sells before buys."""

from typing import Any

from temporalio import activity

from activities.context import Desk, actor, step
from activities.messages import BeginExecution, ExecutionBegun, OrdersSubmitted, Step
from domain import execution
from domain.execution import EXEC_1, EXEC_2, EXEC_3, ExecutablePlan, Fill, Leg, resized_buys
from domain.money import ZERO, plain
from storage.snapshots import kept, restored
from venues.port import VenueAnswer, VenueOrder

# What of a snapshot may differ between plan and approval without the plan being made again: prices move all day, and
# the toggle never stops a person.
NOT_THE_ACCOUNT = ("as_of", "securities", "fresh_from", "household_sales")


def changed_since(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the account, its target and its models is different from the snapshot that was planned (EXEC-3)."""
    parts = [name for name in before.keys() | now.keys() if name not in NOT_THE_ACCOUNT]
    changed = [name for name in sorted(parts) if name != "account" and before.get(name) != now.get(name)]
    old, new = before["account"], now["account"]
    fields = sorted(old.keys() | new.keys())
    return changed + [name for name in fields if name != "rebalancing" and old.get(name) != new.get(name)]


class ExecutionSteps:
    """`begin_execution` and `submit_trades`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step
    def begin_execution(self, message: BeginExecution) -> ExecutionBegun:
        """Notes the approval and writes every order down, unless the account is not what was planned (EXEC-3)."""
        with self.desk.books.transaction(actor(message.approved_by)) as books:
            books.accounts.locked(message.account_id)
            row = books.rebalances.get(message.rebalance_id, lock=True)
            if row.stage in {"EXECUTING", "RECONCILING", "ENDED"}:
                return ExecutionBegun(changed=[])
            now, _ = books.snapshots.take(message.account_id, None, self.desk.today())
            changed = changed_since(row.snapshot, kept(now))
            if changed:
                books.audit.record(
                    "approval void: the account changed",
                    account_id=message.account_id,
                    rebalance_id=message.rebalance_id,
                    rule=EXEC_3.code,
                    after={"changed": changed, "approved_by": message.approved_by},
                )
                return ExecutionBegun(changed=changed)
            books.rebalances.approve(message.rebalance_id, message.approved_by, message.approved_at)
            books.orders.create(message.rebalance_id, execution.read(row.plan).legs)
            books.audit.record(
                "approved",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=EXEC_3.code,
                after={"approved_by": message.approved_by, "orders": len(row.plan["orders"])},
            )
            return ExecutionBegun(changed=[])

    @step
    def submit_trades(self, message: Step) -> OrdersSubmitted:
        """Sends the sells, sizes the buys on what they brought (ORDER-4), sends the buys."""
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id)
            snapshot = restored(row.snapshot)
        plan = execution.read(row.plan)
        self._send(message, snapshot.account.custodian, [leg for leg in plan.legs if leg.side == "sell"])
        increments = {symbol: each.quantity_increment for symbol, each in snapshot.securities.items()}
        fitted = resized_buys(snapshot.account, plan, self._fills(message), increments)
        resized = self._resize(message, plan, fitted)
        self._send(message, snapshot.account.custodian, [leg for leg in fitted.legs if leg.side == "buy"])
        return self._submitted(message, resized)

    def _send(self, message: Step, custodian: str, legs: list[Leg]) -> None:
        """Sends what has no last word yet. The venue knows a repeated client order ID (EXEC-1)."""
        venue = self.desk.venues.venue(custodian)
        for leg in legs:
            activity.heartbeat(leg.number)
            with self.desk.books.transaction(actor()) as books:
                known = {order.leg: order.status for order in books.orders.of(message.rebalance_id)}
                if known[leg.number] not in {"NEW", "SENT"}:
                    continue
                books.orders.sending(message.rebalance_id, leg.number)
            if leg.quantity == 0:
                said = VenueAnswer("CANCELED", ZERO, ZERO, "not sent: the sells did not bring the cash for it")
            else:
                order = VenueOrder(
                    execution.client_order_id(message.rebalance_id, leg.number),
                    message.account_id,
                    leg.side,
                    leg.symbol,
                    leg.quantity,
                    leg.price,
                )
                said = venue.submit(order)
            with self.desk.books.transaction(actor()) as books:
                books.orders.answered(
                    message.rebalance_id, leg.number, said.status, said.filled_quantity, said.filled_amount, said.reason
                )
                books.audit.record(
                    f"order {said.status.lower().replace('_', ' ')}",
                    account_id=message.account_id,
                    rebalance_id=message.rebalance_id,
                    rule=EXEC_1.code,
                    after={
                        "client_order_id": execution.client_order_id(message.rebalance_id, leg.number),
                        "side": leg.side,
                        "symbol": leg.symbol,
                        "quantity": plain(leg.quantity),
                        "filled": plain(said.filled_quantity),
                        "amount": plain(said.filled_amount),
                        "venue_reason": said.reason,
                    },
                )

    def _fills(self, message: Step) -> dict[int, Fill]:
        with self.desk.books.transaction(actor()) as books:
            return fills(books.orders.of(message.rebalance_id))

    def _resize(self, message: Step, plan: ExecutablePlan, fitted: ExecutablePlan) -> list[str]:
        """Writes smaller buys down before they are sent."""
        smaller = [new for old, new in zip(plan.legs, fitted.legs, strict=True) if new.quantity < old.quantity]
        with self.desk.books.transaction(actor()) as books:
            for leg in smaller:
                books.orders.resize(message.rebalance_id, leg)
        return [f"{leg.symbol} to {plain(leg.quantity)}" for leg in smaller]

    def _submitted(self, message: Step, resized: list[str]) -> OrdersSubmitted:
        with self.desk.books.transaction(actor()) as books:
            statuses: dict[str, int] = {}
            for order in books.orders.of(message.rebalance_id):
                statuses[order.status] = statuses.get(order.status, 0) + 1
            books.rebalances.set_stage(message.rebalance_id, "RECONCILING")
            books.audit.record(
                "orders submitted",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=EXEC_2.code,
                after={"statuses": statuses, "resized": resized},
            )
            return OrdersSubmitted(statuses=statuses, resized=resized)


def fills(orders: Any) -> dict[int, Fill]:
    """What the venue did, by leg."""
    return {order.leg: Fill(order.filled_quantity, order.filled_amount) for order in orders}
