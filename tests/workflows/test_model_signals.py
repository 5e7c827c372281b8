"""Model signals on a real server: who trades, who need not, who can't; and what waits is planned again."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from activities.signal_messages import SelectSleeves
from activities.signals import SignalSteps
from storage.actor import Actor
from storage.intake.receiving_signals import receive_signal
from storage.schema.audit import audit_records
from storage.schema.tables import accounts
from tests.storage.small_book import by_hand
from tests.workflows.desk import TestDesk, account, drifted
from workflows.contract import TASK_QUEUE, signal_workflow_id


def inside(account_id: str, **given: Any) -> dict[str, Any]:
    """100,000.00, inside all its bands: M at 60,000 (X 30,000, Y 30,000), Z at 38,000, 2,000 in cash."""
    return account(
        account_id,
        cash="2000.00",
        first_rebalanced="2025-01-02",
        holdings=[{"symbol": "Z", "quantity": "1900"}],
        sleeves=[{"model": "M", "holdings": [{"symbol": "X", "quantity": "300"}, {"symbol": "Y", "quantity": "600"}]}],
        **given,
    )


def send(desk: TestDesk, version: int, x: str, y: str) -> None:
    """The manager's new version of M, stored."""
    holdings = [{"symbol": "X", "weight": x}, {"symbol": "Y", "weight": y}]
    receive_signal(desk.books, {"id": "M", "version": version, "holdings": holdings}, Actor("ann"))


async def apply(desk: TestDesk, version: int, **given: Any) -> WorkflowHandle[Any, Any]:
    return await desk.client.start_workflow(
        "ApplyModelSignal",
        {"model_id": "M", "version": version, **given},
        id=signal_workflow_id("M", version),
        task_queue=TASK_QUEUE,
    )


async def applied(desk: TestDesk, version: int, **given: Any) -> dict[str, Any]:
    result: dict[str, Any] = await (await apply(desk, version, **given)).result()
    return result


def counts(result: dict[str, Any]) -> tuple[int, int, int]:
    return result["traded"], result["skipped"], result["failed"]


def held(desk: TestDesk, account_id: str = "A-1") -> dict[str, Decimal]:
    (sleeve,) = desk.snapshot(account_id).account.model_sleeves
    return {holding.symbol: holding.quantity for holding in sleeve.holdings}


def rows_of(desk: TestDesk, version: int) -> dict[str, Any]:
    with desk.books.transaction() as books:
        found = books.rebalances.listing(request_id=signal_workflow_id("M", version))
        return {row.account_id: books.rebalances.get(row.id) for row in reversed(found)}


async def test_a_large_change_trades_every_sleeve_whatever_the_toggle_says(desk: TestDesk) -> None:
    """SIGNAL-1, SIGNAL-2: X from 50 % to 60 % of 60,000: 360 X and 480 Y. A frozen account can't, and is counted."""
    desk.load(
        inside("A-1"),
        inside("A-2") | {"rebalancing": False},
        inside("A-3") | {"status": "frozen"},
        account("A-4"),  # holds no sleeve of it
        inside("A-5") | {"target": None},  # without a target: no liquidation
    )
    queued = {each: desk.entry(each) for each in ("A-1", "A-2", "A-3", "A-4", "A-5")}
    send(desk, 2, "0.6", "0.4")
    result = await applied(desk, 2, page_size=2)
    assert counts(result) == (3, 0, 1)
    assert result["largest_change"] == "0.1"
    for each in ("A-1", "A-2", "A-5"):
        assert held(desk, each) == {"X": 360, "Y": 480}
    assert held(desk, "A-3") == {"X": 300, "Y": 600}
    rows = rows_of(desk, 2)
    assert {each: (row.kind, row.status) for each, row in rows.items()} == {
        "A-1": ("signal", "COMPLETE"),
        "A-2": ("signal", "COMPLETE"),
        "A-3": ("signal", "FAILED"),
        "A-5": ("signal", "COMPLETE"),
    }
    assert "frozen" in rows["A-3"].issue
    assert {"model": "M", "version": 2, "largest_change": "0.1"} in [
        f["evidence"] for f in rows["A-1"].plan["findings"]
    ]
    assert rows["A-1"].requested_by == "ann"
    assert rows["A-1"].approved_by == "policy: model signal"
    # A signal is no rebalance to the target: what is queued stays, with nothing added.
    assert {each: desk.entry(each) for each in queued} == queued
    assert {"rebalance started", "order filled", "rebalance ended"} <= set(desk.audited("A-2"))


