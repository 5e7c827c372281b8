"""Check minimums: which models may open."""

from decimal import localcontext

from activities.context import Desk, actor, step
from activities.messages import MinimumsChecked, Step
from domain.planning import checks
from domain.targets import minimums
from domain.targets.components import components
from domain.targets.valuation import value
from domain.values import purpose as purposes
from domain.values.money import EXACT, cents
from domain.values.policy import Policy
from domain.values.snapshot_json import restored


class MinimumSteps:
    """`check_minimums`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("check_minimums")
    def check_minimums(self, message: Step) -> MinimumsChecked:
        """Every opening model against its investment minimum (MINIMUM-1), by the kept snapshot."""
        with self.desk.books.transaction(actor()) as books, localcontext(EXACT):
            row = books.rebalances.get(message.rebalance_id)
            snapshot = restored(row.snapshot)
            numbers = snapshot.numbers(Policy.from_json(row.policy))
            valuation = value(snapshot, numbers)
            gone = checks.is_liquidation(snapshot, valuation, purposes.from_json(row.purpose))
            known = components(snapshot, valuation, numbers, everything_goes=gone)
            decisions = minimums.decide(known, snapshot.models, valuation.managed_value)
            answer = MinimumsChecked(
                accepted=[each.component for each in decisions if each.accepted],
                rejected=[
                    {
                        "component": each.component,
                        "proposed": cents(each.shortfall.proposed),
                        "minimum": cents(each.shortfall.minimum),
                        "account_needed": cents(each.shortfall.account_needed),
                    }
                    for each in decisions
                    if each.shortfall
                ],
            )
            books.audit.record(
                "minimums checked",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=minimums.MINIMUM_1.code,
                after=answer.model_dump(mode="json"),
            )
            return answer
