"""The runs whose histories are kept: one of every ending. `python -m tests.workflows.scenarios` records them anew,
or with names those.

A history is what a server holds of a run that an older release made; the replay test says whether today's code could
still carry it on. Record anew only when a workflow changed on purpose, and say so in the commit.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from storage.actor import Actor
from storage.intake.receiving_signals import receive_signal
from tests.workflows import requests_desk
from tests.workflows.desk import TestDesk, account, drifted
from workflows.contract import ARCHIVE_ID, EVALUATION_ID, TASK_QUEUE, recovery_workflow_id, signal_workflow_id
from workflows.search_attributes import NAMES

HISTORIES = Path(__file__).resolve().parents[1] / "histories"
Handle = WorkflowHandle[Any, Any]

# What a workflow asked the server to do: its commands, in the order of their events.
COMMANDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_TIMER_CANCELED: "timer canceled",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue as new",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "complete",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "fail",
}


async def complete(desk: TestDesk) -> Handle:
    desk.load(drifted())
    return await _approved(desk)


async def complete_with_errors(desk: TestDesk) -> Handle:
    desk.load(account(target="TWO"))
    return await _approved(desk)


async def failed(desk: TestDesk) -> Handle:
    desk.load(account(target="BIG-ONLY"))
    return await _ended(await desk.start())


async def refused(desk: TestDesk) -> Handle:
    desk.load(account(status="frozen"))
    return await _ended(await desk.start())


async def canceled(desk: TestDesk) -> Handle:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    await handle.execute_update("cancel", {"by": "ben", "reason": "client called"})
    return await _ended(handle)


async def automatic(desk: TestDesk) -> Handle:
    desk.load(drifted())
    return await _ended(await desk.start(approval="automatic"))


async def bad_input(desk: TestDesk) -> Handle:
    desk.load(drifted())
    return await _ended(await desk.start(mode="loose"))


async def evaluation(desk: TestDesk) -> Handle:
    desk.load(drifted("A-1"), account("A-2"), account("A-3"))
    handle = await desk.client.start_workflow(
        "DailyTargetEvaluation", {"range_size": 2, "page_size": 1}, id=EVALUATION_ID, task_queue=TASK_QUEUE
    )
    return await _ended(handle)


async def model_signal(desk: TestDesk) -> Handle:
    desk.load(drifted("A-1"), account("A-2"))
    holdings = [{"symbol": "X", "weight": "0.6"}, {"symbol": "Y", "weight": "0.4"}]
    receive_signal(desk.books, {"id": "M", "version": 2, "holdings": holdings}, Actor("ann"))
    handle = await desk.client.start_workflow(
        "ApplyModelSignal", {"model_id": "M", "version": 2}, id=signal_workflow_id("M", 2), task_queue=TASK_QUEUE
    )
    return await _ended(handle)


async def signal_of_an_account(desk: TestDesk) -> Handle:
    parent = await model_signal(desk)
    return desk.client.get_workflow_handle(f"{parent.id}/A-1")


async def recovery(desk: TestDesk) -> Handle:
    """Of a rebalance whose workflow was terminated while it waited for its approval."""
    desk.load(drifted())
    lost = await desk.start()
    rebalance_id = (await desk.pending(lost))["rebalance_id"]
    await lost.terminate()
    handle = await desk.client.start_workflow(
        "RecoverRebalance",
        {"rebalance_id": rebalance_id, "requested_by": "ann"},
        id=recovery_workflow_id(rebalance_id),
        task_queue=TASK_QUEUE,
    )
    return await _ended(handle)


SCENARIOS: dict[str, Callable[[TestDesk], Awaitable[Handle]]] = {
    each.__name__: each
    for each in (
        complete,
        complete_with_errors,
        failed,
        refused,
        canceled,
        automatic,
        bad_input,
        evaluation,
        model_signal,
        signal_of_an_account,
        recovery,
    )
}


async def request(desk: TestDesk) -> Handle:
    """Approved as a whole; three accounts, one at a time, one of which fails."""
    desk.load(drifted("A-1"), drifted("A-2"), account("A-3", target="BIG-ONLY"))
    handle = await requests_desk.start(desk, "A-1", "A-2", "A-3", window=1)
    await requests_desk.pending(handle, 2)
    await requests_desk.approve(handle)
    return await _ended(handle)


async def request_canceled(desk: TestDesk) -> Handle:
    """Paused, one account of it approved, the other cancelled."""
    desk.load(drifted("A-1"), drifted("A-2"))
    handle = await requests_desk.start(desk, "A-1", "A-2")
    await requests_desk.pending(handle, 2)
    await handle.execute_update("pause", {"by": "ben"})
    await handle.execute_update("resume", {"by": "ben"})
    await requests_desk.approve(handle, account_ids=["A-1"])
    await handle.execute_update("cancel", {"by": "ben", "reason": "enough", "account_ids": ["A-2"]})
    return await _ended(handle)


async def request_of_nobody(desk: TestDesk) -> Handle:
    desk.load(drifted("A-1"))
    return await _ended(await requests_desk.start(desk, "A-1", mode="loose"))


async def account_of_a_request(desk: TestDesk) -> Handle:
    await request(desk)
    return desk.client.get_workflow_handle("rebalance/A-1")


async def archive(desk: TestDesk) -> Handle:
    desk.load(drifted("A-1"))
    await _ended(await desk.start(mode="loose"))
    handle = await desk.client.start_workflow("ArchiveHistories", {}, id=ARCHIVE_ID, task_queue=TASK_QUEUE)
    return await _ended(handle)


async def expired(desk: TestDesk) -> Handle:
    """On a server that skips the time until the exchange's close."""
    desk.load(drifted())
    return await _ended(await desk.start())


