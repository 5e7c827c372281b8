"""Who may approve and cancel, and what is said to who may not."""

from tests.workflows.desk import TestDesk, account, drifted


async def test_the_requester_may_not_approve(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    assert "four eyes" in await desk.refused(handle, "approve", {"by": "ann"})
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
