"""Tells when a workflow's last step is done, so that its history can be archived as soon as it is closed."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.workflow import ContinueAsNewError


class Endings(Interceptor):
    """Given to the worker; `ended` gets workflow id and run id of each run that ends, and returns at once."""

    def __init__(self, ended: Callable[[str, str], None]) -> None:
        self.ended = ended

    def workflow_interceptor_class(self, given: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The part that runs inside workflows."""
        return type("_Telling", (_Ending,), {"ended": staticmethod(self.ended)})


class _Ending(WorkflowInboundInterceptor):
    ended: Callable[[str, str], None]

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Runs the workflow; whatever else stops this code (its cache, a fault in it) is no end of the workflow."""
        try:
            result = await super().execute_workflow(input)
        except (FailureError, ContinueAsNewError):
            self._tell()
            raise
        self._tell()
        return result

    def _tell(self) -> None:
        if not workflow.unsafe.is_replaying():
            info = workflow.info()
            with workflow.unsafe.sandbox_unrestricted():
                self.ended(info.workflow_id, info.run_id)
