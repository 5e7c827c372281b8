"""A step of a workflow: one activity by its name, under the timeouts and retries of its kind."""

from typing import Any, TypeVar, cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.options import TRANSIENT, StepOptions

AnswerT = TypeVar("AnswerT", bound=BaseModel | None)
Cancelling = workflow.ActivityCancellationType


async def step(
    name: str,
    message: BaseModel,
    answer: type[AnswerT],
    options: StepOptions,
    summary: str = "",
    cancelling: Cancelling = Cancelling.TRY_CANCEL,
) -> AnswerT:
    """Does a step and returns what it answers; `summary` is what people see of it. Raises ActivityError."""
    return cast(
        AnswerT,
        await workflow.execute_activity(
            name,
            message,
            result_type=cast(type[Any], answer),
            start_to_close_timeout=options.once,
            schedule_to_close_timeout=options.in_all,
            heartbeat_timeout=options.heartbeat,
            retry_policy=TRANSIENT,
            cancellation_type=cancelling,
            summary=summary or None,
        ),
    )


async def finished(name: str, message: BaseModel, answer: type[AnswerT], options: StepOptions, summary: str) -> AnswerT:
    """A step that, once it has begun, is let finish: nothing happens behind a cancelled workflow's back."""
    return await step(name, message, answer, options, summary, Cancelling.WAIT_CANCELLATION_COMPLETED)