async def test_custodians_take_their_turns_and_the_first_moves_on_with_each_version(desk: TestDesk) -> None:
    """ROT-1: of A, PAPER and Z the third comes first in version 2, and version 3 begins with A; by pages of one."""
    where = {"A-1": "Z", "A-2": "PAPER", "A-3": "A", "A-4": "Z", "A-5": "A"}
    desk.load(*(inside(name, custodian=custodian) for name, custodian in where.items()))
    for version, first in ((2, ["A-1", "A-4", "A-3", "A-5", "A-2"]), (3, ["A-3", "A-5", "A-2", "A-1", "A-4"])):
        send(desk, version, "0.50", "0.50")
        with desk.books.transaction(Actor("test")) as books:
            custodians, last, seen = books.signals.in_turn("M", version), "", list[str]()
            while page := books.signals.page("M", last, 1, custodians):
                seen, last = [*seen, *page], page[-1]
        assert seen == first
        assert [where[each] for each in seen[::2]] == list(custodians)
    with desk.books.transaction() as read:
        recorded = read.execute(select(audit_records.c.after).where(audit_records.c.rule == "ROT-1")).all()
    assert [each.after["custodians"] for each in recorded] == [["Z", "A", "PAPER"], ["A", "PAPER", "Z"]]


async def test_a_small_change_trades_only_sleeves_with_a_holding_outside(desk: TestDesk) -> None:
    """SIGNAL-2: 0.50 points are not more than 0.50 points. A-2 holds X at 70 % of its sleeve: +38.6 % of its weight."""
    off = inside("A-2")
    off["sleeves"][0]["holdings"] = [{"symbol": "X", "quantity": "420"}, {"symbol": "Y", "quantity": "360"}]
    desk.load(inside("A-1"), off)
    send(desk, 2, "0.505", "0.495")
    result = await applied(desk, 2)
    assert counts(result) == (1, 1, 0)
    assert held(desk, "A-1") == {"X": 300, "Y": 600}
    assert held(desk, "A-2") == {"X": 303, "Y": 594}
    skipped = rows_of(desk, 2)["A-1"]
    assert (skipped.status, skipped.approved_at, skipped.plan["orders"]) == ("COMPLETE", None, [])


async def test_started_again_it_trades_nothing_twice(desk: TestDesk) -> None:
    desk.load(inside("A-1"), inside("A-2") | {"status": "frozen"})
    send(desk, 2, "0.6", "0.4")
    await applied(desk, 2)
    orders = len(desk.venue_orders())
    with desk.books.transaction(Actor("test")) as books:
        books.execute(update(accounts).values(status="open"))
        by_hand(books.connection, "A-1", "A-2")
    result = await applied(desk, 2)
    assert counts(result) == (2, 0, 0)  # A-2 can be traded now; A-1 was before
    assert len(desk.venue_orders()) == 2 * orders
    assert counts(await applied(desk, 2)) == (2, 0, 0)
    assert len(desk.venue_orders()) == 2 * orders


async def test_a_page_that_is_done_again_finds_what_it_did(desk: TestDesk) -> None:
    """A worker that dies between commit and answer: the next one gives the same answer and makes no second row."""
    desk.load(inside("A-1"), inside("A-2") | {"status": "frozen"}, inside("A-3"))
    send(desk, 2, "0.5", "0.5")
    message = SelectSleeves(
        model_id="M", version=2, largest_change="0", requested_by="ann", request_id=signal_workflow_id("M", 2),
        start="model-signal/M/2#run", after="", size=2,
    )  # fmt: skip
    first = ActivityEnvironment().run(SignalSteps(desk.desk).select_sleeves, message)
    assert (first.last, first.trading, first.skipped, first.failed) == ("A-2", [], 1, 1)
    before = {account_id: row.id for account_id, row in rows_of(desk, 2).items()}
    assert ActivityEnvironment().run(SignalSteps(desk.desk).select_sleeves, message) == first
    assert {account_id: row.id for account_id, row in rows_of(desk, 2).items()} == before


