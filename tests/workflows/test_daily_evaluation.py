"""The daily evaluation, page by page on a real server."""

from typing import Any

from tests.workflows.desk import TestDesk, account, drifted
from workflows.contract import EVALUATION_ID, TASK_QUEUE


async def evaluate(desk: TestDesk, **given: Any) -> dict[str, Any]:
    handle = await desk.client.start_workflow("DailyTargetEvaluation", given, id=EVALUATION_ID, task_queue=TASK_QUEUE)
    result: dict[str, Any] = await handle.result()
    return result


async def test_every_account_is_looked_at_and_queued_for_its_reason(desk: TestDesk) -> None:
    inside = account(
        "A-2",
        cash="2000.00",
        first_rebalanced="2025-01-02",
        holdings=[{"symbol": "Z", "quantity": "1900"}],
        sleeves=[{"model": "M", "holdings": [{"symbol": "X", "quantity": "600"}]}],
    )
    cash_rich = inside | {"id": "A-3", "cash": "12000.00"}
    off = drifted("A-4") | {"rebalancing": False}
    frozen = drifted("A-5") | {"status": "frozen"}
    desk.load(drifted("A-1"), inside, cash_rich, off, frozen, account("A-6"))
    found = await evaluate(desk, page_size=2)
    assert found["evaluated"] == 5  # A-4 is left out (QUEUE-2)
    assert found["queued"] == {"OUTSIDE_TOLERANCE": 1, "HIGH_CASH": 1, "FIRST_REBALANCE": 1}
    assert found["unable_to_check"] == 1
    assert found["unable"] == {"ACCOUNT_FROZEN": 1}
    assert [each["account_id"] for each in found["unable_accounts"]] == ["A-5"]
    entry = desk.entry("A-1")
    assert entry is not None
    assert entry.evidence["OUTSIDE_TOLERANCE"]["model:M"]["upper"] == "0.72"
    assert desk.entry("A-2") is None
    assert desk.entry("A-4") is None
    first = desk.entry("A-6")
    assert first is not None
    assert first.reasons == ["FIRST_REBALANCE", "HIGH_CASH", "OUTSIDE_TOLERANCE"]


async def test_a_second_evaluation_of_an_unchanged_book_changes_nothing(desk: TestDesk) -> None:
    desk.load(drifted("A-1"), account("A-2"))
    await evaluate(desk)
    before = [(desk.entry(each), desk.audited(each)) for each in ("A-1", "A-2")]
    await evaluate(desk)
    assert [(desk.entry(each), desk.audited(each)) for each in ("A-1", "A-2")] == before


async def test_a_drift_too_small_to_trade_is_not_queued(desk: TestDesk) -> None:
    """QUEUE-4. 1,000.00: Z at 460.00 is above its 45.6 %; selling to 39.52 % is 64.80, 4 shares, 80.00: too small.
    M at 520.00 would grow by 56.00 to its 57.6 %: one Y, 50.00: too small as well.
    """
    tiny = account(
        "A-1",
        cash="20.00",
        first_rebalanced="2025-01-02",
        holdings=[{"symbol": "Z", "quantity": "23"}],
        sleeves=[
            {
                "model": "M",
                "cash": "20.00",
                "holdings": [{"symbol": "X", "quantity": "4"}, {"symbol": "Y", "quantity": "2"}],
            }
        ],
    )
    desk.load(tiny)
    found = await evaluate(desk)
    assert found["queued"] == {}
    assert found["within"] == 1
    assert desk.entry() is None


async def test_a_day_that_cannot_be_read_ends_the_evaluation(desk: TestDesk) -> None:
    import pytest
    from temporalio.client import WorkflowFailureError

    desk.load(account())
    for given in ({"as_of": "yesterday"}, {"as-of": "2026-11-20"}, {"page_size": 0}):
        with pytest.raises(WorkflowFailureError) as failure:
            await evaluate(desk, **given)
        assert "evaluation refused" in str(failure.value.cause)
