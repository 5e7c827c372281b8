"""Who may approve and cancel, and what is said to who may not."""

from pathlib import Path

import pytest
import yaml
from temporalio.client import WorkflowFailureError

from policy import DEFAULTS, FIRM_FILE
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, account, drifted

FROM_THEN_ON = {"from": "2026-01-01", "value": ["schedule"], "because": "nobody trades without a second person"}


async def test_the_requester_may_not_approve(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    for name in ("ann", "Ann", " ANN\u00a0"):  # one person, however the name is typed
        assert "four eyes" in await desk.refused(handle, "approve", {"by": name})
    await desk.approve(handle, by="ben")
    assert (await handle.result())["status"] == "COMPLETE"


async def test_the_requester_may_approve_where_the_policy_lets_one_person(desk: TestDesk) -> None:
    desk.load(drifted(), policy={"four_eyes": False})
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle, by="ann")
    assert (await handle.result())["status"] == "COMPLETE"


async def test_what_cannot_be_read_is_refused_with_an_example(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    for given in ({}, {"by": ""}, {"by": 7}, {"bye": "ben"}, "ben", None, [1]):
        for update in ("approve", "cancel"):
            said = await desk.refused(handle, update, given)
            assert "refused" in said
            assert "Example" in said
    assert (await handle.query("progress"))["pending"]


async def test_nothing_is_pending_once_it_is_decided(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle)
    await handle.result()
    row = desk.row((await handle.result())["rebalance_id"])
    assert row.approved_by == "ben"


async def test_a_changed_account_is_planned_again_and_asks_again(desk: TestDesk) -> None:
    """EXEC-3: the target is replaced between plan and approval; the first approval buys nothing."""
    desk.load(account())
    handle = await desk.start()
    await desk.pending(handle)
    with desk.books.transaction() as books:
        books.accounts.assign_target("A-1", "TWO", books.market.book_day().as_of)  # type: ignore[union-attr]
    await desk.approve(handle)
    progress = await desk.pending(handle, round_number=2)
    assert progress["stage"] == "PENDING APPROVAL"
    assert desk.venue_orders() == []
    await desk.approve(handle)
    result = await handle.result()
    assert result["status"] == "COMPLETE_WITH_ERRORS"  # TWO: the second model's minimum is missed
    assert {order["symbol"] for order in result["orders"]} == {"X", "Y"}
    assert "approval void: the account changed" in desk.audited()


async def test_a_second_rebalance_of_the_account_is_not_started(desk: TestDesk) -> None:
    from temporalio.exceptions import WorkflowAlreadyStartedError

    desk.load(drifted())
    await desk.pending(await desk.start())
    try:
        await desk.start()
    except WorkflowAlreadyStartedError:
        return
    raise AssertionError("two rebalances of one account")


async def test_who_may_ask_for_automatic_approval_is_policy(
    desk: TestDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The firm's file names the schedule alone: ann's rebalance and ann's request end at once, and say so."""
    numbers = yaml.safe_load(Path(DEFAULTS).read_text())
    firm = {"automatic_approval": numbers["automatic_approval"] | {"values": [FROM_THEN_ON]}}
    (tmp_path / "firm.yaml").write_text(yaml.safe_dump(firm))
    desk.load(drifted("A-1"), drifted("A-2"))
    monkeypatch.setenv(FIRM_FILE, str(tmp_path / "firm.yaml"))
    for start in (desk.start("A-1", approval="automatic"), requests.start(desk, "A-1", approval="automatic")):
        with pytest.raises(WorkflowFailureError) as refused:
            await (await start).result()
        told = str(refused.value.cause.__cause__)
        assert "ann may not ask for automatic approval, schedule may (policy automatic_approval)" in told
    assert (await (await desk.start("A-2", approval="automatic", requested_by=" Schedule")).result())["orders"]
    assert {order.account_id for order in desk.venue_orders()} == {"A-2"}
