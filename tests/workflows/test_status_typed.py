"""Every check of `status` that can be red, made red on real servers; what it suggests is then typed, and mends it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from devstack.temporal import TemporalServer
from policy.clock import the_clock
from policy.trading_days import fresh_from, last_session
from reading.health import status_of_workflows
from storage.actor import Actor
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.operating import Operator
from workflows.contract import EVALUATION_ID, TASK_QUEUE
from workflows.schedule import ensure_schedule


@pytest.fixture(scope="module")
def temporal_server() -> Iterator[TemporalServer]:
    """A server of these tests alone: a worker of another test counts as one that answers for more than a minute."""
    with TemporalServer() as server:
        yield server


def today(sessions_ago: int = 0) -> str:
    return str(fresh_from(last_session(the_clock().today()), sessions_ago))


@pytest.mark.trial
async def test_workers_schedules_and_workflows(
    idle: TestDesk, operator: Operator, client: Client, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    no schedule, paused       set and switched on again
    no worker takes one       `workers` says that one is to be started; it is
    one can't replay          described; the worker that can is started again
    one was asked for wrongly nothing: who asked was told
    one was terminated        recovered: what it left behind is ended
    one was timed out         the same, and no failure any more
    the archive lags          swept
    """
    monkeypatch.setattr(status_of_workflows, "WAITS", timedelta(seconds=1))
    monkeypatch.setattr(status_of_workflows, "TRIES", 2)
    idle.load(drifted("A-1"), drifted("A-2"))
    line = await operator.red("schedule", "does not exist", "python -m workflows.schedule")
    await operator.type(line)
    await operator.green("schedule")
    await client.get_schedule_handle(EVALUATION_ID).pause(note="month end")
    line = await operator.red("schedule", "is paused: month end", "temporal schedule toggle")
    await operator.type(line)
    await operator.green("schedule")

    handle = await idle.start("A-1")
    await operator.red("workers", "no worker polls task queue rebalancer", "start one: python worker.py")
    await operator.red("workflows", "1 stuck: rebalance/A-1 (no worker takes it, for ", "temporal workflow describe")
    async with idle.working():
        await idle.pending(handle)
        for check in ("workers", "workflows"):
            await operator.green(check)
    async with _of_another_release(client):
        await client.get_workflow_handle("rebalance/A-1").signal("look")
        line = await operator.red("workflows", "its workflow task was tried 2 times", "temporal workflow describe")
        assert "rebalance/A-1" in await operator.type(line)
    async with idle.working():
        wrong = await client.start_workflow("RebalanceAccount", {}, id="rebalance/wrong", task_queue=TASK_QUEUE)
        with pytest.raises(WorkflowFailureError):
            await wrong.result()
        await operator.green("workflows")

        await handle.terminate("lost")
        await operator.red("workflows", "1 rebalance under way whose workflow is gone: R-000001 of A-1", "recover")
        assert "recover" in await operator.type("rebalancer cancel R-000001 --by ben", code=1)
        assert "CANCELED" in await operator.type("rebalancer recover")
        await operator.green("workflows")
        timed = await client.start_workflow(
            "RebalanceAccount", {"account_id": "A-2", "requested_by": "ann"}, id="rebalance/A-2",
            task_queue=TASK_QUEUE, execution_timeout=timedelta(seconds=4),
        )  # fmt: skip
        with pytest.raises(WorkflowFailureError):
            await timed.result()
        line = await operator.red("workflows", "R-000002 of A-2 (PENDING_APPROVAL)", "rebalancer recover")
        await operator.type(line)
        await operator.green("workflows")

        _aged(owner)
        line = await operator.red("archive", "it lags: 2 rebalances without a kept history", "schedule trigger")
        await operator.type(line)
        await operator.green("archive")
    assert operator.typed == 7


@workflow.defn(name="RebalanceAccount")
class Other:
    """What no history of a rebalance can be replayed with."""

    @workflow.run
    async def run(self, given: dict[str, str]) -> None:
        await workflow.sleep(3600)


@asynccontextmanager
async def _of_another_release(client: Client) -> AsyncIterator[None]:
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[Other], workflow_runner=UnsandboxedWorkflowRunner()):
        yield


def _aged(owner: Engine) -> None:
    """What ended, ended hours ago."""
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rebalances SET ended_at = ended_at - interval '4 hours'"))


