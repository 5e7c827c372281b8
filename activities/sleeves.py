"""Verify sleeves: which of the account's model sleeves are open, which open, which close."""

from decimal import localcontext

from activities.context import Desk, actor, step
from activities.messages import SleevesVerified, Step
from domain.planning.filling import SLEEVE_1
from domain.targets import sleeves
from domain.targets.components import ALL_CASH
from domain.targets.restrictions import limits
from domain.targets.targets import flatten
from domain.values.money import EXACT
from domain.values.policy import Policy
from domain.values.snapshot_json import restored


class SleeveSteps:
    """`verify_sleeves`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("verify_sleeves")
    def verify_sleeves(self, message: Step) -> SleevesVerified:
        """The state of every model sleeve, by the kept snapshot."""
        with self.desk.books.transaction(actor()) as books, localcontext(EXACT):
            row = books.rebalances.get(message.rebalance_id)
            snapshot = restored(row.snapshot)
            target = snapshot.target
            numbers = snapshot.numbers(Policy.from_json(row.policy))
            named = flatten(target, snapshot.targets, numbers, limits(snapshot, {})) if target else (ALL_CASH,)
            answer = SleevesVerified(sleeves=dict(sleeves.verify(snapshot.account, named)))
            books.audit.record(
                "sleeves verified",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=SLEEVE_1.code,
                after=answer.sleeves,
            )
            return answer
