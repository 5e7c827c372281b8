"""What a request's workflow asks of activities and of accounts' workflows, in the messages that both know."""

from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow

from activities.request_messages import (
    AccountEnded,
    AccountNote,
    AccountsTaken,
    AccountsTold,
    BeginRequest,
    DecideRequest,
    EndRequest,
    LookAfter,
    Looked,
    RequestBegun,
    RequestDecided,
    RequestResult,
    SteerRequest,
    TakeAccounts,
    TellAccounts,
)
from workflows import priorities, search_attributes
from workflows.contract import (
    RequestApproval,
    RequestCancellation,
    RequestInput,
    Steering,
    rebalance_workflow_id,
    request_workflow_id,
)
from workflows.options import ACCOUNT_IN_ALL, ACCOUNTS, REQUEST, TAKE
from workflows.steps import step

AnswerT = TypeVar("AnswerT", bound=BaseModel)
OF_THE_WORKFLOW = "temporal"  # who cancels where the request's workflow is cancelled: nobody, by name
Said = RequestApproval | RequestCancellation  # what a person decides about a request


def own_id(request: RequestInput) -> str:
    """The request's id as given; where a schedule starts one after the other, the workflow's, which has the time."""
    if not priorities.by_schedule(workflow.info().typed_search_attributes):
        return request.request_id
    return workflow.info().workflow_id.removeprefix(request_workflow_id(""))


async def begin(request: RequestInput, digest: str) -> int:
    """Chooses the accounts; how many they are. `digest` is of the input as it was given, which is what was signed."""
    message = BeginRequest(
        **request.model_dump(
            include={"request_id", "requested_by", "account_ids", "failed_of", "mode", "approval", "kind", "amount"}
        ),
        override=request.override,
        queue_reasons=request.queue.reasons if request.queue else None,
        started_at=workflow.info().workflow_start_time,
        signed=request.signed,
        digest=digest,
        start_key=f"{workflow.info().workflow_id}#{workflow.info().first_execution_run_id}",
    )
    return (await step("begin_request", message, RequestBegun, REQUEST, request.requested_by)).accounts


async def take(request: RequestInput, after: int, size: int, notes: list[AccountNote]) -> AccountsTaken:
    """The next accounts behind a position; and what became of others is written down."""
    message = TakeAccounts(request_id=request.request_id, after=after, size=size, notes=notes)
    summary = f"{size} behind {after}" if size else f"notes of {len(notes)}"
    return await step("take_accounts", message, AccountsTaken, TAKE, summary)


async def look(request: RequestInput, up_to: int, issues: int, own: list[str]) -> Looked:
    """How the accounts of earlier runs stand, and which of this run's merely wait."""
    message = LookAfter(request_id=request.request_id, up_to=up_to, issues=issues, own=own)
    return await step("look_after", message, Looked, ACCOUNTS, f"the first {up_to}")


async def decide(request: RequestInput, decision: str, said: Said, up_to: int) -> RequestDecided:
    """Keeps what a person decided with the accounts that it is about."""
    given = {"request_id": request.request_id, "decision": decision, "reason": None, "up_to": up_to} | said.model_dump()
    given |= {"at": workflow.now(), "workflow": said.by == OF_THE_WORKFLOW and said.signed is None}
    message = DecideRequest.model_validate(given)
    return await step("decide_request", message, RequestDecided, REQUEST, f"{decision} by {said.by}")


async def tell(request: RequestInput, decisions: tuple[str, ...], limit: int) -> AccountsTold:
    """Tells accounts' workflows what was decided."""
    given = {"request_id": request.request_id, "decisions": decisions, "limit": limit}
    told = f"{' and '.join(decisions)}, at most {limit}"
    return await step("tell_accounts", TellAccounts.model_validate(given), AccountsTold, ACCOUNTS, told)


async def steer(request: RequestInput, stage: str, said: Steering) -> None:
    """Notes that the request is paused, or goes on."""
    given = {"request_id": request.request_id, "stage": stage, "at": workflow.now()} | said.model_dump()
    await step("steer_request", SteerRequest.model_validate(given), type(None), TAKE, f"{stage} by {said.by}")


async def end(request: RequestInput) -> RequestResult:
    """Sums the accounts up."""
    return await step("end_request", EndRequest(request_id=request.request_id), RequestResult, REQUEST, "")


async def rebalance(request: RequestInput, account_id: str) -> AccountEnded:
    """Starts one account's workflow and waits for its end. Raises what Temporal does where it can't, or fails."""
    shared = {"requested_by", "mode", "approval", "kind", "amount", "override", "request_id"}
    given = request.model_dump(mode="json", include=shared, exclude_none=True)
    child = await workflow.start_child_workflow(
        "RebalanceAccount",
        {"account_id": account_id, **given},
        id=rebalance_workflow_id(account_id),
        result_type=AccountEnded,
        # What a person approved goes to its end, whatever becomes of the request's own workflow.
        parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
        execution_timeout=ACCOUNT_IN_ALL,
        search_attributes=search_attributes.of_start(account_id, request.request_id),
        static_summary=f"rebalance of {account_id} for {request.requested_by}",
        priority=priorities.of_request(request.priority, workflow.info().typed_search_attributes),
    )
    ended: AccountEnded = await child
    return ended
