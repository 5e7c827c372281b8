"""Histories are kept once: who archives a run that is kept already changes nothing and records nothing."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import func, select

from storage.actor import Actor
from storage.connection import Books
from storage.record.histories import ARCHIVED, ClosedWorkflow, history_of
from storage.schema.audit import audit_records

AT = datetime(2026, 11, 20, 21, tzinfo=UTC)
CLOSED = ClosedWorkflow("rebalance/A-1", "run", "run", "RebalanceAccount", "COMPLETED", AT, AT, 3, '{"events": []}')


def test_a_run_is_kept_and_recorded_once(books: Books) -> None:
    for history, new in ((CLOSED.history, True), ('{"events": [1]}', False)):
        with books.transaction(Actor("test")) as change:
            assert change.histories.keep(replace(CLOSED, history=history)) is new
    with books.transaction() as read:
        (row,) = read.histories.of_start("rebalance/A-1", "run")
        assert history_of(row) == CLOSED.history
        recorded = select(func.count()).where(audit_records.c.action == ARCHIVED)
        assert read.connection.scalar(recorded) == 1
