"""What was seen is what is approved (DECIDE-1), and the answer to a decision is what happened (DECIDE-2)."""

import asyncio
import hashlib
from typing import Any

import pytest
from sqlalchemy import Text, cast, select
from temporalio.client import Client

from domain.approvals import listed
from storage.connection import Books
from storage.record import documents
from storage.schema.audit import audit_records
from storage.schema.execution import rebalances
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.slow_steps import slow


def sold_out(account_id: str = "A-1") -> dict[str, Any]:
    """Without a target: its rebalance is a liquidation."""
    return drifted(account_id) | {"target": None}


def retarget(desk: TestDesk, account_id: str = "A-1") -> None:
    with desk.books.transaction() as books:
        books.accounts.assign_target(account_id, "TWO", books.market.book_day().as_of)  # type: ignore[union-attr]


async def test_an_approval_names_the_plan_that_was_shown(desk: TestDesk) -> None:
    """Refused, with the plan that is pending: without a digest, with too little of one, with another one."""
    desk.load(drifted())
    handle = await desk.start()
    progress = await desk.pending(handle)
    with desk.books.transaction() as books:
        kept = books.connection.scalar(select(cast(documents.content(rebalances, "plan"), Text)))
    assert progress["plan"] == hashlib.sha256(str(kept).encode()).hexdigest()
    for given in ({}, {"plan": "0" * 64}, {"plan": "00000000"}):
        said = await desk.refused(handle, "approve", {"by": "ben", **given})
        assert "DECIDE-1" in said
        assert progress["plan"] in said
    for short in ("", progress["plan"][:7], "not a digest"):
        assert '"plan"' in await desk.refused(handle, "approve", {"by": "ben", "plan": short})
    answer = await handle.execute_update("approve", {"by": "ben", "plan": progress["plan"][:8].upper()})
    assert (answer["approved_by"], answer["outcome"], answer["round"]) == ("ben", "executing", 1)
    assert (await handle.result())["status"] == "COMPLETE"
    already = await desk.start("A-1")
    await already.result()


async def test_a_void_approval_says_so_and_what_changed(desk: TestDesk) -> None:
    """The target is replaced: the approval buys nothing, and the old plan's digest is refused with the new one."""
    desk.load(account())
    handle = await desk.start()
    first = (await desk.pending(handle))["plan"]
    retarget(desk)
    answer = await desk.approve(handle)
    assert (answer["approved_by"], answer["outcome"]) == (None, "void")
    assert "target" in answer["why"]
    second = (await desk.pending(handle, round_number=2))["plan"]
    said = await desk.refused(handle, "approve", {"by": "ben", "plan": first})
    assert second in said
    assert "round 2 was planned as this changed: changed since the plan: models, targets, target_id" in said
    assert desk.venue_orders() == []
    assert (await desk.approve(handle))["outcome"] == "executing"
    await handle.result()


async def test_who_decides_second_is_told_who_was_first(client: Client, books: Books) -> None:
    desk = TestDesk(client, books)
    desk.load(drifted())
    async with slow(desk, "begin_execution") as inside:
        handle = await desk.start()
        progress = await desk.pending(handle)
        said = {"by": "ben", "plan": progress["plan"]}
        first = asyncio.ensure_future(handle.execute_update("approve", said))
        await asyncio.wait_for(inside.wait(), 60)
        assert "ben approved it already" in await desk.refused(handle, "approve", said | {"by": "cid"})
        assert (await first)["outcome"] == "executing"
        await handle.result()


