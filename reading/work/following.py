"""A request while it is under way: how its accounts stand, whether anything moves, whether its workflow still runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reading.refused import Refused
from reading.temporal import Connect

if TYPE_CHECKING:
    from domain.values.outcome import Status
    from storage.connection import Books


@dataclass(frozen=True, slots=True)
class Standing:
    """How many accounts a request has, how many stand where, and the status in which it ended."""

    accounts: int
    counts: Mapping[str, int]
    stage: str
    status: "Status | None"

    @property
    def ended(self) -> int:
        """Accounts that have come to their end."""
        from domain.requests import has_ended

        return sum(count for outcome, count in self.counts.items() if has_ended(outcome))

    @property
    def only_waits(self) -> bool:
        """True where nothing moves before a person decides."""
        from domain.requests import has_ended

        return [outcome for outcome in self.counts if not has_ended(outcome)] == ["PENDING_APPROVAL"]

    @property
    def told(self) -> str:
        """`12 COMPLETE, 3 PENDING_APPROVAL`; a pause is said first."""
        return in_words(self.counts, self.stage)


def standing(books: "Books", request_id: str) -> Standing | None:
    """A request as it stands; None before it was taken up."""
    from storage.work.requests import UnknownRequest

    try:
        with books.transaction() as read:
            row, counts = read.requests.get(request_id), read.requests.counts(request_id)
    except UnknownRequest:
        return None
    return Standing(row.accounts, counts, row.stage, row.status)


def in_words(counts: Mapping[str, int], stage: str) -> str:
    """The counts of a request, as a line."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return f"{'PAUSED: ' if stage == 'PAUSED' else ''}{told or 'no accounts'}"


async def must_run(temporal: Connect, request_id: str, known: bool) -> None:
    """Refuses where the request's workflow has ended without a status in the books, with what it said."""
    from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
    from temporalio.service import RPCError, RPCStatusCode

    from workflows.contract import request_workflow_id

    handle = (await temporal()).get_workflow_handle(request_workflow_id(request_id))
    try:
        described = await handle.describe()
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND and not known:
            raise Refused(f"{request_id} is no request: see `rebalancer history` for the ids") from flaw
        return  # Temporal is away for the moment; the request waits as whoever asks does
    if described.status in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}:
        return
    try:
        await handle.result()
    except WorkflowFailureError as failure:
        cause: Any = failure.cause
        while getattr(cause, "cause", None) is not None:
            cause = cause.cause
        told = str(getattr(cause, "message", None) or cause)
        next_step = f" See what it left: rebalancer show {request_id}" if known else ""
        raise Refused(f"{told}.{next_step}" if not told.endswith(".") else f"{told}{next_step}") from failure
