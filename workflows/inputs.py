"""One JSON object is the input of every workflow: more than one ends the workflow at once, instead of hanging it."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from workflows.contract import BAD_INPUT


class OneInput(Interceptor):
    """Given to the worker; looks at every workflow's input before its own code runs."""

    def workflow_interceptor_class(self, given: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The part that runs inside workflows."""
        return _OneInput


class _OneInput(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Refuses several inputs; what a single one says is the workflow's own business."""
        if len(input.args) > 1:
            raise ApplicationError(
                f"{input.type.__name__} refused: the input must be one JSON object, not {len(input.args)}",
                type=BAD_INPUT,
                non_retryable=True,
            )
        return await super().execute_workflow(input)