async def test_an_approval_that_has_not_begun_can_be_taken_back(client: Client, books: Books) -> None:
    """Cancelled while its execution begins: the orders that were written down are never sent."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    async with slow(desk, "begin_execution") as inside:
        handle = await desk.start()
        progress = await desk.pending(handle)
        said = {"by": "ben", "plan": progress["plan"]}
        approved = asyncio.ensure_future(handle.execute_update("approve", said))
        await asyncio.wait_for(inside.wait(), 60)
        await handle.execute_update("cancel", {"by": "ben", "reason": "the wrong account"})
        answer = await approved
        assert (answer["outcome"], answer["why"]) == ("cancelled", "cancelled by ben: the wrong account")
        assert (await handle.result())["status"] == "CANCELED"
    assert desk.venue_orders() == []


async def test_a_liquidation_is_never_approved_unseen(desk: TestDesk) -> None:
    desk.load(sold_out())
    handle = await desk.start()
    progress = await desk.pending(handle)
    assert progress["liquidation"]
    unseen = {"by": "ben", "plan": progress["plan"], "unseen": True}
    assert "never approved unseen" in await desk.refused(handle, "approve", unseen)
    await desk.approve(handle)
    assert (await handle.result())["status"] == "COMPLETE"


async def test_that_nobody_looked_is_recorded(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    progress = await desk.pending(handle)
    await handle.execute_update("approve", {"by": "ben", "plan": progress["plan"], "unseen": True})
    await handle.result()
    with desk.books.transaction() as books:
        kept: Any = books.connection.scalar(select(audit_records.c.after).where(audit_records.c.action == "approved"))
    assert (kept["plan"], kept["round"], kept["unseen"]) == (progress["plan"], 1, True)


async def test_a_request_is_approved_for_the_plans_that_its_page_showed(desk: TestDesk) -> None:
    """A-1 to A-3; A-2 is planned again after the page was shown: that list is void, and says which is new."""
    desk.load(*map(account, ("A-1", "A-2", "A-3")))
    handle = await requests.start(desk, "A-1", "A-2", "A-3")
    shown = (await requests.pending(handle, 3))["plans"]
    with desk.books.transaction() as books:
        waiting = books.requests.pending("Q-1")
    assert shown == listed((str(each.rebalance_id), str(each.plan)) for each in waiting)
    assert shown in await desk.refused(handle, "approve", {"by": "ben"})
    retarget(desk, "A-2")
    await desk.client.get_workflow_handle("rebalance/A-2").signal("plan_again", {"why": "a signal came"})
    now = await requests.until(handle, lambda told: told["plans"] not in {shown, None} and told["pending"] == 3)
    said = await desk.refused(handle, "approve", {"by": "ben", "plan": shown})
    assert now["plans"] in said
    assert "of A-2 (round 2)" in said
    assert desk.venue_orders() == []
    assert "request approval refused" in desk.audited_of_requests()
    assert (await requests.approve(handle))["accounts"] == 3
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 2, "COMPLETE_WITH_ERRORS": 1}


@pytest.mark.parametrize("runs", [1, 3])
async def test_a_request_never_takes_a_liquidation_along(desk: TestDesk, runs: int) -> None:
    """A-2 has no target. It waits for an approval by its own name, or where it is named in the list."""
    desk.load(drifted("A-1"), sold_out("A-2"), drifted("A-3"))
    handle = await requests.start(desk, "A-1", "A-2", "A-3", window=1, accounts_a_run=3 // runs)
    progress = await requests.pending(handle, 3)
    (liquidation,) = progress["liquidations"]
    answer = await requests.approve(handle)
    assert (answer["accounts"], answer["liquidations"]) == (2, [liquidation])
    await requests.until(handle, lambda told: told["counts"] == {"COMPLETE": 2, "PENDING_APPROVAL": 1})
    assert {order.account_id for order in desk.venue_orders()} == {"A-1", "A-3"}
    alone = await desk.refused(handle, "approve", {"by": "ben", "plan": "0" * 8})
    assert f"approved by its own name (DECIDE-1): {liquidation}" in alone
    with desk.books.transaction() as books:
        plan = str(books.requests.pending("Q-1")[0].plan)
    named = {"by": "ben", "plan": listed([(liquidation, plan)]), "liquidations": [liquidation]}
    assert "never approved unseen" in await desk.refused(handle, "approve", named | {"unseen": True})
    assert (await handle.execute_update("approve", named))["accounts"] == 1
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 3}


async def test_a_requests_approval_that_is_void_for_an_account_is_not_counted(desk: TestDesk) -> None:
    desk.load(account("A-1"), account("A-2"))
    handle = await requests.start(desk, "A-1", "A-2")
    await requests.pending(handle, 2)
    retarget(desk, "A-2")
    answer = await requests.approve(handle)
    assert answer["accounts"] == 1
    assert [(each["account_id"], each["reason"].split(":")[0]) for each in answer["refused"]] == [("A-2", "void")]
    await requests.until(handle, lambda told: told["pending"] == 1)
    await handle.execute_update("cancel", {"by": "ben"})
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 1, "CANCELED": 1}
