"""Execution: an approved plan becomes orders, each sent at most once, sells before buys."""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, step
from activities.messages import BeginExecution, ExecutionBegun, OrdersSubmitted, Step
from domain import execution
from domain.booking import ExecutablePlan, Fill, Leg
from domain.execution import EXEC_1, EXEC_2, EXEC_3, resized_buys
from domain.money import ZERO, plain
from domain.orders import ORDER_4
from storage.connection import Transaction
from storage.snapshots import kept, restored
from venues.port import VenueAnswer, VenueOrder

# What of a snapshot may differ between plan and approval without the plan being made again: prices move all day, the
# toggle never stops a person, and what the household traded counts where it washes a buy of the plan.
NOT_THE_ACCOUNT = ("as_of", "securities", "fresh_from", "household_sales", "household_buys")


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
            if row.round != message.round:
                return ExecutionBegun(changed=[f"round {row.round} was planned meanwhile"])
            books.accounts.lock_household(
                message.account_id
            )  # what its others are about to trade is seen here (WASH-1)
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
        if row.stage == "ENDED":  # a reset workflow comes by again
            return self._submitted(message, [])
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
                if books.rebalances.get(message.rebalance_id, lock=True).stage != "EXECUTING":
                    raise ApplicationError(f"{message.rebalance_id} is over", type="Superseded", non_retryable=True)
                if not books.orders.sending(message.rebalance_id, leg.number):
                    continue
            if leg.quantity == 0:
                said = VenueAnswer("CANCELED", ZERO, ZERO, "not sent: the sells did not bring the cash for it")
            else:
                said = venue.submit(venue_order(message.rebalance_id, message.account_id, leg))
            with self.desk.books.transaction(actor()) as books:
                answered(books, message.rebalance_id, message.account_id, leg, said)

    def _fills(self, message: Step) -> dict[int, Fill]:
        with self.desk.books.transaction(actor()) as books:
            return fills(books.orders.of(message.rebalance_id))

    def _resize(self, message: Step, plan: ExecutablePlan, fitted: ExecutablePlan) -> list[str]:
        """Writes smaller buys down before they are sent."""
        smaller = [new for old, new in zip(plan.legs, fitted.legs, strict=True) if new.quantity < old.quantity]
        with self.desk.books.transaction(actor()) as books:
            books.rebalances.keep_execution(message.rebalance_id, execution.kept(fitted))
            for leg in smaller:
                books.orders.resize(message.rebalance_id, leg)
            if smaller:
                books.audit.record(
                    "buys sized again",
                    account_id=message.account_id,
                    rebalance_id=message.rebalance_id,
                    rule=ORDER_4.code,
                    after={leg.symbol: plain(leg.quantity) for leg in smaller},
                )
        return [f"{leg.symbol} to {plain(leg.quantity)}" for leg in smaller]

    def _submitted(self, message: Step, resized: list[str]) -> OrdersSubmitted:
        with self.desk.books.transaction(actor()) as books:
            statuses: dict[str, int] = {}
            for order in books.orders.of(message.rebalance_id):
                statuses[order.status] = statuses.get(order.status, 0) + 1
            if books.rebalances.submitted(message.rebalance_id):
                books.audit.record(
                    "orders submitted",
                    account_id=message.account_id,
                    rebalance_id=message.rebalance_id,
                    rule=EXEC_2.code,
                    after={"statuses": statuses, "resized": resized},
                )
            return OrdersSubmitted(statuses=statuses, resized=resized)


def venue_order(rebalance_id: str, account_id: str, leg: Leg) -> VenueOrder:
    """A leg as the venue gets it, under its client order ID (EXEC-1)."""
    name = execution.client_order_id(rebalance_id, leg.number)
    return VenueOrder(name, account_id, leg.side, leg.symbol, leg.quantity, leg.price)


def answered(books: Transaction, rebalance_id: str, account_id: str, leg: Leg, said: VenueAnswer) -> None:
    """Writes the venue's last word down, once, with its audit record (EXEC-2)."""
    new = books.orders.answered(
        rebalance_id, leg.number, said.status, said.filled_quantity, said.filled_amount, said.reason
    )
    if new:
        books.audit.record(
            f"order {said.status.lower().replace('_', ' ')}",
            account_id=account_id,
            rebalance_id=rebalance_id,
            rule=EXEC_1.code,
            after={
                "client_order_id": execution.client_order_id(rebalance_id, leg.number),
                "side": leg.side,
                "symbol": leg.symbol,
                "quantity": plain(leg.quantity),
                "filled": plain(said.filled_quantity),
                "amount": plain(said.filled_amount),
                "venue_reason": said.reason,
            },
        )


def fills(orders: Any) -> dict[int, Fill]:
    """What the venue did, by leg."""
    return {order.leg: Fill(order.filled_quantity, order.filled_amount) for order in orders}
