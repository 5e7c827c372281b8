"""How large one rebalance's history is: small enough to read, and to keep."""

from typing import Any

from tests.workflows.desk import TestDesk, account

MODELS, HOLDINGS = 5, 12


def wide_book() -> dict[str, Any]:
    """60 securities in five models of twelve, one of them drifted far: every holding trades."""
    symbols = [f"S{at:02d}" for at in range(MODELS * HOLDINGS)]
    models = [
        {
            "id": f"M{at}",
            "name": f"Model {at}",
            "holdings": [
                {"symbol": symbol, "weight": "0.08"} for symbol in symbols[at * HOLDINGS : (at + 1) * HOLDINGS]
            ]
            + [{"cash": True, "weight": "0.04"}],
        }
        for at in range(MODELS)
    ]
    return {
        "securities": [{"symbol": symbol, "price": "25.00"} for symbol in symbols],
        "models": models,
        "targets": [{"id": "WIDE", "components": [{"model": f"M{at}", "weight": "0.19"} for at in range(MODELS)]}],
    }


async def test_a_rebalance_of_sixty_holdings_stays_below_60_events_and_60_kilobytes(desk: TestDesk) -> None:
    sleeves = [
        {
            "model": f"M{at}",
            "cash": "1000.00",
            "holdings": [
                {"symbol": f"S{at * HOLDINGS + place:02d}", "quantity": "200" if at == 0 else "60"}
                for place in range(HOLDINGS)
            ],
        }
        for at in range(MODELS)
    ]
    desk.load(account(target="WIDE", cash="2000.00", first_rebalanced="2025-01-02", sleeves=sleeves), **wide_book())
    handle = await desk.start()
    await desk.pending(handle)
    await desk.approve(handle)
    result = await handle.result()
    assert result["status"] == "COMPLETE", result["issue"]
    assert len(result["orders"]) == MODELS * HOLDINGS
    history = await handle.fetch_history()
    events, size = len(history.events), sum(event.ByteSize() for event in history.events)
    assert events <= 60, f"{events} events, {size:,} bytes"
    assert size <= 60_000, f"{events} events, {size:,} bytes"
