"""The daily evaluation: every account with rebalancing on, page by page, by key."""

from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import BeginEvaluation, EvaluatePage, EvaluationBegun, EvaluationResult, PageEvaluated
    from workflows.contract import EvaluationInput, read
    from workflows.options import DECIDE, PAGE, TRANSIENT

PAGES_A_RUN = 200  # far below the server's history limit; then the run continues as new with its cursor


@workflow.defn(name="DailyTargetEvaluation", failure_exception_types=[ValidationError])
class DailyTargetEvaluation:
    """Finds the accounts that no longer match their target, and queues them."""

    def __init__(self) -> None:
        self.counts = {"evaluated": 0, "unable_to_check": 0, "within": 0, "pages": 0}
        self.cursor = ""

    @workflow.run
    async def run(self, given: Any = None) -> EvaluationResult:
        """Evaluates every page, then sums up. Bad input fails the workflow at once."""
        request = read(EvaluationInput, {} if given is None else given)
        progress = request.progress or {}
        evaluation_id = progress.get("evaluation_id") or f"E-{workflow.info().first_execution_run_id}"
        as_of: str = progress.get("as_of") or await self._begin(evaluation_id, request.as_of)
        self.cursor = progress.get("cursor", "")
        self.counts |= progress.get("counts", {})
        for _ in range(PAGES_A_RUN):
            page = await self._page(evaluation_id, request.as_of, request.page_size)
            if page.last is None:
                return await self._end(evaluation_id, as_of)
            self.cursor = page.last
            self.counts["pages"] += 1
            self.counts["evaluated"] += page.evaluated
            self.counts["unable_to_check"] += page.unable_to_check
            self.counts["within"] += page.within
            workflow.set_current_details(
                f"**{self.counts['evaluated']} accounts** of {as_of} evaluated, up to {self.cursor}"
            )
        kept = {"evaluation_id": evaluation_id, "as_of": as_of, "cursor": self.cursor, "counts": self.counts}
        workflow.continue_as_new(request.model_dump(mode="json") | {"progress": kept})

    async def _begin(self, evaluation_id: str, as_of: str | None) -> str:
        begun: EvaluationBegun = await workflow.execute_activity(
            "begin_evaluation",
            BeginEvaluation(evaluation_id=evaluation_id, as_of=as_of),
            result_type=EvaluationBegun,
            start_to_close_timeout=DECIDE.once,
            schedule_to_close_timeout=DECIDE.in_all,
            retry_policy=TRANSIENT,
        )
        return begun.as_of

    async def _page(self, evaluation_id: str, as_of: str | None, size: int) -> PageEvaluated:
        page: PageEvaluated = await workflow.execute_activity(
            "evaluate_page",
            EvaluatePage(evaluation_id=evaluation_id, as_of=as_of, after=self.cursor, size=size),
            result_type=PageEvaluated,
            start_to_close_timeout=PAGE.once,
            schedule_to_close_timeout=PAGE.in_all,
            heartbeat_timeout=PAGE.heartbeat,
            retry_policy=TRANSIENT,
            summary=f"behind {self.cursor}" if self.cursor else "the first page",
        )
        return page

    async def _end(self, evaluation_id: str, as_of: str) -> EvaluationResult:
        ended: EvaluationResult = await workflow.execute_activity(
            "end_evaluation",
            BeginEvaluation(evaluation_id=evaluation_id, as_of=as_of),
            result_type=EvaluationResult,
            start_to_close_timeout=DECIDE.once,
            schedule_to_close_timeout=DECIDE.in_all,
            retry_policy=TRANSIENT,
        )
        return ended

    @workflow.query
    def progress(self) -> dict[str, Any]:
        """How far the evaluation is."""
        return {"cursor": self.cursor, **self.counts}
