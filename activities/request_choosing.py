"""Which accounts a request is for: those that are named, queued, or failed in an earlier one."""

from datetime import date
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.faults import UNKNOWN_ACCOUNT, UNKNOWN_REQUEST
from activities.request_messages import NAMED, BeginRequest
from storage.connection import Transaction
from storage.work.requests import NewRequest, UnknownRequest


def new_request(message: BeginRequest, subject: str | None) -> NewRequest:
    """The request as it is kept; `subject` is of who asks, where that is proven."""
    chosen: dict[str, Any] = {"accounts": "named"}
    if message.queue_reasons is not None:
        chosen = {"queue": list(message.queue_reasons)}
    if message.failed_of is not None:
        chosen = {"failed_of": message.failed_of}
    return NewRequest(
        id=message.request_id,
        start_key=message.start_key,
        workflow_id=activity.info().workflow_id or "",
        requested_by=message.requested_by,
        chosen=chosen,
        mode=message.mode,
        approval=message.approval,
        kind=message.kind,
        amount=message.amount,
        overrides=message.override,
        requested_subject=subject,
    )


def choose(books: Transaction, message: BeginRequest, today: date) -> int:
    """Writes the accounts down; how many. Raises what is not retried where an account or a request is unknown."""
    if message.account_ids is not None:
        unknown = books.requests.unknown(message.account_ids)
        if unknown:
            more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
            raise refused(
                f'"account_ids": unknown account {", ".join(unknown[:NAMED])}{more}. Check the ids, or load a book',
                UNKNOWN_ACCOUNT,
            )
        return books.requests.choose_named(message.request_id, message.account_ids)
    if message.failed_of is not None:
        try:
            books.requests.get(message.failed_of)
        except UnknownRequest:
            raise refused(f'"failed_of": there is no request {message.failed_of}', UNKNOWN_REQUEST) from None
        return books.requests.choose_failed(message.request_id, message.failed_of)
    return books.requests.choose_queued(message.request_id, message.queue_reasons or (), today)


def refused(why: str, kind: str) -> ApplicationError:
    """What is raised where a request is not begun, and not tried again."""
    return ApplicationError(f"request refused: {why}", type=kind, non_retryable=True)
