"""Every ending of one account's rebalance, on a real server and a real database."""

from decimal import Decimal

from tests.workflows.desk import TestDesk, account, drifted


async def test_a_first_rebalance_opens_the_sleeve_and_ends_complete(desk: TestDesk) -> None:
    desk.load(account())
    assert desk.entry() is not None
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE", result
    assert result["issue"] is None
    # DESTINATION-1, a first investment lands on its weights. X: 300 × 100 = 30,000; Y: 600 × 50 = 30,000; Z: 38 % is
    # 1,900 × 20 = 38,000; cash: 100,000 − 98,000 = 2,000
    bought = {order["symbol"]: order["filled"] for order in result["orders"]}
    assert bought == {"X": "300", "Y": "600", "Z": "1900"}
    after = desk.snapshot().account
    assert after.managed.cash == Decimal("2000.00")
    assert [sleeve.key for sleeve in after.model_sleeves] == ["model:M"]
    assert str(after.first_rebalanced) == "2026-11-20"
    assert desk.entry() is None


async def test_a_drifted_account_sells_first_and_lands_in_its_band(desk: TestDesk) -> None:
    desk.load(drifted())
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE", result
    assert [order["side"] for order in result["orders"]] == ["sell", "sell", "buy"]
    assert all(order["status"] == "FILLED" for order in result["orders"])
    assert result["breaks"] == []


async def test_an_account_within_its_bands_needs_no_trade_and_no_approval(desk: TestDesk) -> None:
    desk.load(
        account(
            cash="2000.00",
            first_rebalanced="2025-01-02",
            holdings=[{"symbol": "Z", "quantity": "1900"}],
            sleeves=[{"model": "M", "holdings": [{"symbol": "X", "quantity": "600"}]}],
        )
    )
    result = await desk.rebalance()
    assert (result["status"], result["orders"]) == ("COMPLETE", [])
    assert desk.entry() is None  # MANUAL came and went
    assert desk.venue_orders() == []


async def test_one_minimum_missed_ends_complete_with_errors_and_stays_queued(desk: TestDesk) -> None:
    desk.load(account(target="TWO"))
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE_WITH_ERRORS"
    # MINIMUM-1: 49 % of 100,000.00 is 49,000.00; 100,000 ÷ 0.49 = 204,081.6327, up to the cent
    assert "204,081.64" in result["issue"]
    entry = desk.entry()
    assert entry is not None
    assert entry.last_issue == result["issue"]


async def test_every_minimum_missed_fails_without_an_order(desk: TestDesk) -> None:
    desk.load(account(target="BIG-ONLY"))
    result = await desk.rebalance()
    assert (result["status"], result["orders"]) == ("FAILED", [])
    assert "MINIMUM-1" in result["issue"]
    assert desk.venue_orders() == []


async def test_a_frozen_account_is_refused_with_the_reason(desk: TestDesk) -> None:
    desk.load(account(status="frozen"))
    result = await desk.rebalance()
    assert result["status"] == "FAILED"
    assert "frozen" in result["issue"]
    assert "CHECK-1" in result["issue"]


async def test_a_restriction_in_force_holds_in_execution(desk: TestDesk) -> None:
    desk.load(account(restrictions=[{"type": "no_buy", "symbol": "X", "from": "2026-01-01", "until": None}]))
    result = await desk.rebalance()
    assert result["status"] == "COMPLETE"
    assert {order["symbol"] for order in result["orders"]} == {order.symbol for order in desk.venue_orders()}
    assert "X" not in {order["symbol"] for order in result["orders"]}


async def test_cash_is_raised_and_the_account_stays_in_the_queue(desk: TestDesk) -> None:
    desk.load(drifted())
    # CASH-2: 1,000.00 shall be free above 1.5 % = 1,500.00. Of the 2,000.00 there, 500.00 are; 500.00 are raised, of X,
    # which is what the sleeve has most of.
    result = await desk.rebalance(kind="raise_cash", amount="1000.00")
    assert result["status"] == "COMPLETE"
    assert [(order["side"], order["symbol"], order["filled"]) for order in result["orders"]] == [("sell", "X", "5")]
    assert desk.snapshot().account.managed.cash == Decimal("2500.00")


async def test_a_liquidation_waits_for_an_approval_whatever_was_asked(desk: TestDesk) -> None:
    desk.load(drifted() | {"target": None, "first_rebalanced": None})
    handle = await desk.start(approval="automatic")
    await desk.pending(handle)
    assert desk.venue_orders() == []  # QUEUE-6
    await desk.approve(handle)
    result = await handle.result()
    assert result["status"] == "COMPLETE"
    after = desk.snapshot().account
    assert after.managed.cash == Decimal("100000.00")
    assert after.model_sleeves == ()  # RECON-2: a closing sleeve with nothing left is closed


async def test_automatic_approval_executes_at_once(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start(approval="automatic")
    result = await handle.result()
    assert result["status"] == "COMPLETE"
    assert desk.row(result["rebalance_id"]).approved_by == "policy: automatic approval"


async def test_cancelled_before_approval_executes_nothing(desk: TestDesk) -> None:
    desk.load(drifted())
    handle = await desk.start()
    await desk.pending(handle)
    await handle.execute_update("cancel", {"by": "ben", "reason": "client called"})
    result = await handle.result()
    assert (result["status"], result["issue"]) == ("CANCELED", "cancelled by ben: client called")
    assert desk.venue_orders() == []
    entry = desk.entry()
    assert entry is not None
    assert entry.last_issue == "cancelled by ben: client called"  # QUEUE-5


async def test_every_effect_has_its_audit_record(desk: TestDesk) -> None:
    desk.load(drifted())
    await desk.rebalance()
    audited = desk.audited()
    for action in ("rebalance started", "target checked", "sleeves verified", "minimums checked", "trades generated"):
        assert audited.count(action) == 1
    for action in ("approved", "order filled", "orders submitted", "positions booked", "rebalance ended"):
        assert action in audited
