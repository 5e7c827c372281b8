"""A rebalance that its workflow left behind is brought to its end: what was filled is booked, the rest never sent."""

from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import EndOrphan, RebalanceResult
    from workflows.contract import RecoveryInput, read
    from workflows.options import RECOVER
    from workflows.steps import step


@workflow.defn(name="RecoverRebalance", failure_exception_types=[ValidationError])
class RecoverRebalance:
    """Started by `rebalancer recover`, one a rebalance. One whose workflow lives is refused."""

    @workflow.run
    async def run(self, given: Any = None) -> RebalanceResult:
        """Ends it. Bad input fails the workflow at once."""
        request = read(RecoveryInput, given)
        message = EndOrphan(rebalance_id=request.rebalance_id, requested_by=request.requested_by)
        return await step("end_orphan", message, RebalanceResult, RECOVER, f"asked for by {request.requested_by}")
