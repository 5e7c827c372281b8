"""Payloads encrypted on the real server: what it holds shows nothing, and everything goes on as without."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer

from devstack.temporal import TemporalServer
from payloads.codec import KEYS, is_encrypted, key_of
from payloads.keys import new_key, read, write
from reading.record.history import told as story
from storage.connection import Books
from storage.record.histories import history_of
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.test_archive import soon
from worker import WORKFLOWS
from workflows.connection import connect


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys"
    write(path, (new_key("first"),))
    monkeypatch.setenv(KEYS, str(path))
    return path


@pytest.fixture
async def secret(keys: Path, temporal_server: TemporalServer, books: Books) -> AsyncIterator[TestDesk]:
    """A desk whose client and worker encrypt."""
    desk = TestDesk(await connect(temporal_server.address), books)
    async with desk.working():
        yield desk
    async for left in desk.client.list_workflows("ExecutionStatus = 'Running'"):
        with suppress(RPCError):  # the listing lags: it may have ended by itself
            await desk.client.get_workflow_handle(left.id).terminate()


async def raw(client: Client, handle: WorkflowHandle[Any, Any]) -> list[Message]:
    """The events as the server holds them, decrypted by nobody."""
    found = await client.workflow_service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace, execution={"workflow_id": handle.id, "run_id": handle.first_execution_run_id}
        )
    )
    return list(found.history.events)


def payloads_in(message: Message) -> list[Payload]:
    """All of them, except search attributes, by which work is found."""
    found: list[Payload] = []

    def walk(each: Message) -> None:
        if isinstance(each, Payload):
            found.append(each)
            return
        if each.DESCRIPTOR.name == "SearchAttributes":
            return
        for field, value in each.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                within = [value[key] for key in value]
            else:
                within = [value] if isinstance(value, Message) else list(value)
            for inner in within:
                if isinstance(inner, Message):
                    walk(inner)

    walk(message)
    return found


async def test_the_server_holds_nothing_readable(secret: TestDesk) -> None:
    secret.load(drifted("A-103"))
    handle = await secret.start("A-103")
    await secret.pending(handle)
    await secret.approve(handle)
    assert (await handle.result())["status"] == "COMPLETE"
    events = await raw(secret.client, handle)
    held = [payload for event in events for payload in payloads_in(event)]
    assert len(held) >= 20
    assert all(is_encrypted(each) for each in held)
    amounts = {str(order["amount"]).encode() for order in (await handle.result())["orders"]}
    assert amounts
    for each in held:
        content = each.SerializeToString()
        assert b"A-103" not in content and not any(amount in content for amount in amounts)
    found = [each.id async for each in secret.client.list_workflows('AccountId = "A-103"')]
    for _ in range(100):
        if found:
            break
        await asyncio.sleep(0.1)
        found = [each.id async for each in secret.client.list_workflows('AccountId = "A-103"')]
    assert handle.id in found  # search attributes and ids stay readable


async def test_the_words_of_a_failure_are_encrypted_and_read(secret: TestDesk) -> None:
    secret.load(drifted("A-103"))
    handle = await secret.start("A-103", mode="loose-and-secret")
    with pytest.raises(Exception) as failed:
        await handle.result()
    assert "loose-and-secret" in str(failed.value.__cause__)
    events = await raw(secret.client, handle)
    assert len(events) >= 3
    assert not any(b"loose-and-secret" in event.SerializeToString() for event in events)
    row = (await soon(secret, 1))[0]
    assert "loose-and-secret" in " ".join(each.says for each in story(row.workflow_id, history_of(row)))


async def test_a_key_is_changed_under_a_workflow(secret: TestDesk, keys: Path) -> None:
    secret.load(drifted("A-103"))
    handle = await secret.start("A-103")
    await secret.pending(handle)
    write(keys, (new_key("second"), *read(keys)))
    await secret.approve(handle)
    assert (await handle.result())["status"] == "COMPLETE"
    held = [payload for event in await raw(secret.client, handle) for payload in payloads_in(event)]
    assert {key_of(each) for each in held} == {"first", "second"}


async def test_the_archive_is_readable_without_keys_and_replays(secret: TestDesk, keys: Path) -> None:
    secret.load(account("A-103"))
    await secret.rebalance("A-103")
    row = (await soon(secret, 1))[0]
    text = history_of(row)
    assert "binary/encrypted" not in text and "A-103" in json.dumps(
        [each.says for each in story(row.workflow_id, text)]
    )
    keys.unlink()
    await Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter).replay_workflow(
        WorkflowHistory.from_json(row.workflow_id, text)
    )


async def test_what_is_encrypted_on_the_server_replays_with_the_keys(secret: TestDesk) -> None:
    secret.load(account("A-103"))
    await secret.rebalance("A-103")
    history = await secret.client.get_workflow_handle("rebalance/A-103").fetch_history()
    assert "binary/encrypted" in json.dumps(
        [payload.metadata["encoding"].decode() for event in history.events for payload in payloads_in(event)]
    )
    await Replayer(workflows=WORKFLOWS, data_converter=secret.client.data_converter).replay_workflow(history)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (None, "payloads are encrypted here (by the key first): set REBALANCER_PAYLOAD_KEYS to the file that holds it"),
        ("other", "encrypted by the key first, which {path} does not hold: add its line to the file"),
        ("gone", "the payload keys {path} can't be read: No such file or directory"),
    ],
)
async def test_a_wrong_key_is_one_line(
    secret: TestDesk, temporal_server: TemporalServer, tmp_path: Path, setting: str | None, says: str
) -> None:
    secret.load(drifted("A-103"))
    handle = await secret.start("A-103")
    pending = await secret.pending(handle)
    path = tmp_path / str(setting)
    if setting == "other":
        write(path, (new_key("another"),))
    command = Command(secret, temporal_server)
    if setting:
        command.environment[KEYS] = str(path)
    said = await command("cancel", pending["rebalance_id"], "--by", "ben")
    assert (said.code, said.out) != (0, "")
    assert says.format(path=path) in said.err and "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    command.environment[KEYS] = str(tmp_path / "keys")
    assert (await command("cancel", pending["rebalance_id"], "--by", "ben")).code == 0


@pytest.mark.parametrize("command", ["submit", "evaluate"])
async def test_nothing_is_started_that_the_workers_could_not_read(
    secret: TestDesk, temporal_server: TemporalServer, tmp_path: Path, command: str
) -> None:
    """Without a key, and with another one: refused in a line. With theirs it is started."""
    secret.load(drifted("A-103"), drifted("A-104"))
    await secret.pending(await secret.start("A-103"))
    while not [each async for each in secret.client.list_workflows("ExecutionStatus = 'Running'")]:
        await asyncio.sleep(0.1)  # the listing of what runs, which shows by which key, lags
    given = ("submit", "A-104", "--by", "ann") if command == "submit" else ("evaluate",)
    write(tmp_path / "another", (new_key("another"),))
    for setting in (None, tmp_path / "another"):
        asked = Command(secret, temporal_server)
        if setting:
            asked.environment[KEYS] = str(setting)
        said = await asked(*given)
        assert said.code == 1 and "Traceback" not in said.err
        assert "nothing was started: " in said.err and "by the key first" in said.err
    asked.environment[KEYS] = str(tmp_path / "keys")
    assert (await asked(*given)).code == 0
