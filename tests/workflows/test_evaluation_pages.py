"""Pages of the daily evaluation: a killed worker's successor goes on behind the last one; nobody waits for a page; what
changes while a page is decided is decided again; and the same book again changes nothing.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

import activities.evaluation as steps
from activities.context import Desk
from activities.messages import BeginEvaluation, EvaluateRange, RangeEvaluated
from devstack.temporal import TemporalServer
from domain.evaluation import Verdict, evaluate
from domain.values.policy import Policy
from domain.values.snapshot import Snapshot
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.work.queue import QueueEntry
from tests.storage.small_book import contents, rows
from tests.workflows.desk import AS_OF, TestDesk, account, drifted
from tests.workflows.test_crashes import worker
from venues.registry import Venues
from workflows.contract import EVALUATION_ID, TASK_QUEUE


@pytest.fixture
def desk(books: Books) -> TestDesk:
    """A desk without a server: its steps are run alone."""
    return TestDesk(None, books)  # type: ignore[arg-type]


def evaluated(desk: TestDesk, name: str = "E-1", **given: Any) -> RangeEvaluated:
    """One range over the whole book, run as the worker runs it."""
    step, environment = steps.EvaluationSteps(Desk(desk.books, Venues(desk.books.engine))), ActivityEnvironment()
    environment.run(step.begin_evaluation, BeginEvaluation(evaluation_id=name, as_of=None, range_size=1000))
    whole = {"as_of": str(AS_OF), "explicit": False, "after": "", "upto": None, "page_size": 1000}
    found: RangeEvaluated = environment.run(step.evaluate_range, EvaluateRange(evaluation_id=name, **whole | given))
    return found


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Lets something happen once, while the first account in doubt is being decided."""
    waiting = [happens]

    def deciding(snapshot: Snapshot, policy: Policy) -> Verdict:
        if waiting:
            waiting.pop()()
        return evaluate(snapshot, policy)

    monkeypatch.setattr(steps, "evaluate", deciding)


def change(books: Books, what: Callable[[Any], Any]) -> None:
    """A transaction of somebody who does not wait: a row that is locked fails it at once."""
    engine = connect(books.engine.url.render_as_string(hide_password=False), lock_timeout="1ms")
    with Books(engine).transaction(Actor("ann")) as transaction:
        what(transaction)
    engine.dispose()


def entry(desk: TestDesk) -> QueueEntry | None:
    return desk.entry("A-1")


def test_what_is_switched_off_meanwhile_is_not_queued(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.load(drifted("A-1"), drifted("A-2"))
    meanwhile(
        monkeypatch, lambda: change(desk.books, lambda books: books.accounts.switch_rebalancing("A-1", False, AS_OF))
    )
    found = evaluated(desk)
    assert entry(desk) is None
    assert (found.evaluated, found.queued) == (1, {"OUTSIDE_TOLERANCE": 1})


def test_what_gets_another_target_meanwhile_is_judged_by_it(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.load(drifted("A-1"))
    meanwhile(monkeypatch, lambda: change(desk.books, lambda books: books.accounts.assign_target("A-1", "TWO", AS_OF)))
    evaluated(desk)
    made = entry(desk)
    assert made is not None
    assert made.evidence["FIRST_REBALANCE"]["target"] == "TWO"
    assert made.evidence["OUTSIDE_TOLERANCE"]["model:M"]["target_weight"] == "0.49"


def test_what_is_rebalanced_meanwhile_is_not_queued(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """M is at 75,000 of 100,000; the books then have 60,000 of it, and 15,000 more of Z: on its weights."""

    desk.load(drifted("A-1"))
    before = desk.snapshot("A-1").account
    after = account(
        "A-9",
        cash="2000.00",
        first_rebalanced="2025-01-02",
        sleeves=[{"model": "M", "holdings": [{"symbol": "X", "quantity": "320"}, {"symbol": "Y", "quantity": "560"}]}],
        holdings=[{"symbol": "Z", "quantity": "1900"}],
    )
    desk.load(after | {"rebalancing": False})
    wanted = desk.snapshot("A-9").account
    meanwhile(
        monkeypatch, lambda: change(desk.books, lambda books: books.accounts.store_positions("A-1", before, wanted))
    )
    found = evaluated(desk)
    assert (found.evaluated, found.queued) == (1, {})
    assert entry(desk) is None


def test_a_page_that_another_attempt_has_done_is_not_done_again(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.load(drifted("A-1"), account("A-2"))
    meanwhile(monkeypatch, lambda: evaluated(desk) and None)
    with pytest.raises(ApplicationError, match="done by another attempt"):
        evaluated(desk)
    assert rows(desk.books, "SELECT count(*) FROM evaluation_pages") == [(1,)]
    assert evaluated(desk).queued == {"FIRST_REBALANCE": 1, "OUTSIDE_TOLERANCE": 1}


def test_the_same_book_again_changes_nothing(desk: TestDesk) -> None:
    """Not even an unchanged row written anew: rows are compared with the transaction that wrote them."""
    cash_rich = drifted("A-4") | {"cash": "30000.00"}
    desk.load(
        drifted("A-1"), account("A-2"), drifted("A-3") | {"status": "frozen"}, cash_rich, account("A-5", target=None)
    )
    first = evaluated(desk)
    before = contents(desk.books)
    assert evaluated(desk, "E-2") == first
    after = contents(desk.books)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"public.evaluations", "public.evaluation_pages", "public.evaluation_notes"}


def test_pages_end_with_the_accounts_in_doubt(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_DOUBTFUL", 2)
    desk.load(*(drifted(f"A-{at}") for at in range(5)))
    assert evaluated(desk).queued == {"OUTSIDE_TOLERANCE": 5}
    assert rows(desk.books, "SELECT after, last FROM evaluation_pages ORDER BY after") == [
        ("", "A-1"),
        ("A-1", "A-3"),
        ("A-3", "A-4"),
    ]


@pytest.mark.trial
@pytest.mark.timeout(240)  # the server's heartbeat timeout has to pass until it notices the kill
async def test_a_killed_worker_s_successor_goes_on_at_the_page(
    client: Client, temporal_server: TemporalServer, books: Books
) -> None:
    desk, accounts = TestDesk(client, books), 150
    desk.load(*(drifted(f"A-{at:03}") for at in range(accounts)))
    process = await worker(temporal_server, books)
    handle = await client.start_workflow(
        "DailyTargetEvaluation", {"page_size": 2}, id=EVALUATION_ID, task_queue=TASK_QUEUE
    )

    def pages() -> list[Any]:
        return list(rows(books, "SELECT after, last, xmin FROM evaluation_pages ORDER BY after"))

    try:
        give_up = time.monotonic() + 60
        while len(done := pages()) < 3 and time.monotonic() < give_up:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        done = pages()
        assert 3 <= len(done) < accounts / 2
        process = await worker(temporal_server, books)
        result = await asyncio.wait_for(handle.result(), timeout=120)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    assert result["queued"] == {"OUTSIDE_TOLERANCE": accounts}
    assert result["evaluated"] == accounts
    assert pages()[: len(done)] == done  # written once, before the kill
    assert len(pages()) == accounts / 2
    assert rows(books, "SELECT count(*) FROM audit_records WHERE action = 'queued'") == [(accounts,)]
    started = [
        event.activity_task_started_event_attributes.attempt
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    assert started == [1, 2, 1]  # begin, the range, end
