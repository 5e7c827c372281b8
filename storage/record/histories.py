"""Histories of closed workflows, kept for good: Temporal forgets them when its retention ends.

Each is the JSON that `temporal workflow show --output json` prints and a replayer reads, compressed. Its hash is in the
audit record, and so in a chain and under a seal.
"""

import gzip
import hashlib
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_
from sqlalchemy import text as sql

from storage.record.audit import Audit
from storage.schema.audit import workflow_histories
from storage.schema.execution import rebalances

ARCHIVED = "history archived"
LEVEL = 6  # of compressing: 9 takes three times as long for a text that is a sixteenth smaller
KEEP = sql(
    "SELECT keep_history(:workflow, :run, :first_run, :type, :ended, :started, :closed, :events, :sha256, :content)"
)


class HistoryDamaged(ValueError):
    """A kept history is not what was archived."""


@dataclass(frozen=True, slots=True)
class ClosedWorkflow:
    """One run of a workflow that is over, and its history as JSON."""

    workflow_id: str
    run_id: str
    first_run_id: str
    workflow_type: str
    status: str
    started_at: datetime
    closed_at: datetime
    events: int
    history: str


class Histories:
    """The kept histories of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def missing(self, runs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these runs, as (workflow id, run id), are not kept yet."""
        key = tuple_(workflow_histories.c.workflow_id, workflow_histories.c.run_id)
        kept = self.connection.execute(
            select(workflow_histories.c.workflow_id, workflow_histories.c.run_id).where(key.in_(list(runs)))
        )
        return set(runs) - {(row.workflow_id, row.run_id) for row in kept}

    def keep(self, closed: ClosedWorkflow) -> bool:
        """Keeps a history, with its audit record; False where it is kept already."""
        text = closed.history.encode()
        digest = hashlib.sha256(text).digest()
        values = {
            "workflow": closed.workflow_id,
            "run": closed.run_id,
            "first_run": closed.first_run_id,
            "type": closed.workflow_type,
            "ended": closed.status,
            "started": closed.started_at,
            "closed": closed.closed_at,
            "events": closed.events,
            "sha256": digest,
            "content": gzip.compress(text, LEVEL, mtime=0),
        }
        if not self.connection.execute(KEEP, values).scalar_one():
            return False
        start = f"{closed.workflow_id}#{closed.first_run_id}"  # as a rebalance's start key
        of = self.connection.scalar(select(rebalances.c.account_id).where(rebalances.c.start_key == start))
        self.audit.record(
            ARCHIVED,
            account_id=of,
            after={
                "workflow_id": closed.workflow_id,
                "run_id": closed.run_id,
                "workflow_type": closed.workflow_type,
                "status": closed.status,
                "events": closed.events,
                "sha256": digest.hex(),
            },
        )
        return True

    def of_start(self, workflow_id: str, first_run_id: str) -> Sequence[Row[Any]]:
        """Every run of one start of a workflow, resets included, the oldest first."""
        return self.connection.execute(
            select(workflow_histories)
            .where(workflow_histories.c.workflow_id == workflow_id, workflow_histories.c.first_run_id == first_run_id)
            .order_by(workflow_histories.c.started_at, workflow_histories.c.run_id)
        ).all()


def history_of(row: Row[Any]) -> str:
    """The history's JSON. Raises HistoryDamaged where it is not what was archived."""
    try:
        text = gzip.decompress(row.content)
    except (OSError, EOFError, zlib.error) as flaw:
        raise HistoryDamaged(f"the history of {row.workflow_id}, run {row.run_id}, can't be unpacked") from flaw
    if hashlib.sha256(text).digest() != row.sha256:
        raise HistoryDamaged(f"the history of {row.workflow_id}, run {row.run_id}, is not what was archived")
    return text.decode()