@pytest.mark.trial
async def test_what_the_books_wait_for(idle: TestDesk, operator: Operator, client: Client, tmp_path: Path) -> None:
    """
    prices too old             newer ones loaded
    one price of it is too old loaded; who could not be checked is diagnosed, and evaluated again
    a statement that differs   the break is listed, and resolved
    an approval for today      listed
    sending is halted          another person resumes it
    the last seal is nowhere   anchored
    """
    await ensure_schedule(client)
    live = {"historical": False}
    idle.load(drifted("A-1"), account("A-2", cash="0.00", holdings=[{"symbol": "W", "quantity": "5"}]),
              as_of=today(5), **live, securities=[*_priced(today(5)), {"symbol": "W", "price": "7.00"}])  # fmt: skip
    closes = tmp_path / "closes.csv"
    async with idle.working():
        line = await operator.red("prices", f"of {today(5)}; up to 3 trading days old", "rebalancer prices FILE")
        closes.write_text(_closes(X="100.00", Y="50.00", Z="20.00", W="7.00"))
        await operator.type(_filled(line, str(closes)))
        await operator.green("prices")
        older = {"symbol": "V", "price": "7.00", "price_as_of": today(5)}
        holder = account("A-3", cash="0.00", holdings=[{"symbol": "V", "quantity": "5"}])
        idle.load(holder, as_of=today(), **live, securities=[*_priced(today()), older])
        await operator.type("rebalancer evaluate")
        line = await operator.red("missing_prices", "1 symbol held without one that counts: V (1 account)", "prices")
        closes.write_text(_closes(V="7.00"))
        found = "1 of 3 could not be checked: 1 PRICE_MISSING_OR_STALE; by symbol: V (1 account)"
        diagnosed, then = (await operator.red("accounts", found, "rebalancer diagnose A-3")).split(" says of one")
        said = " ".join((await operator.type(diagnosed)).split())  # however its lines are broken
        assert "rebalancer prices FILE, with newer ones" in said
        await operator.type(_filled(line, str(closes)))
        await operator.green("missing_prices")
        await operator.type(f"rebalancer{then.partition('; then rebalancer')[2]}")
        await operator.green("accounts")

        statement = tmp_path / "statement.csv"
        statement.write_text(f"account_id,symbol,quantity,as_of\nA-1,X,399,{today()}\nA-1,Y,700,{today()}\n"
                             f"A-1,Z,1150,{today()}\nA-1,CASH,2000.00,{today()}\n")  # fmt: skip
        await operator.type(f"rebalancer positions {statement}")
        line = await operator.red("breaks", "1 open, of 1 account: 1 of the last day", "rebalancer breaks")
        assert "rebalancer breaks resolve" in await operator.type(line)
        await operator.type("rebalancer breaks resolve 1 --note 'told by the custodian' --by ben")
        await operator.green("breaks")

        handle = await idle.start("A-1")
        await idle.pending(handle)
        line = await operator.red("approvals", "1 rebalance waiting, 1 of them until today's close", "history")
        assert "R-000001" in await operator.type(line)
        await operator.type("rebalancer cancel R-000001 --by ben")
        await operator.green("approvals")

        await operator.type("rebalancer halt --by ann --why 'odd prices'")
        line = await operator.red("sending", "by ann: odd prices", "somebody else: rebalancer resume")
        await operator.type(line.partition("somebody else: ")[2].replace("WHO", "ben"))
        await operator.green("sending")

        with idle.books.transaction(Actor("test")) as books:
            books.seals.seal()
        line = await operator.red("seals", "anchored nowhere", "rebalancer audit seal")
        await operator.type(line.partition(", with")[0], REBALANCER_SEAL_ANCHORS=f"file:{tmp_path / 'anchors'}")
        await operator.green("seals")


def _priced(day: str) -> list[dict[str, str]]:
    prices = {"X": "100.00", "Y": "50.00", "Z": "20.00"}
    return [{"symbol": symbol, "price": price, "price_as_of": day} for symbol, price in prices.items()]


def _closes(**prices: str) -> str:
    return "symbol,date,close\n" + "".join(f"{symbol},{today()},{price}\n" for symbol, price in prices.items())


def _filled(line: str, file: str) -> str:
    """The command of a sentence about it, with the file that it asks for."""
    return line.partition(", with")[0].replace("FILE", file)
