"""Events sent to a real receiver that verifies them, fails, dies and comes back: nothing is lost, the order holds."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from acting import webhooks as acting
from identity.person import asserted
from policy.clock import the_clock
from reading.health.status_of_books import checks
from reading.refused import Refused
from storage.actor import Actor
from storage.connection import Books
from tests.workflows.desk import TestDesk
from tests.workflows.receiver import Receiver
from webhooks.destination import Destinations
from worker import make_sender
from workflows.contract import WEBHOOK_QUEUE, sender_workflow_id

HERE = Destinations((ip_network("127.0.0.0/8"),))
ADA = asserted("ada")


@pytest.fixture
async def sending(client: Client, books: Books) -> AsyncIterator[TestDesk]:
    """A desk at which nothing but events is sent."""
    desk = TestDesk(client, books)
    async with make_sender(client, desk.desk, HERE):
        yield desk


async def added(desk: TestDesk, receiver: Receiver, *actions: str) -> str:
    async def temporal() -> Client:
        return desk.client

    made, secret = await acting.add(desk.books, temporal, ADA, receiver.url, actions, HERE)
    receiver.secrets = [secret]
    return made


def recorded(desk: TestDesk, *actions: str) -> list[str]:
    """Records something, each in a transaction of its own."""
    for each in actions:
        with desk.books.transaction(Actor("ann")) as work:
            work.audit.record(each, account_id="A-1", after={"why": "a secret of the record"})
    return list(actions)


def hook(desk: TestDesk, id_: str) -> Any:
    with desk.books.reading() as work:
        return work.webhooks.get(id_)


async def until(holds: Callable[[], object], seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to that")


def handle(desk: TestDesk, id_: str) -> WorkflowHandle[Any, Any]:
    return desk.client.get_workflow_handle(sender_workflow_id(id_))


async def test_nothing_is_lost_and_the_order_holds(sending: TestDesk, caplog: pytest.LogCaptureFixture) -> None:
    """It fails twice, is dead for a while, comes back, and its sender is terminated in the middle."""
    caplog.set_level(logging.DEBUG)
    receiver, told = Receiver(fails=[500, 302]), list[str]()
    with receiver.alive():
        id_ = await added(sending, receiver)
        told += recorded(sending, "first", "second", "third")
        await until(lambda: receiver.actions[-1:] == ["third"])
        assert receiver.tries == 2 + len(receiver.taken), "what failed was sent again, and nothing else"
        assert hook(sending, id_).failing_since is None
    told += recorded(sending, "while it is dead", "while it is dead too")
    await until(lambda: hook(sending, id_).failing_since is not None)
    assert "127.0.0.1 can't be reached" in hook(sending, id_).failure
    with receiver.alive():
        await until(lambda: receiver.actions[-1:] == ["while it is dead too"])
        await handle(sending, id_).terminate("by hand")
        told += recorded(sending, "while nobody sends")
        await acting.start_all(sending.books, sending.client)
        await until(lambda: receiver.actions[-1:] == ["while nobody sends"])
    once = dict(zip(receiver.ids, receiver.actions, strict=True))
    assert [each for each in once.values() if each != "webhook added"] == told
    assert len(receiver.ids) - len(once) <= 1, "what a terminated sender had just sent may come again, by the same id"
    assert receiver.forged == 0
    one = receiver.taken[-1]["data"]
    assert one["account_id"] == "A-1" and "secret of the record" not in json.dumps(receiver.taken)
    await hidden(sending, receiver, id_, caplog.text)


async def hidden(desk: TestDesk, receiver: Receiver, id_: str, logged: str) -> None:
    """Neither the secret nor the address is in the sender's history, the record, or what was logged."""
    history = (await handle(desk, id_).fetch_history()).to_json()
    with desk.books.engine.connect() as connection:
        record = str(connection.execute(text("SELECT before, after FROM audit_records")).all())
    assert id_ in history and id_ in record and logged
    for secret in (*receiver.secrets, receiver.secrets[0][6:], "hidden-part"):
        assert secret not in history and secret not in record and secret not in logged


async def test_what_is_not_asked_for_is_not_sent_and_a_new_secret_signs_beside_the_one_before(
    sending: TestDesk,
) -> None:
    receiver = Receiver()
    with receiver.alive():
        id_ = await added(sending, receiver, "wanted")
        recorded(sending, "other", "wanted", "other")
        await until(lambda: receiver.actions == ["wanted"])
        secret = acting.rotate(sending.books, ADA, id_, the_clock().now())
        recorded(sending, "wanted")
        await until(lambda: len(receiver.taken) == 2)
        assert len(receiver.signatures[-1].split()) == 2, "by both secrets"
        receiver.secrets = [secret]
        recorded(sending, "wanted")
        await until(lambda: len(receiver.taken) == 3)
        acting.remove(sending.books, ADA, id_)
        await handle(sending, id_).result()
        recorded(sending, "wanted")
        await asyncio.sleep(0.3)
    assert receiver.actions == ["wanted"] * 3 and receiver.forged == 0


async def test_a_dead_receiver_is_given_up_and_told_and_goes_on_where_it_stopped(sending: TestDesk) -> None:
    receiver = Receiver()
    id_ = await added(sending, receiver)
    await handle(sending, id_).terminate("to have less patience")
    recorded(sending, "one", "two")
    await sending.client.execute_workflow(
        "SendEvents", {"webhook_id": id_, "gives_up_after": 3}, id=sender_workflow_id(id_), task_queue=WEBHOOK_QUEUE
    )
    row = hook(sending, id_)
    assert row.disabled_at is not None and row.failing_since is not None
    told = next(each for each in checks(lambda: sending.books.engine, the_clock().today()) if each.check == "webhooks")
    assert not told.ok and f"{id_} was disabled" in told.found and "can't be reached" in told.found
    assert "hidden-part" not in told.found
    with receiver.alive():

        async def temporal() -> Client:
            return sending.client

        await acting.enable(sending.books, temporal, ADA, id_)
        await until(lambda: receiver.actions[-1:] == ["webhook enabled"])
    assert receiver.actions == ["webhook added", "one", "two", "webhook disabled", "webhook enabled"]


async def test_who_is_gone_for_good_is_given_up_at_once(sending: TestDesk) -> None:
    receiver = Receiver(fails=[410])
    with receiver.alive():
        id_ = await added(sending, receiver)
        await handle(sending, id_).result()
    assert "answered 410" in hook(sending, id_).failure
    described = await handle(sending, id_).describe()
    assert described.status == WorkflowExecutionStatus.COMPLETED and receiver.tries == 1


async def test_a_sender_goes_nowhere_near(client: Client, books: Books) -> None:
    """What got into the books by another way, or leads elsewhere since, is refused when it is sent."""
    desk, receiver = TestDesk(client, books), Receiver()
    with receiver.alive():
        async with make_sender(client, desk.desk, Destinations()):
            id_ = await added(desk, receiver)
            await until(lambda: hook(desk, id_).failing_since is not None)
    assert "127.0.0.1, which is in no network" in hook(desk, id_).failure
    assert receiver.tries == 0
    with pytest.raises(Refused, match="in no network"):
        await acting.add(books, None, ADA, receiver.url, (), Destinations())  # type: ignore[arg-type]
