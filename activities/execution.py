"""Execution: an approved plan becomes orders, each sent at most once, sells before buys.

No step waits for a fill: `submit_trades` sends what may be sent, `collect_fills` asks what became of it, and the
workflow sleeps in between.
"""

import contextlib
from collections import Counter
from typing import Any

from temporalio import activity

from activities.context import Desk, actor, step
from activities.messages import BeginExecution, CollectFills, ExecutionBegun, OrdersSubmitted, Step
from activities.orders import Halted, Over, Sender
from activities.turns import by_turns, take_turn
from domain.approvals import is_shown
from domain.days import DAY_6
from domain.executing import execution
from domain.executing.execution import EXEC_2, EXEC_3
from domain.tax.wash_sales import washed_since
from domain.values.snapshot_json import kept, restored
from storage.connection import Transaction
from storage.work.orders import OPEN, UNACKNOWLEDGED
from storage.work.rebalances import SIGNAL
from venues.port import VenueBusy

# What of a snapshot may differ between plan and approval without the plan being made again: prices move all day, the
# toggle never stops a person, and what the household traded counts where it washes a buy of the plan.
NOT_THE_ACCOUNT = ("as_of", "trade_date", "securities", "fresh_from", "household_sales", "household_buys")


def changed_since(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the account, its target and its models is different from the snapshot that was planned (EXEC-3)."""
    parts = [name for name in before.keys() | now.keys() if name not in NOT_THE_ACCOUNT]
    changed = [name for name in sorted(parts) if name != "account" and before.get(name) != now.get(name)]
    if before.get("trade_date", before["as_of"]) != now.get("trade_date", now["as_of"]):  # unsaid, it is the book's day
        changed.append("trade_date")
    old, new = before["account"], now["account"]
    fields = sorted(old.keys() | new.keys())
    return changed + [name for name in fields if name != "rebalancing" and old.get(name) != new.get(name)]


class ExecutionSteps:
    """`begin_execution`, `submit_trades` and `collect_fills`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step
    def begin_execution(self, message: BeginExecution) -> ExecutionBegun:
        """Notes the approval and writes every order down, unless the account is not what was planned (EXEC-3)."""
        return by_turns(self.desk, lambda _: self._begin(message))

    def _begin(self, message: BeginExecution) -> ExecutionBegun:
        with self.desk.books.transaction(actor(message.approved_by)) as books:
            books.accounts.locked(message.account_id)
            row = books.rebalances.get(message.rebalance_id, lock=True)
            if row.stage in {"EXECUTING", "RECONCILING", "ENDED"}:
                return ExecutionBegun(changed=[])
            if row.round != message.round:
                return ExecutionBegun(changed=[f"round {row.round} was planned meanwhile"])
            take_turn(books, message.account_id)
            books.accounts.lock_household(message.account_id)  # what its others are about to trade is seen here
            if row.expires_at is not None and self.desk.now() >= row.expires_at:
                return self._too_late(books, row, message)
            now, policy = books.snapshots.take(message.account_id, None, self.desk.today(), self.desk.trade_date())
            changed = changed_since(row.snapshot, kept(now))
            changed = changed or washed_since(row.plan, restored(row.snapshot), now, policy)
            digest = books.rebalances.digest(message.rebalance_id)
            if message.plan is not None and not is_shown(message.plan, digest):
                changed = [*changed, "the plan that is kept, which is not the one that was shown"]
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
            books.orders.create(books.epochs.current(), message.rebalance_id, execution.read(row.plan).legs)
            books.audit.record(
                "approved",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=EXEC_3.code,
                after={
                    "approved_by": message.approved_by,
                    "orders": len(row.plan["orders"]),
                    "round": row.round,
                    "plan": digest,
                    **({"unseen": True} if message.unseen else {}),
                },
            )
            return ExecutionBegun(changed=[])

    def _too_late(self, books: Transaction, row: Any, message: BeginExecution) -> ExecutionBegun:
        """What could not begin before the close does not (DAY-6). A signal needs no approval: it is planned again."""
        books.audit.record(
            "approval void: the exchange has closed",
            account_id=message.account_id,
            rebalance_id=message.rebalance_id,
            rule=DAY_6.code,
            after={"expired_at": row.expires_at, "approved_by": message.approved_by},
        )
        if row.kind == SIGNAL:
            return ExecutionBegun(changed=["the exchange has closed since"])
        return ExecutionBegun(changed=[], expired=True)

    @step
    def submit_trades(self, message: Step) -> OrdersSubmitted:
        """Sends the sells; once they have their last word, sizes the buys on what they brought (ORDER-4), sends those.

        Sends nothing twice: asked again, it goes on where it stopped.
        """
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id)
        resized: list[str] = []
        if row.stage == "EXECUTING":  # else a reset workflow comes by again
            sender = Sender(self.desk, row)
            try:
                if sender.send("sell"):
                    resized = sender.size_buys()
                    while not sender.send("buy"):
                        resized += sender.size_buys()
            except (VenueBusy, Halted) as wait:
                activity.logger.info("%s: %s", message.rebalance_id, wait)
            except Over:
                pass
        return self._standing(message, resized)

    @step
    def collect_fills(self, message: CollectFills) -> OrdersSubmitted:
        """Asks the venue what became of the orders that work there; with `stop`, cancels what is open first."""
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id)
        if row.stage == "EXECUTING":
            sender = Sender(self.desk, row)
            with contextlib.suppress(Over):
                if message.stop is not None:
                    sender.stop(message.stop)
                else:
                    sender.look()
        return self._standing(message, [])

    def _standing(self, message: Step, resized: list[str]) -> OrdersSubmitted:
        """How the orders stand; where all have their last word, the rebalance moves on (EXEC-2)."""
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id, lock=True)
            orders = books.orders.of(message.rebalance_id)
            statuses = dict(Counter(order.status for order in orders))
            if not any(order.status in OPEN for order in orders):
                if books.rebalances.submitted(message.rebalance_id):
                    books.audit.record(
                        "orders submitted",
                        account_id=message.account_id,
                        rebalance_id=message.rebalance_id,
                        rule=EXEC_2.code,
                        after={"statuses": statuses, "resized": resized},
                    )
                return OrdersSubmitted(statuses=statuses, resized=resized)
            sent = books.orders.first_sent(message.rebalance_id)
        selling = any(order.side == "sell" and order.status in OPEN for order in orders)
        sendable = [
            order for order in orders if order.status in UNACKNOWLEDGED and (order.side == "sell" or not selling)
        ]
        custodian = restored(row.snapshot).account.custodian
        return OrdersSubmitted(
            statuses=statuses,
            resized=resized,
            working=statuses.get("WORKING", 0),
            sendable=len(sendable),
            give_up_at=self.desk.venues.terms(custodian).give_up_at(sent or row.approved_at),
        )
