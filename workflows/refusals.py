"""What a workflow refuses is told to whoever records it: an update refused by its validator leaves no event at all.

Told once, outside the workflow's own commands, so nothing of it is in a history or replayed.
"""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from activities.messages import Refusal
    from workflows.search_attributes import ACCOUNT_ID

LONGEST = 2000  # characters of what was given that are told


class Refusals(Interceptor):
    """Given to the worker; `tell` gets each refusal, and returns at once."""

    def __init__(self, tell: Callable[[Refusal], None]) -> None:
        self.tell = tell

    def workflow_interceptor_class(self, given: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The part that runs inside workflows."""
        return type("_Telling", (_Refusing,), {"tell": staticmethod(self.tell)})


class _Refusing(WorkflowInboundInterceptor):
    tell: Callable[[Refusal], None]

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        """An approval or cancellation that can't be."""
        try:
            super().handle_update_validator(input)
        except Exception as flaw:
            self._told(f"{input.update} refused", input.args, "by", str(flaw))
            raise

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Input that can't be read, or that names what is not there."""
        try:
            return await super().execute_workflow(input)
        except (ApplicationError, ActivityError) as flaw:
            cause = flaw if isinstance(flaw, ApplicationError) else flaw.cause
            if isinstance(cause, ApplicationError) and cause.non_retryable:
                self._told(f"{workflow.info().workflow_type} refused", input.args, "requested_by", cause.message)
            raise

    def _told(self, action: str, args: Any, person: str, reason: str) -> None:
        if workflow.unsafe.is_replaying_history_events():
            return
        given = args[0] if args and isinstance(args[0], dict) else {}
        info = workflow.info()
        account = given.get("account_id") or _account(info)
        refusal = Refusal(
            at=workflow.now(),
            action=action,
            who=str(given.get(person) or "unknown")[:200],
            account_id=None if account is None else str(account)[:200],
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            given=str(list(args))[1:-1][:LONGEST],
            reason=reason[:LONGEST],
        )
        with workflow.unsafe.sandbox_unrestricted():
            self.tell(refusal)


def _account(info: workflow.Info) -> str | None:
    """The account that a workflow is about: as it says itself, else as its id says."""
    known = info.typed_search_attributes.get(ACCOUNT_ID)
    kind, _, account = info.workflow_id.partition("/")
    return known or (account if kind == "rebalance" and account else None)
