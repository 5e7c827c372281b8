"""A database that comes back from a backup, and a venue that remembers what was sent since: the drill of the guide.

The venue and the custodian are in the first database, which outlives the restore as somebody else's would. Before the
loss A-1 was rebalanced as R-000001, which the backup does not know of; after it A-2 is, as R-000001 again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, make_url, text
from temporalio.client import Client
from temporalio.service import RPCError

from activities.context import Desk
from devstack.postgres import Postgres
from devstack.temporal import TemporalServer
from domain.executing.reconciliation import compare, ledger
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.work.epochs import A_COPY
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted
from venues.registry import Venues
from worker import make_worker

HERE = "(SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
BACKUP = text(f"UPDATE installation_epochs SET database = {HERE} FROM pg_control_system())")  # so a base backup has it


@dataclass(frozen=True)
class Restored:
    """The desk before the loss, whose venue lives on, and the one after it."""

    lost: TestDesk
    desk: TestDesk
    command: Command

    def in_place(self) -> None:
        """The database is back where it was: nothing in it shows that it is a copy."""
        with self.desk.books.engine.begin() as connection:
            assert connection.execute(BACKUP).rowcount == 1


@pytest.fixture
def backed_up(postgres: Postgres, administrator: Engine, books: Books) -> Iterator[Books]:
    """A second database, as the first is when this is asked for."""
    name = f"{books.engine.url.database}_restored"
    first = TestDesk(None, books)  # type: ignore[arg-type]
    first.load(drifted("A-1"), account("A-2"))
    with books.transaction(Actor("test")) as change:
        change.epochs.current()
    books.engine.dispose()
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {books.engine.url.database}"))
    url = make_url(postgres.application_url).set(database=name).render_as_string(hide_password=False)
    engine = connect(url)
    yield Books(engine)
    engine.dispose()
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def restored(
    client: Client, backed_up: Books, books: Books, temporal_server: TemporalServer
) -> AsyncIterator[Restored]:
    lost = TestDesk(client, books)
    async with make_worker(client, lost.desk):
        done = await lost.rebalance("A-1")
    assert (done["rebalance_id"], done["status"]) == ("R-000001", "COMPLETE")
    assert len(lost.venue_orders()) == 3
    after = TestDesk(client, backed_up)
    async with make_worker(client, Desk(backed_up, Venues(books.engine))):
        yield Restored(lost, after, Command(after, temporal_server))
    async for left in client.list_workflows("ExecutionStatus = 'Running'"):
        with contextlib.suppress(RPCError):  # the listing lags: it may have ended by itself
            await client.get_workflow_handle(left.id).terminate()


def agrees(restored: Restored, account_id: str) -> bool:
    """The restored books of an account are its custodian's."""
    theirs = Venues(restored.lost.books.engine).custodian("PAPER").ledger(account_id)
    return compare(ledger(restored.desk.snapshot(account_id).account), theirs) == ()


async def test_the_drill_of_a_restore(restored: Restored) -> None:
    """
    recover --new-epoch    sending is halted, and says what to do
    resume by the same     refused, however the name is written
    resume by another      A-2 is rebalanced as R-000001, under IDs of its own: what was filled is what was ordered
    """
    restored.in_place()
    before = {order.client_order_id for order in restored.lost.venue_orders()}
    said = await restored.command("recover", "--new-epoch", "--by", "ann", "--why", "disk lost, backup of noon")
    assert said.code == 0, said.err
    assert "sending is halted" in said.err
    for same in ("ann", " ANN "):
        refused = await restored.command("resume", "--by", same, "--why", "compared")
        assert refused.code == 1
        assert "somebody else has to resume it" in refused.err
    assert (await restored.command("resume", "--by", "ben", "--why", "compared with PAPER")).code == 0
    done = await restored.desk.rebalance("A-2")
    assert (done["rebalance_id"], done["status"], done["breaks"]) == ("R-000001", "COMPLETE", [])
    assert agrees(restored, "A-2")
    new = {order.client_order_id for order in restored.lost.venue_orders()} - before
    assert len(new) == len(done["orders"]) == 3
    with restored.desk.books.transaction() as books:
        newest = books.epochs.newest()
        assert newest is not None
        told = books.connection.execute(
            text("SELECT who, action FROM audit_records WHERE account_id IS NULL ORDER BY id")
        ).all()
    assert all(name.startswith(f"{newest.epoch}-R-000001-") for name in new)
    assert (newest.begun_by, newest.why) == ("ann", "disk lost, backup of noon")
    kept = ("epoch begun", "sending halted", "sending resumed", "command refused")
    assert [tuple(each) for each in told if each.action in kept][1:] == [
        ("ann", "sending halted"),
        ("ann", "epoch begun"),
        ("ann", "command refused"),
        ("ANN", "command refused"),
        ("ben", "sending resumed"),
    ]


