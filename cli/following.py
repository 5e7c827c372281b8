"""Following a request to its end: a bar on a terminal, else a line for every change. To stop looking stops nothing."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from cli import connections, say
from reading.refused import Refused

if TYPE_CHECKING:
    from domain.values.outcome import Status
    from storage.connection import Books

EVERY = 0.5  # seconds between looks
ALIVE_EVERY = 5.0  # seconds between looks whether the request's workflow still runs


class _Screen(Protocol):
    def show(self, total: int, ended: int, told: str) -> None:
        """How far it is, and the counts in words."""


def follow(books: "Books", request_id: str) -> "Status":
    """The status in which the request ends. Refused where its workflow is gone without one."""
    from storage.work.requests import UnknownRequest

    asked, hinted = 0.0, False
    with _screen() as screen:
        while True:
            began = time.monotonic()
            try:
                with books.transaction() as read:
                    row, counts = read.requests.get(request_id), read.requests.counts(request_id)
            except UnknownRequest:
                row, counts = None, {}
            if row is not None:
                screen.show(row.accounts, _ended(counts), in_words(counts, row.stage))
                if row.status:
                    status: Status = row.status
                    return status
                if not hinted and _only_waits(counts):
                    hinted = True
                    say.message(f"next: rebalancer approve {request_id} --by WHO (or cancel)")
            if began - asked > ALIVE_EVERY:
                asked = began
                connections.run(_must_run(request_id, known=row is not None))
            time.sleep(max(EVERY, 4 * (time.monotonic() - began)))


def in_words(counts: dict[str, int], stage: str) -> str:
    """`12 COMPLETE, 3 PENDING_APPROVAL`; a pause is said first."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return f"{'PAUSED: ' if stage == 'PAUSED' else ''}{told or 'no accounts'}"


def _ended(counts: dict[str, int]) -> int:
    from domain.requests import has_ended

    return sum(count for outcome, count in counts.items() if has_ended(outcome))


def _only_waits(counts: dict[str, int]) -> bool:
    """True where nothing moves before a person decides."""
    from domain.requests import has_ended

    left = [outcome for outcome in counts if not has_ended(outcome)]
    return left == ["PENDING_APPROVAL"]


async def _must_run(request_id: str, known: bool) -> None:
    """Refuses where the request's workflow has ended without a status in the books, with what it said."""
    from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
    from temporalio.service import RPCError, RPCStatusCode

    from workflows.contract import request_workflow_id

    handle = (await connections.temporal()).get_workflow_handle(request_workflow_id(request_id))
    try:
        described = await handle.describe()
    except RPCError as flaw:
        if flaw.status == RPCStatusCode.NOT_FOUND and not known:
            raise Refused(f"{request_id} is no request: see `rebalancer history` for the ids") from flaw
        return  # Temporal is away for the moment; the request waits as we do
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


@contextmanager
def _screen() -> Iterator[_Screen]:
    """A live bar where a person looks at a terminal, else plain lines; both on standard error."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True, markup=False, highlight=False)) as progress:
        yield _Bar(progress)


class _Lines:
    """A line whenever something changed, at most one every two seconds."""

    def __init__(self) -> None:
        self.said, self.at = "", 0.0

    def show(self, total: int, ended: int, told: str) -> None:
        now = time.monotonic()
        line = f"{ended} of {total} ended: {told}"
        if line != self.said and (now - self.at >= 2 or ended == total):
            self.said, self.at = line, now
            say.message(line)


class _Bar:
    """A bar in place."""

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.task = progress.add_task("", total=None)

    def show(self, total: int, ended: int, told: str) -> None:
        self.progress.update(self.task, total=total, completed=ended, description=told)