async def test_what_waits_for_an_approval_is_planned_again_and_asked_again(desk: TestDesk) -> None:
    """A-1 holds the sleeve; A-2 would open it. The plans that people saw are void (SIGNAL-1)."""
    desk.load(drifted("A-1"), account("A-2"))
    waiting = [await desk.start(each) for each in ("A-1", "A-2")]
    for each in waiting:
        await desk.pending(each)
    send(desk, 2, "0.6", "0.4")
    assert counts(await applied(desk, 2)) == (1, 0, 0)
    for each in waiting:
        progress = await desk.pending(each, round_number=2)
        assert progress["pending"]
    assert {order.account_id for order in desk.venue_orders()} == {"A-1"}
    row = desk.row((await waiting[1].query("progress"))["rebalance_id"])
    assert {order["symbol"]: order["quantity"] for order in row.plan["orders"] if order["symbol"] != "Z"} == {
        "X": "360",
        "Y": "480",
    }
    await desk.approve(waiting[1])
    assert (await waiting[1].result())["status"] == "COMPLETE"


async def trading(desk: TestDesk) -> WorkflowHandle[Any, Any]:
    """A rebalance of A-1 whose sells work at the venue for an hour, if nobody cancels them."""
    desk.load(drifted("A-1"), inside("A-2"))
    desk.unkind({"side": "sell", "symbol": "X", "late": 3600})
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle)
    await until(lambda: handle.query("progress"), lambda progress: "at the venue" in progress["note"])
    return handle


async def until(ask: Any, told: Any) -> Any:
    """Asks until what is told is so."""
    for _ in range(400):
        with contextlib.suppress(RPCError):
            answer = await ask()
            if told(answer):
                return answer
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


async def test_a_signal_waits_for_the_rebalance_that_trades(desk: TestDesk) -> None:
    """EXEC-3: while R trades on A-1 the signal's first step is tried again; then it plans from what R left."""
    other = await trading(desk)
    send(desk, 5, "0.6", "0.4")
    handle = await apply(desk, 5)
    child = desk.client.get_workflow_handle(f"{handle.id}/A-1")
    told = await until(child.describe, lambda each: any(p.attempt > 1 for p in each.raw_description.pending_activities))
    assert "trades on account A-1: it has to end first (EXEC-3)" in (
        told.raw_description.pending_activities[0].last_failure.message
    )
    await until(lambda: handle.query("progress"), lambda each: (each["traded"], each["trading"]) == (1, ["A-1"]))
    await other.execute_update("cancel", {"by": "ben"})
    assert (await other.result())["status"] == "COMPLETE_WITH_ERRORS"
    assert counts(await handle.result()) == (2, 0, 0)
    assert held(desk) == {"X": 426, "Y": 568}  # 60 % and 40 % of 71,000.00, R having sold 133 Y and no X


async def test_a_child_that_is_lost_is_counted_and_what_it_left_is_ended_by_the_next(desk: TestDesk) -> None:
    other = await trading(desk)
    send(desk, 7, "0.6", "0.4")
    handle = await apply(desk, 7)
    child = desk.client.get_workflow_handle(f"{handle.id}/A-1")
    await until(child.describe, lambda each: any(p.attempt > 1 for p in each.raw_description.pending_activities))
    await child.terminate("by a test")
    assert counts(await handle.result()) == (1, 0, 1)
    await other.terminate("by a test")
    assert counts(await applied(desk, 7)) == (2, 0, 0)  # R's orders are cancelled and its fills booked first
    assert len(rows_of(desk, 7)) == 2
    assert desk.row((await started(other))["rebalance_id"]).stage == "ENDED"