async def test_nothing_is_begun_before_somebody_has_compared(restored: Restored) -> None:
    """A plan of the restored books, approved by policy, writes down no order until sending is resumed."""
    restored.in_place()
    assert (await restored.command("recover", "--new-epoch", "--by", "ann", "--why", "disk lost")).code == 0
    handle = await restored.desk.start("A-2", approval="automatic")
    told = ""
    while "nothing is begun on a restored database" not in told:
        pending = (await handle.describe()).raw_description.pending_activities
        told = " ".join(each.last_failure.message for each in pending)
        await asyncio.sleep(0.1)
    with restored.desk.books.transaction() as books:
        assert books.orders.of("R-000001") == []
    assert (await restored.command("resume", "--by", "ben", "--why", "compared with PAPER")).code == 0
    assert (await handle.result())["status"] == "COMPLETE"
    assert agrees(restored, "A-2")


async def test_a_restore_that_nobody_told_of_books_nothing_that_never_happened(restored: Restored) -> None:
    """EXEC-1. The venue's answers are about A-1: they are refused, each opens a break, and no share is booked."""
    restored.in_place()
    orders = len(restored.lost.venue_orders())
    done = await restored.desk.rebalance("A-2")
    assert done["status"] == "FAILED"
    taken = {each["symbol"]: each["status"] for each in done["orders"]}
    assert set(taken.values()) == {"REJECTED"}
    assert {each["kind"] for each in done["breaks"]} == {"foreign_answer"}
    assert len(done["breaks"]) == len(taken) == 3
    assert "the venue has it as sell" in str(done["orders"][0]["reason"])
    assert len(restored.lost.venue_orders()) == orders
    assert agrees(restored, "A-2")
    listed = await restored.command("breaks", "--account", "A-2")
    assert "another order's answer" in listed.out
    number = str(done["breaks"][0]["id"])
    refused = await restored.command("breaks", "resolve", number, "--note", "x", "--book-custodian", "--by", "ann")
    assert refused.code == 1
    assert "there is nothing to book" in refused.err
    assert (await restored.command("breaks", "resolve", number, "--note", "a restore", "--by", "ann")).code == 0


async def test_a_copy_knows_that_it_is_one_and_sends_nothing(restored: Restored) -> None:
    orders = len(restored.lost.venue_orders())
    handle = await restored.desk.start("A-2", approval="automatic")
    for _ in range(400):
        progress = await handle.query("progress")
        if "to be sent" in progress["note"]:
            break
        await asyncio.sleep(0.05)
    assert "3 to be sent" in progress["note"]
    said = await restored.command("status", "--format", "json")
    sending = next(each for each in said.json["checks"] if each["check"] == "sending")
    assert not sending["ok"]
    assert A_COPY in sending["found"]
    assert len(restored.lost.venue_orders()) == orders
    assert (await restored.command("resume", "--by", "ben", "--why", "a rehearsal")).code == 0
    assert (await handle.result())["status"] == "COMPLETE"
    assert agrees(restored, "A-2")
