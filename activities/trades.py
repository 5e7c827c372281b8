"""Generate trades: the plan, kept whole, and until when it may be approved."""

import json
from collections.abc import Sequence

from temporalio import activity

from activities.context import Desk, actor, step
from activities.messages import Step, TradesGenerated
from domain.decision import planned
from domain.planning.orders import ORDER_5
from domain.telling import plan_json
from domain.values.money import ZERO, cents
from domain.values.rules import Finding
from policy.trading_days import next_close
from storage.connection import Transaction


class TradeSteps:
    """`generate_trades`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("generate_trades")
    def generate_trades(self, message: Step) -> TradesGenerated:
        """Plans the account from its kept snapshot. Made once a round: asked again, the kept plan answers."""
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id, lock=True)
            proposed = planned(row.snapshot, row.policy, row.mode, row.overrides, row.purpose)
            sells = [order for order in proposed.orders if order.side == "sell"]
            buys = [order for order in proposed.orders if order.side == "buy"]
            expires_at = row.expires_at or next_close(self.desk.now())
            digest = row.plan_digest or ""
            if row.plan is None and row.stage != "ENDED":
                kept = json.loads(plan_json.dumps(proposed))
                stage = "PENDING_APPROVAL" if proposed.trades else "CHECKING"
                digest = books.rebalances.keep_plan(message.rebalance_id, kept, stage, expires_at)
            answer = TradesGenerated(
                sells=len(sells),
                buys=len(buys),
                transfers=len(proposed.transfers),
                skipped=len(proposed.skipped),
                sold=cents(sum((order.amount for order in sells), ZERO)),
                bought=cents(sum((order.amount for order in buys), ZERO)),
                expected_status=proposed.expected_status,
                expires_at=expires_at,
                plan=digest,
            )
            if row.plan is None and row.stage != "ENDED":
                books.audit.record(
                    "trades generated",
                    account_id=message.account_id,
                    rebalance_id=message.rebalance_id,
                    rule=ORDER_5.code,
                    after=answer.model_dump(mode="json"),
                )
                self._report(books, message, [each for each in proposed.findings if each.rule.startswith("LAW-")])
            return answer

    def _report(self, books: Transaction, message: Step, broken: Sequence[Finding]) -> None:
        """Reports a plan that was refused as it breaks a law: a fault of the planner that somebody has to look at."""
        if not broken:
            return
        activity.logger.error("%s: %s", message.rebalance_id, "; ".join(each.message for each in broken))
        books.audit.record(
            "plan refused by a law",
            account_id=message.account_id,
            rebalance_id=message.rebalance_id,
            rule=broken[0].rule,
            after={"laws": [{"rule": each.rule, "says": each.message} for each in broken]},
        )