async def account_in_blocks(desk: TestDesk) -> Handle:
    """Whose orders are the desk's."""
    desk.load(drifted())
    desk.blocks()
    return await _approved(desk)


async def trade_block(desk: TestDesk) -> Handle:
    """That works for a while at the venue, fills in part, and dies."""
    desk.unkind(blocks=[{"fills": [{"share": "0.5", "late": 1}], "dies": 2}])
    await account_in_blocks(desk)
    return await _ended(desk.client.get_workflow_handle("block/B-000001"))


async def venue_desk(desk: TestDesk) -> Handle:
    """Which forms blocks of sells, then of buys."""
    await account_in_blocks(desk)
    return desk.client.get_workflow_handle("desk/PAPER")


# They replay, and have no fingerprint: their commands come as accounts come along, in another order each time, or they
# need a server of their own.
LIVELY: dict[str, Callable[[TestDesk], Awaitable[Handle]]] = {
    each.__name__: each
    for each in (
        request,
        request_canceled,
        request_of_nobody,
        account_of_a_request,
        archive,
        expired,
        account_in_blocks,
        trade_block,
        venue_desk,
    )
}


async def _approved(desk: TestDesk) -> Handle:
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle)
    return await _ended(handle)


async def _ended(handle: Handle) -> Handle:
    with contextlib.suppress(WorkflowFailureError):
        await handle.result()
    return handle


def fingerprint(history: WorkflowHistory) -> list[str]:
    """The ordered commands of a history, with the activities' names."""
    told = []
    for event in history.events:
        if event.event_type not in COMMANDS:
            continue
        name = COMMANDS[event.event_type]
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            name += f" {event.activity_task_scheduled_event_attributes.activity_type.name}"
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            name += f" {event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name}"
        told.append(name)
    return told


def _impersonal(told: Any) -> Any:
    """A history without what belongs to the machine that recorded it."""
    if isinstance(told, list):
        return [_impersonal(each) for each in told]
    if isinstance(told, dict):
        return {
            key: "recorder" if key == "identity" else _impersonal(each)
            for key, each in told.items()
            if key != "stackTrace"
        }
    return told


async def skipping() -> WorkflowEnvironment:
    """A server that passes the time of timers when nothing else happens."""
    arguments = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    for name in NAMES:
        arguments += ["--search-attribute", f"{name}=Keyword"]
    return await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=arguments,
        data_converter=pydantic_data_converter,
    )


async def record(names: Sequence[str]) -> None:
    """Runs scenarios, all where none is named, on servers of their own and keeps their histories and fingerprints."""
    from devstack.postgres import Postgres
    from devstack.temporal import TemporalServer
    from storage import migrations
    from storage.connection import Books
    from storage.engine import connect
    from workflows.connection import connect as connect_temporal

    fingerprints = json.loads((HISTORIES / "fingerprints.json").read_text())
    for name, scenario in (SCENARIOS | LIVELY).items():
        if names and name not in names:
            continue
        with (
            tempfile.TemporaryDirectory() as scratch,
            Postgres(Path(scratch, "data"), durable=False) as postgres,
            TemporalServer() as server,
        ):
            migrations.upgrade(postgres.url)
            engine = connect(postgres.application_url)
            async with contextlib.AsyncExitStack() as servers:
                if scenario is expired:
                    client = (await servers.enter_async_context(await skipping())).client
                else:
                    client = await connect_temporal(server.address)
                desk = TestDesk(client, Books(engine))
                await servers.enter_async_context(desk.working())
                history = await (await scenario(desk)).fetch_history()
            engine.dispose()
        told = _impersonal(json.loads(history.to_json()))
        (HISTORIES / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
        if name in SCENARIOS:
            fingerprints[name] = fingerprint(history)
    (HISTORIES / "fingerprints.json").write_text(json.dumps(fingerprints, indent=2) + "\n")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
