"""What a workflow's history tells that the records do not: who started it, what failed, how often a step was tried."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

LONGEST = 300  # characters of a failure


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a history tells."""

    at: datetime
    who: str
    says: str


def told(workflow_id: str, text: str) -> list[Told]:
    """The story of one run, from its history as JSON."""
    events = WorkflowHistory.from_json(workflow_id, text).events
    return [each for event in events for each in _event(event, events)]


def _event(event: Any, events: Sequence[Any]) -> Iterator[Told]:
    at = event.event_time.ToDatetime(tzinfo=UTC)
    kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    if kind == "WORKFLOW_EXECUTION_STARTED":
        given = event.workflow_execution_started_event_attributes
        by = given.identity or given.parent_workflow_execution.workflow_id or "temporal"
        yield Told(at, by, f"workflow started with {_payloads(given.input)}")
    elif kind == "ACTIVITY_TASK_STARTED":
        yield from _tried(event, at, events)
    elif kind == "ACTIVITY_TASK_FAILED":
        failed = event.activity_task_failed_event_attributes
        name = _activity(failed.scheduled_event_id, events)
        yield Told(at, failed.identity, f"step {name} gave up: {_failure(failed.failure)}")
    elif kind == "ACTIVITY_TASK_TIMED_OUT":
        late = event.activity_task_timed_out_event_attributes
        name = _activity(late.scheduled_event_id, events)
        yield Told(at, "temporal", f"step {name} timed out: {_failure(late.failure)}")
    elif kind == "WORKFLOW_TASK_FAILED":
        broken = event.workflow_task_failed_event_attributes
        what = "workflow reset" if broken.base_run_id else "the workflow's own code failed and was tried again"
        yield Told(at, broken.identity, f"{what}: {_failure(broken.failure)}")
    elif kind == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED":
        asked = event.workflow_execution_update_accepted_event_attributes.accepted_request
        yield Told(at, asked.meta.identity, f"{asked.input.name} accepted with {_payloads(asked.input.args)}")
    else:
        yield from _ending(kind, event, at)


def _ending(kind: str, event: Any, at: datetime) -> Iterator[Told]:
    """How a run ended, or was asked to."""
    if kind == "WORKFLOW_EXECUTION_CANCEL_REQUESTED":
        asked = event.workflow_execution_cancel_requested_event_attributes
        yield Told(at, asked.identity, f"asked the workflow to cancel{_because(asked.cause)}")
    elif kind == "WORKFLOW_EXECUTION_TERMINATED":
        ended = event.workflow_execution_terminated_event_attributes
        yield Told(at, ended.identity, f"terminated the workflow{_because(ended.reason)}")
    elif kind == "WORKFLOW_EXECUTION_FAILED":
        yield Told(
            at, "temporal", f"workflow failed: {_failure(event.workflow_execution_failed_event_attributes.failure)}"
        )
    elif kind == "WORKFLOW_EXECUTION_TIMED_OUT":
        yield Told(at, "temporal", "workflow timed out")
    elif kind == "WORKFLOW_EXECUTION_CANCELED":
        yield Told(at, "temporal", "workflow cancelled")
    elif kind == "WORKFLOW_EXECUTION_COMPLETED":
        yield Told(at, "temporal", "workflow completed")
    elif kind == "TIMER_FIRED":
        yield Told(at, "temporal", "its timer came: nobody had decided, or it was time to look again")


def _tried(event: Any, at: datetime, events: Sequence[Any]) -> Iterator[Told]:
    """A step that did not succeed at once: how often it was tried, and the last reason why not."""
    started = event.activity_task_started_event_attributes
    if started.attempt > 1:
        name = _activity(started.scheduled_event_id, events)
        failed = started.attempt - 1
        times = "once" if failed == 1 else f"{failed} times"
        again = f"step {name} failed {times} and was tried again"
        yield Told(at, started.identity, f"{again}; the last reason: {_failure(started.last_failure)}")


def _activity(scheduled_event_id: int, events: Sequence[Any]) -> str:
    scheduled = events[scheduled_event_id - 1].activity_task_scheduled_event_attributes
    return str(scheduled.activity_type.name)


def _failure(failure: Any) -> str:
    """The innermost reason."""
    while failure.HasField("cause"):
        failure = failure.cause
    lines = str(failure.message).splitlines()
    said = lines[0] if lines else "no reason was given"
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def _payloads(payloads: Any) -> str:
    return ", ".join(_plain(payload.data) for payload in payloads.payloads) or "nothing"


def _plain(data: bytes) -> str:
    try:
        given = json.loads(data)
    except ValueError:
        return f"{len(data)} bytes"
    if isinstance(given, dict) and isinstance(given.get("signed"), str):
        given["signed"] = f"{given['signed'][:12]}…"  # the envelope is kept whole by the history, and by the record
    return json.dumps(given, ensure_ascii=False)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
