"""The hourly sweep's steps: histories are archived before Temporal's retention takes them, the day's record is sealed,
what is kept by the month has its months.

A worker archives what it has just brought to its end (`HistoryKeeper`); the sweep finds whatever was missed: a worker
that died, a workflow that was terminated or reset, a database that was away.
"""

import asyncio
import base64
import logging
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError

from activities.context import Desk, actor, step
from activities.messages import ArchivePage, DaySealed, KeepMonths, MonthsKept, PageArchived, SealDay
from anchors.keeping import keep_seals
from payloads.errors import CannotDecode
from payloads.messages import readable
from storage.actor import Actor
from storage.record.histories import ClosedWorkflow
from storage.work import partitions

CLOSED = "TaskQueue = '{queue}' AND ExecutionStatus != 'Running'"
CLOSES_WITHIN = 1.0  # seconds from a workflow's last step to the server having it closed, nearly always
LOOKS = 3  # so often it is looked for; then the sweep takes it
PATIENCE = timedelta(seconds=5)
ENDS_IN = "EVENT_TYPE_WORKFLOW_EXECUTION_"
CLOSING: Mapping[int, str] = {  # the events that end a run, with its status as Temporal names it
    EventType.Value(f"{ENDS_IN}{status}"): status
    for status in ("COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT", "CONTINUED_AS_NEW")
}
LOG = logging.getLogger("histories")


class HistorySteps:
    """`archive_page`, `seal_day` and `keep_months`."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self.desk = desk
        self.client = client

    @step("archive_page")
    async def archive_page(self, message: ArchivePage) -> PageArchived:
        """Archives what of a page of closed workflows is not kept yet."""
        by = actor()
        query = CLOSED.format(queue=message.task_queue)
        if message.since:
            query += f" AND CloseTime >= '{message.since}'"
        token = base64.b64decode(message.token) if message.token else None
        listed = self.client.list_workflows(query, page_size=message.size, next_page_token=token)
        await listed.fetch_next_page()
        page = {(each.id, each.run_id): each for each in listed.current_page or ()}
        missing = await asyncio.to_thread(self._missing, page)
        archived = 0
        for key in sorted(missing):
            activity.heartbeat(*key)
            try:
                closed = await closed_workflow(self.client, *key)
            except NotClosed:  # where it is listed and where it runs differ for a moment
                continue
            archived += await asyncio.to_thread(keep, self.desk, closed, by)
        following = base64.b64encode(listed.next_page_token).decode() if listed.next_page_token else None
        return PageArchived(seen=len(page), archived=archived, token=following)

    def _missing(self, page: dict[tuple[str, str], WorkflowExecution]) -> set[tuple[str, str]]:
        if not page:
            return set()
        with self.desk.books.transaction() as books:
            return books.histories.missing(page.keys())

    @step("seal_day")
    def seal_day(self, message: SealDay) -> DaySealed:
        """Seals the record, unless the day (in UTC, by the database's clock) has a seal already."""
        with self.desk.books.transaction(actor()) as books:
            made = books.seals.seal_of_day()
        for failed in keep_seals(self.desk.books, self.desk.anchors):  # the next sweep tries again; status tells
            LOG.warning("a seal is not anchored yet: %s", failed)
        return DaySealed(seal=made.id if made else None, hash=made.hash.hex() if made else None)

    @step("keep_months")
    def keep_months(self, message: KeepMonths) -> MonthsKept:
        """Makes the partitions ahead, and drops those of months that policy keeps no more."""
        with self.desk.books.transaction(actor()) as books:
            kept = partitions.keep(books.connection, books.audit)
        return MonthsKept(made=list(kept.made), dropped=list(kept.dropped))


class HistoryKeeper:
    """Archives in the background what its worker brings to an end. What it can't, it leaves to the sweep.

    Its thread ends with the process, whatever is still waiting.
    """

    def __init__(self, desk: Desk, client: Client) -> None:
        self.desk = desk
        self.client = client
        self._waiting: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._started = False

    def ended(self, workflow_id: str, run_id: str) -> None:
        """Takes a workflow whose last step is done, and returns at once."""
        self._waiting.put(_Ended(workflow_id, run_id, time.monotonic() + CLOSES_WITHIN))
        with self._start:
            if not self._started:
                self._started = True
                threading.Thread(target=self._work, name="histories", daemon=True).start()

    def _work(self) -> None:
        loop = asyncio.new_event_loop()
        while True:
            each = self._waiting.get()
            time.sleep(max(0.0, each.due - time.monotonic()))
            try:
                loop.run_until_complete(self._archive(each))
            except Exception as flaw:  # whatever it is: nobody waits for it, and the sweep comes by
                LOG.info("the history of %s is left to the sweep: %s", each.workflow_id, flaw)

    async def _archive(self, each: "_Ended") -> None:
        try:
            closed = await closed_workflow(self.client, each.workflow_id, each.run_id)
        except NotClosed:
            if each.looks < LOOKS:
                due = time.monotonic() + CLOSES_WITHIN
                self._waiting.put(_Ended(each.workflow_id, each.run_id, due, each.looks + 1))
            return
        keep(self.desk, closed, Actor("rebalancer", each.workflow_id, each.run_id))


class NotClosed(Exception):
    """A workflow still runs."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A workflow that should be closed by then."""

    workflow_id: str
    run_id: str
    due: float
    looks: int = 1


def keep(desk: Desk, closed: ClosedWorkflow | None, by: Actor) -> bool:
    """Keeps a history; False where it was kept already, or was not there any more."""
    if closed is None:
        return False
    with desk.books.transaction(by) as books:
        return books.histories.keep(closed)


async def closed_workflow(client: Client, workflow_id: str, run_id: str) -> ClosedWorkflow | None:
    """A closed run with its whole history, decrypted: the record must be readable when its keys are long gone.

    None where somebody deleted it, or retention took it, meanwhile; or where a key is missing, until it is back. Its
    last event says how it ended, and when. Raises NotClosed.
    """
    try:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history(rpc_timeout=PATIENCE)
    except RPCError as flaw:
        LOG.warning("the history of %s, run %s, can't be read: %s", workflow_id, run_id, flaw.message)
        return None
    last = history.events[-1]
    if last.event_type not in CLOSING:
        raise NotClosed(workflow_id)
    try:
        for event in history.events:
            readable(client, event)
    except CannotDecode as flaw:
        LOG.warning("the history of %s, run %s, can't be archived: %s", workflow_id, run_id, flaw)
        return None
    started = history.events[0].workflow_execution_started_event_attributes
    return ClosedWorkflow(
        workflow_id=workflow_id,
        run_id=run_id,
        first_run_id=started.first_execution_run_id or run_id,
        workflow_type=started.workflow_type.name,
        status=CLOSING[last.event_type],
        started_at=history.events[0].event_time.ToDatetime(UTC),
        closed_at=last.event_time.ToDatetime(UTC),
        events=len(history.events),
        history=history.to_json(),
    )
