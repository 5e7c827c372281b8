"""Whether a workflow was asked to cancel: what a step that is let finish would hide."""

import asyncio

from temporalio import workflow

OBEYS = "obeys a cancellation that came during a step"  # histories of before lost it, and replay so


def obey_cancellation() -> None:
    """Raises where the workflow was asked to cancel while a step succeeded."""
    if workflow.cancellation_reason() is not None and workflow.patched(OBEYS):
        raise asyncio.CancelledError


def cancel_requested() -> bool:
    """True where the workflow was asked to cancel."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
