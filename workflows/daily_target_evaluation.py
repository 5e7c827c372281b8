"""The daily evaluation: every account with rebalancing on, in ranges of keys that the workers share."""

import asyncio
from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        BeginEvaluation,
        EndEvaluation,
        EvaluateRange,
        EvaluationBegun,
        EvaluationResult,
        RangeEvaluated,
    )
    from workflows.contract import EvaluationInput, read
    from workflows.options import BEGIN_EVALUATION, BEHIND_PEOPLE, DECIDE, RANGE, TRANSIENT
    from workflows.search_attributes import SCHEDULED_AT


@workflow.defn(name="DailyTargetEvaluation", failure_exception_types=[ValidationError])
class DailyTargetEvaluation:
    """Finds the accounts that no longer match their target, and queues them.

    The book is split into at most 200 ranges, whatever its size; so the history stays small, and one run does it all.
    """

    def __init__(self) -> None:
        self.counts = {"evaluated": 0, "unable_to_check": 0, "within": 0, "ranges": 0, "of": 0}

    @workflow.run
    async def run(self, given: Any = None) -> EvaluationResult:
        """Evaluates every range, several at once, then sums up. Bad input fails the workflow at once."""
        request = read(EvaluationInput, {} if given is None else given)
        evaluation_id = f"E-{workflow.info().first_execution_run_id}"
        begun = await self._begin(evaluation_id, request)
        waiting = [
            EvaluateRange(
                evaluation_id=evaluation_id,
                as_of=begun.as_of,
                explicit=request.as_of is not None or begun.looking_back,
                after=after,
                upto=upto,
                page_size=request.page_size,
            )
            for after, upto in zip(["", *begun.bounds], [*begun.bounds, None], strict=True)
        ]
        self.counts["of"] = len(waiting)
        waiting.reverse()

        async def evaluate_one_after_another() -> None:
            while waiting:
                self._count(await self._evaluate(waiting.pop()), begun.as_of)

        await asyncio.gather(*(evaluate_one_after_another() for _ in range(min(request.at_once, len(waiting)))))
        return await self._end(evaluation_id, begun.as_of)

    async def _begin(self, evaluation_id: str, request: EvaluationInput) -> EvaluationBegun:
        begun: EvaluationBegun = await workflow.execute_activity(
            "begin_evaluation",
            BeginEvaluation(
                evaluation_id=evaluation_id,
                as_of=request.as_of,
                range_size=request.range_size,
                scheduled_at=workflow.info().typed_search_attributes.get(SCHEDULED_AT),
            ),
            result_type=EvaluationBegun,
            start_to_close_timeout=BEGIN_EVALUATION.once,
            schedule_to_close_timeout=BEGIN_EVALUATION.in_all,
            retry_policy=TRANSIENT,
        )
        return begun

    async def _evaluate(self, message: EvaluateRange) -> RangeEvaluated:
        found: RangeEvaluated = await workflow.execute_activity(
            "evaluate_range",
            message,
            result_type=RangeEvaluated,
            start_to_close_timeout=RANGE.once,
            schedule_to_close_timeout=RANGE.in_all,
            heartbeat_timeout=RANGE.heartbeat,
            retry_policy=TRANSIENT,
            priority=BEHIND_PEOPLE,
            summary=f"{message.after or 'the first'} to {message.upto or 'the last'}",
        )
        return found

    def _count(self, found: RangeEvaluated, as_of: str) -> None:
        self.counts["ranges"] += 1
        self.counts["evaluated"] += found.evaluated
        self.counts["unable_to_check"] += found.unable_to_check
        self.counts["within"] += found.within
        workflow.set_current_details(
            f"**{self.counts['evaluated']:,} accounts** of {as_of} evaluated, in {self.counts['ranges']} of "
            f"{self.counts['of']} ranges; {sum(found.queued.values()):,} queued in the last"
        )

    async def _end(self, evaluation_id: str, as_of: str) -> EvaluationResult:
        ended: EvaluationResult = await workflow.execute_activity(
            "end_evaluation",
            EndEvaluation(evaluation_id=evaluation_id, as_of=as_of),
            result_type=EvaluationResult,
            start_to_close_timeout=DECIDE.once,
            schedule_to_close_timeout=DECIDE.in_all,
            retry_policy=TRANSIENT,
        )
        return ended

    @workflow.query
    def progress(self) -> dict[str, Any]:
        """How far the evaluation is: ranges done, of how many, and what was found in them."""
        return dict(self.counts)