async def started(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    progress: dict[str, Any] = await handle.query("progress")
    return progress


async def test_a_newer_version_trades_in_place_of_an_older_one(desk: TestDesk) -> None:
    """Version 2 moved X by 10 points and was never traded; 3 moves it back by 9.8, 0.2 from where A-1 is.

    It may also be where 2 left some sleeves: so the larger of both changes counts, and all trade to the exact weights.
    """
    desk.load(inside("A-1"))
    send(desk, 2, "0.6", "0.4")
    send(desk, 3, "0.502", "0.498")
    old = await applied(desk, 2)
    assert counts(old) == (0, 0, 0)
    assert old["superseded_by"] == 3
    new = await applied(desk, 3)
    assert new["largest_change"] == "0.098"
    assert counts(new) == (1, 0, 0)
    assert held(desk) == {"X": 301, "Y": 597}  # 30,120 of 60,000: one X more, for three Y less


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model_id": "NO", "version": 2}, 'unknown model "NO"'),
        ({"model_id": "M", "version": 9}, 'model "M" has no version 9: its newest is 1'),
        ({"model_id": "M", "version": 1}, 'version 1 of model "M" came by a book, not as a signal'),
        ({"model_id": "M"}, '"version" is missing'),
        ({"model_id": "M", "version": 0}, '"version": input should be greater than or equal to 1'),
        ({"model_id": "M", "version": 1, "weights": 3}, '"weights" is not a field of it'),
        ("M", "the input must be one JSON object"),
    ],
)
async def test_what_can_not_be_applied_fails_at_once_and_says_so(desk: TestDesk, given: Any, told: str) -> None:
    desk.load(inside("A-1"))
    handle = await desk.client.start_workflow("ApplyModelSignal", given, id="model-signal/test", task_queue=TASK_QUEUE)
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert told in str(failure.value.cause.cause or failure.value.cause)  # type: ignore[union-attr]


async def test_its_window_is_kept_and_a_long_run_continues_as_new(desk: TestDesk) -> None:
    desk.load(*(inside(f"A-{at}") for at in range(6)))
    send(desk, 2, "0.6", "0.4")
    handle = await apply(desk, 2, page_size=2, window=1, accounts_a_run=2)
    seen: list[dict[str, Any]] = []
    ended = asyncio.ensure_future(handle.result())
    while not ended.done():
        seen.append(await handle.query("progress"))
        await asyncio.wait([ended], timeout=0.05)
    assert counts(await ended) == (6, 0, 0)
    assert max(len(each["trading"]) for each in seen) == 1
    last = await handle.query("progress")
    assert (last["sleeves"], last["traded"], last["trading"]) == (6, 6, [])


async def test_a_rebalance_of_a_signal_that_nobody_sent_trades_nothing(desk: TestDesk) -> None:
    """Whoever reaches Temporal can start one: the row of a received signal decides, not what is typed (SIGNAL-1)."""
    desk.load(drifted("A-1"))
    for version, ready in ((1, False), (2, False), (2, True)):
        handle = await desk.client.start_workflow(
            "RebalanceAccount",
            {
                "account_id": "A-1",
                "requested_by": "eve",
                "kind": "signal",
                "signal": {"model": "M", "version": version, "largest_change": "1"},
            },
            id="whatever",
            task_queue=TASK_QUEUE,
        )
        if ready:  # it is being applied: the change is the signal's, and so is who asked
            await handle.result()
            break
        with pytest.raises(WorkflowFailureError) as refused:
            await handle.result()
        assert f"no signal of version {version} of model M is being applied" in str(refused.value.cause.__cause__)
        assert desk.venue_orders() == []
        if version == 2:
            send(desk, 2, "0.502", "0.498")
            with desk.books.transaction(Actor("test")) as books:
                books.signals.begin("M", 2)
    with desk.books.transaction() as books:
        row = books.rebalances.latest("A-1")
    assert row is not None
    assert row.requested_by == "ann"
    assert row.purpose["largest_change"] == "0.002"
